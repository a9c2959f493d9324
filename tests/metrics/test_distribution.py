"""Distribution metrics against SciPy, NumPy and loops, values known by hand, and the way blur and noise move them."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.stats import wasserstein_distance

from srtheory.data import photograph
from srtheory.metrics import (
    Spectrum,
    gradient_distance,
    psnr,
    radial_spectrum,
    sliced_wasserstein,
    spectrum_distance,
    spectrum_gap,
    wavelet_distance,
)

from .oracles import prepared

quick_sliced = partial(sliced_wasserstein, patches=50, projections=8)
INTENSITY = {"sliced": quick_sliced, "gradient": gradient_distance, "wavelet": wavelet_distance}  # in its units
DECIBELS = {"distance": spectrum_distance, "gap": spectrum_gap}
METRICS = INTENSITY | DECIBELS
DISTANCES = INTENSITY | {"distance": spectrum_distance}
every_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
every_distance = pytest.mark.parametrize("metric", DISTANCES.values(), ids=DISTANCES)
FULL = {**DISTANCES, "sliced": sliced_wasserstein}
every_full_distance = pytest.mark.parametrize("metric", FULL.values(), ids=FULL)
on_photographs = pytest.mark.parametrize("name", ["astronaut", "brick", "camera", "chelsea", "coffee"])


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pair(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(shape, dtype=torch.float64), torch.rand(shape, dtype=torch.float64)


def normal(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def blurred(x: torch.Tensor, sigma: float) -> torch.Tensor:
    return torch.from_numpy(gaussian_filter(x.numpy(), [0] * (x.ndim - 2) + [sigma] * 2, mode="nearest"))


def crop(name: str) -> torch.Tensor:
    return photograph(name)[:, 60:220, 100:300]


# Second implementations


def slow_sliced(sr, hr, size, projections, patches, center, seed):
    """Only the draws are shared: directions, then rows, then columns."""
    generator = seeded(seed)
    directions = torch.randn(projections, size * size, generator=generator, dtype=torch.float64).numpy()
    H, W = hr.shape
    if patches is None:
        places = [(i, j) for i in range(H - size + 1) for j in range(W - size + 1)]
    else:
        rows, columns = (torch.randint(side - size + 1, (1, patches), generator=generator)[0] for side in (H, W))
        places = list(zip(rows.tolist(), columns.tolist(), strict=True))
    values = []
    for direction in directions:
        if center:
            direction = direction - direction.mean()
        length = math.sqrt(sum(number**2 for number in direction))
        projected = [
            [
                sum(p * d for p, d in zip(x[i : i + size, j : j + size].ravel(), direction, strict=True))
                for i, j in places
            ]
            for x in (sr, hr)
        ]
        values.append(wasserstein_distance(*projected) / length)
    return np.mean(values)


@pytest.mark.parametrize("patches", [20, None])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(("channels", "size", "border"), [(1, 3, 0), (3, 4, 1)])
def test_sliced_wasserstein_matches_loops_and_scipy(channels, size, border, center, patches):
    sr, hr = pair(channels, 11, 13)
    found = sliced_wasserstein(sr, hr, size, 5, patches, border, center=center, generator=seeded(3))
    a, b = (prepared(x.numpy(), "y", border)[0] for x in (sr, hr))
    assert found.item() == pytest.approx(slow_sliced(a, b, size, 5, patches, center, 3), abs=1e-12)


def slow_gradients(x: np.ndarray) -> list[float]:
    H, W = x.shape
    return [
        math.sqrt((x[i, j + 1] - x[i, j]) ** 2 + (x[i + 1, j] - x[i, j]) ** 2)
        for i in range(H - 1)
        for j in range(W - 1)
    ]


@pytest.mark.parametrize(("channels", "border"), [(1, 0), (3, 2)])
def test_gradient_distance_matches_loops_and_scipy(channels, border):
    sr, hr = pair(channels, 12, 15)
    a, b = (slow_gradients(prepared(x.numpy(), "y", border)[0]) for x in (sr, hr))
    assert gradient_distance(sr, hr, border).item() == pytest.approx(wasserstein_distance(a, b), abs=1e-12)


def slow_haar(x: np.ndarray, levels: int) -> list[list[float]]:
    """The detail bands, block by block."""
    bands = []
    side = 2**levels
    x = x[: x.shape[0] // side * side, : x.shape[1] // side * side]
    for _ in range(levels):
        level = [[], [], []]
        smaller = np.empty((x.shape[0] // 2, x.shape[1] // 2))
        for i in range(smaller.shape[0]):
            for j in range(smaller.shape[1]):
                a, b, c, d = x[2 * i, 2 * j], x[2 * i, 2 * j + 1], x[2 * i + 1, 2 * j], x[2 * i + 1, 2 * j + 1]
                smaller[i, j] = (a + b + c + d) / 2
                level[0].append((a - b + c - d) / 2)
                level[1].append((a + b - c - d) / 2)
                level[2].append((a - b - c + d) / 2)
        bands += level
        x = smaller
    return bands


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize(("channels", "border"), [(1, 0), (3, 2)])
def test_wavelet_distance_matches_loops_and_scipy(channels, border, levels):
    sr, hr = pair(channels, 21, 30)
    a, b = (slow_haar(prepared(x.numpy(), "y", border)[0], levels) for x in (sr, hr))
    expected = np.mean([wasserstein_distance(x, y) for x, y in zip(a, b, strict=True)])
    assert wavelet_distance(sr, hr, levels, border).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_wavelet_distance_matches_pywavelets(levels):
    pywt = pytest.importorskip("pywt", reason="PyWavelets is not installed")
    sr, hr = crop("coffee")[:1, :96, :80], crop("camera")[:1, :96, :80]
    a, b = (pywt.wavedec2(x[0].numpy(), "haar", mode="periodization", level=levels)[1:] for x in (sr, hr))
    expected = np.mean(
        [
            wasserstein_distance(x.ravel(), y.ravel())
            for one, other in zip(a, b, strict=True)
            for x, y in zip(one, other, strict=True)
        ]
    )
    assert wavelet_distance(sr, hr, levels, border=0).item() == pytest.approx(expected, abs=1e-12)


def slow_spectrum(x: np.ndarray, window: bool) -> tuple[list[float], list[float], list[int]]:
    """Frequencies, powers and numbers of coefficients, one coefficient at a time."""
    H, W = x.shape
    N = max(H, W)
    if window:
        rows = [0.5 - 0.5 * math.cos(2 * math.pi * (i + 0.5) / H) for i in range(H)]
        columns = [0.5 - 0.5 * math.cos(2 * math.pi * (j + 0.5) / W) for j in range(W)]
        weights = np.outer(rows, columns)
        x = (x - np.average(x, weights=weights)) * weights / np.sqrt(np.mean(weights**2))
    spectrum = np.fft.fft2(x)
    rings: dict[int, list[float]] = {}
    for i in range(H):
        for j in range(W):
            radius = math.sqrt((min(i, H - i) * N / H) ** 2 + (min(j, W - j) * N / W) ** 2)
            rings.setdefault(round(radius), []).append(abs(spectrum[i, j]) ** 2 / (H * W))
    order = sorted(rings)
    assert order == list(range(len(order)))  # no ring is empty
    return [r / N for r in order], [float(np.mean(rings[r])) for r in order], [len(rings[r]) for r in order]


@settings(max_examples=25)
@given(height=st.integers(1, 24), width=st.integers(1, 24), window=st.booleans(), seed=st.integers(0, 10**6))
def test_radial_spectrum_matches_numpy(height, width, window, seed):
    x = torch.rand(height, width, generator=seeded(seed), dtype=torch.float64)
    found = radial_spectrum(x, window=window)
    frequency, power, _ = slow_spectrum(x.numpy(), window)
    assert isinstance(found, Spectrum)
    np.testing.assert_allclose(found.frequency, frequency, rtol=1e-15)
    np.testing.assert_allclose(found.power, power, rtol=1e-9, atol=1e-20)


@pytest.mark.parametrize(("low", "high"), [(0, 0.5), (0.25, 0.5), (0.1, 0.2), (0.3, 1)])
@pytest.mark.parametrize(("channels", "border"), [(1, 0), (3, 2)])
def test_spectra_are_compared_as_with_numpy(channels, border, low, high):
    sr, hr = pair(channels, 20, 31)
    sr[:, :, ::2] = 0.5  # so that some powers are far apart
    (f, a, _), (_, b, _) = (slow_spectrum(prepared(x.numpy(), "y", border)[0], True) for x in (sr, hr))
    least = (1 / 255) ** 2 / 12
    gaps = [
        10 * math.log10(max(p, least) / max(q, least))
        for frequency, p, q in zip(f, a, b, strict=True)
        if low <= frequency <= high and frequency > 0
    ]
    assert spectrum_gap(sr, hr, low, high, border).item() == pytest.approx(np.mean(gaps), abs=1e-9)
    rms = math.sqrt(np.mean(np.square(gaps)))
    assert spectrum_distance(sr, hr, low, high, border).item() == pytest.approx(rms, abs=1e-9)


# Gradients


@every_metric
def test_gradients_are_defined_where_a_root_is_zero(metric):
    flat = torch.full((1, 16, 16), 0.5, dtype=torch.float64)
    for sr, hr in ((flat, pair(1, 16, 16)[1]), (flat, flat), (pair(1, 16, 16)[0], flat), 2 * (pair(3, 16, 16)[0],)):
        sr, hr = sr.clone().requires_grad_(), hr.clone().requires_grad_()  # and no warning that hr has a gradient
        metric(sr, hr, border=0).backward()
        assert sr.grad.isfinite().all()
        assert hr.grad.isfinite().all()


def test_gradient_of_a_flat_corner():
    sr = torch.tensor([[[0, 0, 0.3], [0, 0, 0.5]]], dtype=torch.float64, requires_grad=True)
    hr = torch.tensor([[[0, 0.2, 0.3], [0.1, 0.4, 0.5]]], dtype=torch.float64)
    gradient_distance(sr, hr, border=0).backward()
    assert sr.grad.isfinite().all()
    assert sr.grad[0, :, 2].abs().max() > 0
    assert not sr.grad[0, 1, 0].any()  # touches the flat corner only


# Values known by hand


def test_one_pixel_patches_have_the_distance_of_gray_values():
    sr, hr = pair(1, 12, 14)
    found = sliced_wasserstein(sr, hr, 1, 3, None, 0, center=False)
    assert found.item() == pytest.approx(wasserstein_distance(sr.flatten(), hr.flatten()), abs=1e-12)
    assert sliced_wasserstein(hr + 0.2, hr, 1, 3, center=False).item() == pytest.approx(0.2, abs=1e-12)


def test_brightness_does_not_count_but_for_patches_with_their_mean():
    hr = crop("coffee")
    for metric in METRICS.values():
        assert metric(hr + 0.1, hr).abs().item() < 1e-9
    assert sliced_wasserstein(hr + 0.1, hr, center=False) > 0.01


@pytest.mark.parametrize("metric", [partial(sliced_wasserstein, patches=None, projections=16), wavelet_distance])
def test_white_noise_by_its_standard_deviation(metric):
    """W1 between normal distributions of mean zero: the difference of deviations times E|z|, in every direction."""
    sr, hr = 0.5 + 0.03 * normal(1, 128, 160), 0.5 + 0.1 * normal(1, 128, 160, seed=2)
    assert metric(sr, hr).item() == pytest.approx(0.07 * math.sqrt(2 / math.pi), rel=0.05)


def test_shifted_normal_distributions_are_as_far_as_their_means():
    sr, hr = normal(1, 200, 200, seed=2) / 10 + 0.6, normal(1, 200, 200) / 10 + 0.4
    assert sliced_wasserstein(sr, hr, 1, 2, None, center=False).item() == pytest.approx(0.2, abs=0.003)


def test_gradients_of_ramps_are_their_slopes():
    ramp = torch.arange(20, dtype=torch.float64)
    columns, rows = ramp.expand(1, 20, 20), ramp[:, None].expand(1, 20, 20)
    assert gradient_distance(0.03 * columns, 0.01 * columns).item() == pytest.approx(0.02, abs=1e-12)
    assert gradient_distance(0.03 * columns, 0.03 * rows).item() == pytest.approx(0, abs=1e-12)
    assert gradient_distance(0.03 * columns + 0.04 * rows, 0 * rows).item() == pytest.approx(0.05, abs=1e-12)
    steps = torch.tensor([0.01, 0.04, 0.02, 0.03]).double().repeat(5).cumsum(0).expand(1, 20, 20)
    assert gradient_distance(steps + 0.005 * columns, steps).item() == pytest.approx(0.005, abs=1e-12)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_stripes_lie_in_one_band(levels):
    stripes = torch.tensor([0.6, 0.4], dtype=torch.float64).repeat(12).expand(1, 24, 24)
    flat = torch.full_like(stripes, 0.5)
    for picture in (stripes, stripes.mT):
        assert wavelet_distance(picture, flat, levels, border=0).item() == pytest.approx(0.2 / (3 * levels), abs=1e-12)
    assert wavelet_distance(stripes, stripes.mT, levels, 0).item() == pytest.approx(0.4 / (3 * levels), abs=1e-12)


@pytest.mark.parametrize("metric", INTENSITY.values(), ids=INTENSITY)
def test_stretched_contrast_counts_in_proportion(metric):
    hr = crop("camera")
    one, two, less = (metric(hr.mean() + c * (hr - hr.mean()), hr).item() for c in (1.25, 1.5, 0.75))
    assert two == pytest.approx(2 * one, rel=1e-9)
    assert less == pytest.approx(one, rel=1e-9)
    assert metric(torch.full_like(hr, 0.5), hr).item() == pytest.approx(2 * two, rel=1e-9)


@pytest.mark.parametrize("c", [0.5, 2.0, 3.0])
def test_stretched_contrast_in_decibels(c):
    hr = torch.rand(1, 40, 50, dtype=torch.float64)
    sr = hr.mean() + c * (hr - hr.mean())
    assert spectrum_gap(sr, hr).item() == pytest.approx(20 * math.log10(c), abs=1e-9)
    assert spectrum_distance(sr, hr).item() == pytest.approx(abs(20 * math.log10(c)), abs=1e-9)


@pytest.mark.parametrize(("waves", "ring"), [((0, 0), 0), ((0, 5), 5), ((3, 0), 3), ((3, 4), 5), ((-6, 8), 10)])
def test_a_wave_lies_in_its_ring(waves, ring):
    i, j = torch.arange(40.0, dtype=torch.float64)[:, None], torch.arange(40.0, dtype=torch.float64)
    wave = 0.3 * torch.cos(2 * torch.pi * (waves[0] * i + waves[1] * j) / 40)
    frequency, power = radial_spectrum(wave, window=False)
    assert power.argmax() == ring
    assert frequency[ring].item() == pytest.approx(math.hypot(*waves) / 40)
    assert power.sum().item() == pytest.approx(power[ring].item(), rel=1e-12)
    if ring:
        windowed = radial_spectrum(wave).power
        assert windowed[max(0, ring - 3) : ring + 4].sum() > 0.999 * windowed.sum()


def test_the_finest_gratings_end_the_band_and_corners_lie_beyond():
    grating = torch.tensor([1.0, -1.0]).repeat(8).expand(16, 16)
    found = radial_spectrum(torch.stack([grating, grating.mT, grating * grating.mT]), window=False)
    assert found.frequency[found.power.argmax(-1)].tolist() == pytest.approx([0.5, 0.5, 11 / 16])
    assert found.frequency[-1].item() == 11 / 16  # 8 sqrt(2) = 11.3 waves a side


@settings(max_examples=25)
@given(height=st.integers(1, 20), width=st.integers(1, 20), seed=st.integers(0, 10**6))
def test_parseval(height, width, seed):
    x = torch.rand(height, width, generator=seeded(seed), dtype=torch.float64)
    _, _, counts = slow_spectrum(x.numpy(), False)
    power = radial_spectrum(x, window=False).power
    assert sum(counts) == x.numel()
    assert (power * torch.tensor(counts)).sum().item() == pytest.approx(x.square().sum().item(), rel=1e-12)


@pytest.mark.parametrize("window", [True, False])
def test_white_noise_has_its_variance_at_all_frequencies(window):
    power = radial_spectrum(0.1 * normal(400, 64, 64), window=window).power.mean(0)
    np.testing.assert_allclose(power[2:45], 0.01, rtol=0.08)
    assert power[2:].mean().item() == pytest.approx(0.01, rel=0.01)
    assert (power[0] < 1e-25) == window  # the mean is removed


def test_the_window_keeps_borders_out_of_the_spectrum():
    ramp = torch.linspace(0, 1, 64, dtype=torch.float64).expand(64, 64)
    windowed, plain = radial_spectrum(ramp).power, radial_spectrum(ramp, window=False).power
    assert (windowed[10:33] < 1e-4 * plain[10:33]).all()


def test_power_below_that_of_8_bits_counts_as_that():
    flat, hr = torch.full((1, 64, 64), 0.5, dtype=torch.float64), 0.5 + 0.1 * normal(1, 64, 64)
    assert spectrum_gap(flat, flat + 0.1).item() == 0
    assert spectrum_distance(flat, flat + 1e-4 * normal(1, 64, 64)).item() == 0
    expected = -10 * math.log10(0.01 * 12 * 255**2)
    assert spectrum_gap(flat, hr).item() == pytest.approx(expected, abs=0.5)
    for picture, much in ((hr, 0.1), (blurred(hr, 4), 1.0)):
        rounded = (picture * 255).round() / 255
        assert spectrum_distance(rounded, picture).item() < much  # of the blurred one, some 40 dB without that floor


# What they do not see, and what they do


def test_wavelets_do_not_see_a_shift_by_whole_blocks():
    hr = crop("chelsea")
    sr = hr.roll((8, 16), (-2, -1))
    assert wavelet_distance(sr, hr, border=0).item() == 0
    assert wavelet_distance(sr.roll(1, -1), hr, border=0).item() > 0
    assert psnr(sr, hr) < 25


def test_patches_do_not_see_where_they_are():
    """A pattern of period 8, shifted: at every place another patch, and the same patches in all."""
    pattern = torch.rand(1, 8, 8, dtype=torch.float64)
    sr, hr = (x.repeat(1, 3, 3)[:, :22, :22] for x in (pattern.roll((3, 5), (-2, -1)), pattern))  # patches at 16x16
    assert sliced_wasserstein(sr, hr, patches=None, border=0).item() < 1e-12
    assert psnr(sr, hr, border=0) < 12


def test_gradients_do_not_see_a_transposition_and_spectra_no_rotation():
    hr = crop("coffee")[:, :150, :150]
    assert gradient_distance(hr.mT, hr).item() < 1e-12
    for sr in (hr.mT, hr.flip(-1), hr.flip(-2, -1), hr.mT.flip(-1)):
        assert spectrum_distance(sr, hr).item() < 1e-9
    torch.testing.assert_close(
        radial_spectrum(hr.roll((7, 31), (-2, -1)), window=False).power, radial_spectrum(hr, window=False).power
    )


@pytest.mark.parametrize("other", ["grass", "gravel"])
@every_full_distance
def test_a_texture_is_nearer_to_itself_elsewhere_than_to_another(metric, other):
    brick = photograph("brick")
    hr, elsewhere = brick[:, :250, :250], brick[:, 250:500, 250:500]
    assert 2 * metric(elsewhere, hr) < metric(photograph(other)[:, 250:500, 250:500], hr)


# Laws


@every_metric
def test_equal_pictures_have_zero(metric):
    hr = torch.stack([crop("coffee"), crop("brick")])
    assert metric(hr, hr.clone()).tolist() == [0, 0]


@every_distance
def test_distances_are_symmetric_and_keep_the_triangle(metric):
    a, b = pair(6, 3, 24, 28)
    a = a * torch.linspace(0.1, 1, 6, dtype=torch.float64)[:, None, None, None]
    c = b.roll(1, 0) ** 2
    assert torch.equal(metric(a, b), metric(b, a))
    assert (metric(a, b) > 0).all()
    assert (metric(a, c) <= metric(a, b) + metric(b, c) + 1e-12).all()


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), strength=st.floats(0.1, 1.9), low=st.floats(0, 0.4), width=st.floats(0.1, 0.3))
def test_the_gap_has_a_sign_and_never_exceeds_the_distance(seed, strength, low, width):
    sr, hr = (torch.rand(3, 30, 33, generator=seeded(seed + i), dtype=torch.float64) for i in range(2))
    sr = (sr - 0.5) * strength + 0.5
    band = {"low": low, "high": low + width}
    gap = spectrum_gap(sr, hr, **band)
    assert torch.equal(gap, -spectrum_gap(hr, sr, **band))
    assert gap.abs() <= spectrum_distance(sr, hr, **band) + 1e-9


DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


@settings(max_examples=25)
@given(
    batch=st.sampled_from([(), (1,), (3,), (2, 2)]),
    channels=st.sampled_from([1, 3]),
    height=st.integers(16, 26),
    width=st.integers(16, 26),
    dtype=st.sampled_from(DTYPES),
    name=st.sampled_from(list(METRICS)),
    seed=st.integers(0, 10**6),
)
def test_any_batch_dtype_and_range(batch, channels, height, width, dtype, name, seed):
    metric, shape = METRICS[name], (*batch, channels, height, width)
    sr, hr = (torch.rand(shape, generator=seeded(seed + i)).to(dtype) for i in range(2))
    found = metric(sr, hr)
    assert found.shape == batch
    assert found.dtype == dtype
    exact = metric(sr.double(), hr.double())
    assert torch.equal(found, exact.to(dtype))
    assert torch.equal(metric(sr, hr.double()), found)
    pairs = zip(sr.reshape(-1, *shape[-3:]), hr.reshape(-1, *shape[-3:]), strict=True)
    alone = torch.stack([metric(a.double(), b.double()) for a, b in pairs])
    torch.testing.assert_close(exact.flatten(), alone, rtol=1e-9, atol=1e-12)
    scaled = metric(255 * sr.double(), 255 * hr.double(), max_value=255)
    factor = 255 if name in INTENSITY else 1
    torch.testing.assert_close(scaled, factor * exact, rtol=1e-9, atol=1e-9)
    assert (metric(hr, hr) == 0).all()


def test_range_sets_what_8_bits_can_hold():
    hr = crop("camera")
    sr = blurred(hr, 1.5)
    assert spectrum_gap(sr, hr, max_value=10) > spectrum_gap(sr, hr) + 10


@every_metric
def test_border_does_not_count_and_the_rest_does(metric):
    sr, hr = pair(3, 30, 32)
    spoiled = torch.rand_like(sr)
    inside = (..., slice(3, -3), slice(3, -3))
    spoiled[inside] = sr[inside]
    assert torch.equal(metric(spoiled, hr, border=3), metric(sr, hr, border=3))
    assert torch.equal(metric(sr, hr), metric(sr, hr, border=4))
    assert not torch.equal(metric(spoiled, hr, border=2), metric(sr, hr, border=2))


def test_repeatable():
    sr, hr = pair(2, 3, 40, 44)
    torch.manual_seed(1)
    first = quick_sliced(sr, hr)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert torch.equal(quick_sliced(sr, hr), first)
    assert torch.equal(torch.get_rng_state(), state)  # torch's own generator is left alone
    assert torch.equal(quick_sliced(sr, hr, generator=seeded(0)), first)
    assert not torch.equal(quick_sliced(sr, hr, generator=seeded(1)), first)
    generator = seeded(0)
    assert torch.equal(quick_sliced(sr, hr, generator=generator), first)
    assert not torch.equal(quick_sliced(sr, hr, generator=generator), first)
    for metric in METRICS.values():
        assert torch.equal(metric(sr, hr), metric(sr, hr))


def test_another_draw_changes_little():
    hr = crop("coffee")
    sr = blurred(hr, 1)
    values = torch.stack([sliced_wasserstein(sr, hr, generator=seeded(seed)) for seed in range(8)])
    assert values.std() < 0.08 * values.mean()
    everywhere = sliced_wasserstein(sr, hr, patches=None, projections=64)
    assert values.mean().item() == pytest.approx(everywhere.item(), rel=0.08)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("spoil", ["sr", "hr"])
@every_metric
def test_a_spoiled_pixel_spoils_its_picture_only(metric, spoil, bad):
    pictures = dict(zip(("sr", "hr"), pair(2, 1, 60, 60), strict=True))
    clean = metric(**pictures)
    pictures[spoil][1, 0, 9, 9] = bad  # whether or not it is drawn
    if (spoil, bad) == ("hr", math.inf):
        with pytest.raises(ValueError, match="hr reaches inf"):
            metric(**pictures)
        return
    found = metric(**pictures)
    assert found[0].item() == pytest.approx(clean[0].item(), rel=1e-12)
    assert found[1].isnan()


@every_metric
def test_arrays_are_taken_as_tensors_are_and_left_as_they_are(metric):
    sr, hr = pair(3, 24, 26)
    before = sr.clone(), hr.clone()
    value = metric(sr, hr)
    array = np.ascontiguousarray(sr.numpy()[:, ::-1])[:, ::-1]
    array.flags.writeable = False
    assert torch.equal(metric(array, hr.numpy()), value)
    assert torch.equal(metric(np.asfortranarray(sr.numpy()), hr), value)
    assert torch.equal(sr, before[0])
    assert torch.equal(hr, before[1])


@every_metric
def test_autocast_changes_nothing(metric):
    sr, hr = (x.float() for x in pair(3, 24, 24))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = metric(sr, hr)
    assert torch.equal(inside, metric(sr, hr))


@pytest.mark.parametrize("shape", [(8, 9), (3, 8, 9), (2, 3, 8, 9)])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_spectra_of_any_batch(shape, dtype):
    x = torch.rand(shape).to(dtype)
    frequency, power = radial_spectrum(x)
    assert frequency.shape == power.shape[-1:]
    assert power.shape[:-1] == shape[:-2]
    assert frequency.dtype == power.dtype == dtype
    np.testing.assert_allclose(radial_spectrum(x.double().numpy()).power.to(dtype).double(), power.double())


# The way they move


def rises(values: list[float], start: float = 0.0) -> bool:
    return all(a < b for a, b in zip([start, *values], values, strict=False))


@on_photographs
@every_full_distance
def test_distances_grow_with_blur_noise_sharpening_and_contrast(metric, name):
    hr = crop(name)
    noise, middle = normal(*hr.shape), hr.mean()
    detail = hr - blurred(hr, 1)
    for swept in (
        [blurred(hr, sigma) for sigma in (0.5, 0.75, 1, 1.5, 2, 3)],
        [hr + level / 255 * noise for level in (1, 2, 5, 10, 25)],
        [hr + amount * detail for amount in (0.25, 0.5, 1, 2)],
        [middle + stretch * (hr - middle) for stretch in (1.1, 1.25, 1.5)],
        [middle + stretch * (hr - middle) for stretch in (0.9, 0.75, 0.5)],
    ):
        assert rises([metric(sr, hr).item() for sr in swept])


@on_photographs
def test_the_gap_falls_with_blur_and_rises_with_noise_and_sharpening(name):
    hr = crop(name)
    noise, detail = normal(*hr.shape), hr - blurred(hr, 1)
    assert rises([-spectrum_gap(blurred(hr, sigma), hr).item() for sigma in (0.25, 0.5, 0.75, 1, 1.5)])
    assert rises([spectrum_gap(hr + level / 255 * noise, hr).item() for level in (1, 2, 5, 10, 25)])
    assert rises([spectrum_gap(hr + amount * detail, hr).item() for amount in (0.25, 0.5, 1, 2)])


@on_photographs
def test_blur_and_noise_together_may_have_no_gap_but_a_distance(name):
    hr = crop(name)
    swept = [blurred(hr, 1) + level / 255 * normal(*hr.shape) for level in (0, 1, 2, 4, 8, 16, 32)]
    gaps = [spectrum_gap(sr, hr).item() for sr in swept]
    assert gaps[0] < 0 < gaps[-1]
    assert min(spectrum_distance(sr, hr).item() for sr in swept) > 1
