"""PSNR and SSIM against scikit-image, loops, and values known by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.filters import gaussian

from srtheory.data import photograph
from srtheory.metrics import psnr, ssim

from .oracles import expected_psnr, expected_ssim, luma, slow_ssim

METRICS = [psnr, ssim]
every_metric = pytest.mark.parametrize("metric", METRICS)


def noisy(*shape: int, spread: float = 0.1, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    hr = torch.rand(shape, dtype=torch.float64)
    sr = (hr + spread * torch.randn(shape, dtype=torch.float64)).clamp(0, 1)
    return sr.to(dtype), hr.to(dtype)


@pytest.mark.parametrize("border", [0, 1, 4])
@pytest.mark.parametrize("channel", ["y", "rgb"])
@pytest.mark.parametrize("name", ["astronaut", "chelsea", "camera"])
def test_photographs_match_scikit_image(name, channel, border):
    hr = photograph(name)[:, 40:201, 60:250]
    sr = torch.from_numpy(gaussian(hr.numpy(), sigma=1.2, channel_axis=0))
    assert abs(psnr(sr, hr, channel, border).item() - expected_psnr(sr.numpy(), hr.numpy(), channel, border)) < 1e-6
    assert abs(ssim(sr, hr, channel, border).item() - expected_ssim(sr.numpy(), hr.numpy(), channel, border)) < 1e-6


@settings(max_examples=30)
@given(
    height=st.integers(11, 24),
    width=st.integers(11, 24),
    border=st.integers(0, 3),
    channels=st.sampled_from([1, 3]),
    channel=st.sampled_from(["y", "rgb"]),
    spread=st.floats(0.01, 0.5),
    seed=st.integers(0, 10**6),
)
def test_random_pictures_match_scikit_image(height, width, border, channels, channel, spread, seed):
    torch.manual_seed(seed)
    sr, hr = noisy(channels, height + 2 * border, width + 2 * border, spread=spread)
    a, b = sr.numpy(), hr.numpy()
    assert abs(psnr(sr, hr, channel, border).item() - expected_psnr(a, b, channel, border)) < 1e-6
    assert abs(ssim(sr, hr, channel, border).item() - expected_ssim(a, b, channel, border)) < 1e-6


def test_ssim_matches_its_definition_window_by_window():
    sr, hr = noisy(1, 15, 13)
    assert ssim(sr, hr, border=0).item() == pytest.approx(slow_ssim(sr[0].numpy(), hr[0].numpy()), abs=1e-12)
    sr, hr = noisy(3, 13, 14)
    expected = np.mean([slow_ssim(a, b) for a, b in zip(sr.numpy(), hr.numpy(), strict=True)])
    assert ssim(sr, hr, "rgb", border=0).item() == pytest.approx(expected, abs=1e-12)


def test_ssim_of_one_window():
    sr, hr = noisy(1, 11, 11)
    assert ssim(sr, hr, border=0).item() == pytest.approx(slow_ssim(sr[0].numpy(), hr[0].numpy()), abs=1e-12)


@pytest.mark.parametrize(("offset", "expected"), [(0.1, 20), (0.01, 40), (1, 0), (0.5, 20 * math.log10(2)), (-0.1, 20)])
def test_psnr_of_a_constant_error(offset, expected):
    hr = torch.full((1, 12, 12), 0.5, dtype=torch.float64)
    assert psnr(hr + offset, hr).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("color", "weight"), [(0, 65.481), (1, 128.553), (2, 24.966)])
def test_psnr_of_luma_weighs_the_colors(color, weight):
    hr = torch.zeros(3, 12, 12, dtype=torch.float64)
    sr = hr.clone()
    sr[color] = 0.2
    assert psnr(sr, hr, "y").item() == pytest.approx(-20 * math.log10(0.2 * weight / 255), abs=1e-9)
    assert psnr(sr, hr, "rgb").item() == pytest.approx(-10 * math.log10(0.2**2 / 3), abs=1e-9)


def test_ssim_of_constants_by_hand():
    sr, hr = torch.full((1, 11, 11), 0.25, dtype=torch.float64), torch.full((1, 11, 11), 0.75, dtype=torch.float64)
    expected = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
    assert ssim(sr, hr, border=0).item() == pytest.approx(expected, abs=1e-12)


def test_luma_of_black_is_16():
    """SSIM is not blind to an offset, so it tells whether luma starts at 16 / 255."""
    sr, hr = torch.zeros(3, 11, 11, dtype=torch.float64), torch.ones(3, 11, 11, dtype=torch.float64)
    low, high = 16 / 255, 235 / 255
    expected = (2 * low * high + 1e-4) / (low**2 + high**2 + 1e-4)
    assert ssim(sr, hr, border=0).item() == pytest.approx(expected, abs=1e-9)
    assert psnr(sr, hr, border=0).item() == pytest.approx(-20 * math.log10(219 / 255), abs=1e-9)


@every_metric
def test_one_channel_is_luma_as_it_stands(metric):
    sr, hr = noisy(3, 20, 20)
    as_luma = metric(torch.from_numpy(luma(sr.numpy())), torch.from_numpy(luma(hr.numpy())), "y")
    assert metric(sr, hr, "y").item() == pytest.approx(as_luma.item(), abs=1e-10)
    assert torch.equal(metric(sr[:1], hr[:1], "y"), metric(sr[:1], hr[:1], "rgb"))


@every_metric
def test_by_default_luma_without_four_pixels_at_each_side(metric):
    sr, hr = noisy(3, 24, 25)
    assert torch.equal(metric(sr, hr), metric(sr, hr, channel="y", border=4, max_value=1.0))
    assert metric(sr, hr) != metric(sr, hr, channel="rgb")


@pytest.mark.parametrize("border", [1, 2, 5])
@every_metric
def test_border_does_not_count_and_the_rest_does(metric, border):
    sr, hr = noisy(3, 24, 26)
    spoiled = torch.rand_like(sr)
    inside = (..., slice(border, -border), slice(border, -border))
    spoiled[inside] = sr[inside]
    assert torch.equal(metric(spoiled, hr, border=border), metric(sr, hr, border=border))
    assert torch.equal(metric(sr, hr, border=border), metric(sr[inside], hr[inside], border=0))
    for row, column in [(border, border), (-border - 1, -border - 1), (border, -border - 1)]:
        touched = sr.clone()
        touched[:, row, column] += 0.3
        assert metric(touched, hr, border=border) != metric(sr, hr, border=border)


@pytest.mark.parametrize("channel", ["y", "rgb"])
@every_metric
def test_range_only_scales(metric, channel):
    sr, hr = noisy(3, 20, 20)
    scaled = metric(sr * 255, hr * 255, channel, max_value=255)
    assert scaled.item() == pytest.approx(metric(sr, hr, channel).item(), abs=1e-9)
    assert metric(sr, hr, channel, max_value=20) > metric(sr, hr, channel) + 0.01


@pytest.mark.parametrize("channel", ["y", "rgb"])
def test_equal_pictures(channel):
    hr = photograph("coffee")[:, :64, :64]
    assert psnr(hr, hr.clone(), channel).item() == math.inf
    assert ssim(hr, hr.clone(), channel).item() == 1


@every_metric
def test_symmetric_in_its_pictures(metric):
    sr, hr = noisy(2, 3, 20, 21)
    torch.testing.assert_close(metric(sr, hr), metric(hr, sr), rtol=1e-12, atol=0)


@every_metric
def test_nothing_is_clipped_or_rounded(metric):
    hr = torch.rand(1, 20, 20, dtype=torch.float64)
    assert metric(hr + 1e-5, hr) != metric(hr + 2e-5, hr)
    assert metric(hr + 1, hr) != metric((hr + 1).clamp(0, 1), hr)


@pytest.mark.parametrize("channel", ["y", "rgb"])
@every_metric
def test_gradient(metric, channel):
    sr, hr = noisy(3, 12, 13)
    assert torch.autograd.gradcheck(lambda x: metric(x, hr, channel, border=0), sr.requires_grad_(), fast_mode=True)
    (gradient,) = torch.autograd.grad(metric(sr, hr, channel, border=0), sr)
    assert gradient.abs().min() > 0


@every_metric
def test_a_truth_with_a_gradient_is_no_warning(metric):
    sr, hr = noisy(3, 20, 20)
    metric(sr, hr.requires_grad_()).backward()
    assert hr.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("channel", ["y", "rgb"])
@every_metric
def test_dtype_is_that_of_sr_and_the_work_is_done_in_float64(metric, channel, dtype):
    sr, hr = noisy(3, 24, 24, dtype=dtype)
    exact = metric(sr.double(), hr.double(), channel)
    for value in (metric(sr, hr, channel), metric(sr, hr.double(), channel)):
        assert value.dtype == dtype
        assert torch.equal(value, exact.to(dtype))


def test_small_errors_survive_float32():
    hr = torch.rand(1, 64, 64, dtype=torch.float32) / 2 + 0.5
    sr = hr + 2.0**-23
    assert psnr(sr, hr).item() == pytest.approx(20 * math.log10(2**23), abs=1e-3)


@pytest.mark.parametrize("batch", [(), (1,), (4,), (2, 3)])
@every_metric
def test_one_value_per_picture(metric, batch):
    sr, hr = noisy(*batch, 3, 20, 21)
    values = metric(sr, hr)
    assert values.shape == batch
    alone = [metric(a, b) for a, b in zip(sr.reshape(-1, 3, 20, 21), hr.reshape(-1, 3, 20, 21), strict=True)]
    torch.testing.assert_close(values.flatten(), torch.stack(alone), rtol=1e-12, atol=0)


@every_metric
def test_autocast_changes_nothing(metric):
    sr, hr = noisy(3, 24, 24, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = metric(sr, hr)
    assert torch.equal(inside, metric(sr, hr))


def written_protected(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x,
        lambda x: x[:, ::-1].copy()[:, ::-1],
        lambda x: np.asfortranarray(x),
        lambda x: x.astype(np.float32).astype(np.float64),
        written_protected,
    ],
    ids=["plain", "negative-stride", "fortran", "rounded", "read-only"],
)
@every_metric
def test_arrays_are_taken_as_tensors_are(metric, view):
    sr, hr = (x.float().double() for x in noisy(3, 20, 21))
    assert torch.equal(metric(view(sr.numpy()), hr), metric(sr, hr))
    assert torch.equal(metric(sr, view(hr.numpy())), metric(sr, hr))


@every_metric
def test_nan_in_nan_out(metric):
    sr, hr = noisy(2, 3, 20, 20)
    sr[1, 0, 9, 9] = math.nan
    values = metric(sr, hr)
    assert values[0].isfinite()
    assert values[1].isnan()


@every_metric
def test_inputs_are_left_as_they_are(metric):
    sr, hr = noisy(3, 20, 20)
    before = sr.clone(), hr.clone()
    metric(sr, hr)
    metric(sr.numpy(), hr.numpy())
    assert torch.equal(sr, before[0])
    assert torch.equal(hr, before[1])


@settings(max_examples=30)
@given(spread=st.floats(0, 1), seed=st.integers(0, 10**6))
def test_ssim_is_at_most_one(spread, seed):
    torch.manual_seed(seed)
    assert -1 <= ssim(*noisy(3, 14, 14, spread=spread), border=0).item() <= 1


@every_metric
def test_more_noise_is_worse(metric):
    hr = photograph("camera", gray=True)[:, 100:164, 100:164]
    noise = torch.randn_like(hr)
    values = [metric(hr + spread * noise, hr).item() for spread in (0.01, 0.03, 0.1, 0.3)]
    assert values == sorted(values, reverse=True)
