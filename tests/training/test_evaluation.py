"""Measuring a network, against the same by hand with numpy and scikit-image."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import structural_similarity

from srtheory.metrics import psnr as psnr_of
from srtheory.metrics import ssim as ssim_of
from srtheory.models import EDSR
from srtheory.operators import Resize
from srtheory.training import Measured, evaluate, evaluation, upscale_tensor
from srtheory.training.evaluation import mean_of
from srtheory.training.pairs import bicubic, degrade, eight_bits

from .runs import save_photographs


def nearest(scale):
    return lambda lr: lr.repeat_interleave(scale, 2).repeat_interleave(scale, 3)


def luma(picture):
    """BT.601 with its footroom, of (3, H, W) in [0, 1], in levels of 8 bits."""
    r, g, b = 255 * picture
    return 16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255


def rounded(picture):
    return np.round(255 * np.clip(picture, 0, 1)) / 255


def by_hand(path, net, scale, border, channel="y"):
    hr = np.asarray(Image.open(path)).transpose(2, 0, 1) / 255
    hr = hr[:, : hr.shape[1] // scale * scale, : hr.shape[2] // scale * scale]
    lr = rounded(Resize(scale)(torch.from_numpy(hr)).numpy())
    sr = rounded(net(torch.from_numpy(lr).float()[None])[0].double().numpy())
    enlarged = rounded(Resize(1 / scale)(torch.from_numpy(lr)).numpy())
    inside = (slice(border, -border or None),) * 2
    truth, made, base = (
        [luma(x)[inside]] if channel == "y" else list(255 * x[(slice(None), *inside)]) for x in (hr, sr, enlarged)
    )

    def psnr(a):
        error = np.mean([(x - y) ** 2 for x, y in zip(a, truth, strict=True)])
        return 10 * math.log10(255**2 / error)

    likeness = [
        structural_similarity(x, y, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
        for x, y in zip(made, truth, strict=True)
    ]
    return psnr(made), np.mean(likeness), psnr(base)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("channel", ["y", "rgb"])
def test_numbers_are_those_by_hand(pictures, scale, channel):
    measured = evaluate(nearest(scale), pictures, scale, channel=channel)
    assert [one.name for one in measured] == ["astronaut", "chelsea", "coffee"]
    for one in measured:
        psnr, ssim, base = by_hand(pictures / f"{one.name}.png", nearest(scale), scale, scale, channel)
        assert one.psnr == pytest.approx(psnr, abs=1e-6)
        assert one.ssim == pytest.approx(ssim, abs=1e-6)
        assert one.bicubic == pytest.approx(base, abs=1e-4)  # a few values lie between two levels of 8 bits
        assert one.psnr < one.bicubic


def test_a_network_and_a_border(pictures):
    net = EDSR.preset("tiny", 2, generator=torch.Generator().manual_seed(0)).requires_grad_(False)
    for border in (0, 5):
        for one in evaluate(net, pictures, 2, border=border):
            psnr, ssim, base = by_hand(pictures / f"{one.name}.png", net, 2, border)
            assert (one.psnr, one.ssim, one.bicubic) == pytest.approx((psnr, ssim, base), abs=1e-4)


def test_sides_that_the_scale_does_not_divide_are_cropped(pictures):
    seen = {}

    def see(name, sr, hr):
        seen[name] = sr, hr

    evaluate(nearest(4), pictures, each=see)
    for name, (sr, hr) in seen.items():
        stored = np.asarray(Image.open(pictures / f"{name}.png")).transpose(2, 0, 1)
        height, width = (side // 4 * 4 for side in stored.shape[1:])
        assert sr.shape == hr.shape == (3, height, width)
        assert np.array_equal((255 * hr).round().numpy(), stored[:, :height, :width])
        assert torch.equal(eight_bits(sr.clone()), sr)
    assert any(side % 4 for _, hr in seen.values() for side in Image.open(pictures / "chelsea.png").size)


def test_the_mean():
    rows = [Measured("a", 30.0, 0.5, 20.0), Measured("b", 31.0, 0.7, 22.0)]
    assert mean_of(rows) == pytest.approx({"psnr": 30.5, "ssim": 0.6, "bicubic": 21.0})


def test_a_large_picture_goes_in_tiles(tmp_path, monkeypatch):
    """By which nothing changes, since the receptive field is small."""
    folder = save_photographs(tmp_path / "pictures", ("coffee",))
    net = EDSR.preset("tiny", 2, generator=torch.Generator().manual_seed(0)).requires_grad_(False)
    whole = evaluate(net, folder, 2)
    shapes = []

    def tiled(*arguments, **settings):
        made = upscale_tensor(*arguments, **settings, tile=8, margin=24)
        shapes.append(made.shape)
        return made

    monkeypatch.setattr(evaluation, "upscale_tensor", tiled)
    assert evaluate(net, folder, 2) == whole
    assert len(shapes) == 1


# The protocol of printed tables.

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
PRINTED = [  # bicubic, as papers print it: set, scale, PSNR and SSIM of luma; and how near SSIM comes
    ("set5", 2, 33.66, 0.9299, 0.00005),
    ("set5", 3, 30.39, 0.8682, 0.00005),
    ("set5", 4, 28.42, 0.8104, 0.00005),
    ("b100", 2, 29.56, 0.8431, 0.00005),
    ("b100", 3, 27.21, 0.7385, 0.0003),  # these files were cropped to multiples of 4, and lose up to 2 lines more
    ("b100", 4, 25.96, 0.6675, 0.00012),
]


@pytest.mark.parametrize(("name", "scale", "psnr", "ssim", "apart"), PRINTED)
def test_printed_rows_of_bicubic(name, scale, psnr, ssim, apart):
    if not (DATA / name).is_dir():
        pytest.skip(f"the pictures of {name} are not here")
    mean = mean_of(evaluate(None, DATA / name, scale, protocol="matlab"))
    assert round(mean["psnr"], 2) == psnr
    assert mean["bicubic"] == mean["psnr"]
    assert abs(mean["ssim"] - ssim) <= apart
    if name == "set5":
        other = mean_of(evaluate(None, DATA / name, scale))
        assert 0.005 < other["psnr"] - mean["psnr"] < 0.025
        assert 0.0003 < other["ssim"] - mean["ssim"] < 0.0011


def matlab_y(picture):
    return np.round(luma(picture)) / 255


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_network_by_the_protocol_of_printed_tables(pictures, scale):
    seen = {}
    measured = evaluate(
        nearest(scale), pictures, scale, protocol="matlab", each=lambda *one: seen.update({one[0]: one})
    )
    for one in measured:
        hr = np.asarray(Image.open(pictures / f"{one.name}.png")).transpose(2, 0, 1) / 255
        hr = hr[:, : hr.shape[1] // scale * scale, : hr.shape[2] // scale * scale]
        lr = rounded(Resize(scale)(torch.from_numpy(hr)).numpy())  # in colors, which the network takes
        sr = lr.repeat(scale, 1).repeat(scale, 2)
        truth, made = (torch.from_numpy(matlab_y(x))[None] for x in (hr, sr))
        base = torch.from_numpy(rounded(Resize(1 / scale)(Resize(scale)(truth)).numpy()))  # of luma, unrounded between
        assert one.psnr == pytest.approx(psnr_of(made, truth, border=scale).item(), abs=1e-4)
        assert one.ssim == pytest.approx(ssim_of(made, truth, border=scale).item(), abs=1e-5)
        assert one.bicubic == pytest.approx(psnr_of(base, truth, border=scale).item(), abs=1e-4)
        _, shown, original = seen[one.name]
        assert shown.shape == original.shape == truth.shape
        assert torch.equal((255 * original).round(), (255 * truth).round())


@pytest.mark.parametrize("net", [None, nearest(2)], ids=["bicubic", "network"])
def test_a_gray_file_is_one_channel_in_printed_tables_and_three_in_validation_loops(tmp_path, net):
    pixels = np.random.default_rng(0).integers(40, 200, (48, 40), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "bridge.png")
    (three,) = evaluate(net, tmp_path, 2)
    (one,) = evaluate(net, tmp_path, 2, protocol="matlab")
    near = 0.03 if net is None else 1e-5  # bicubic rounds at other places, too
    assert three.psnr - one.psnr == pytest.approx(20 * math.log10(255 / 219), abs=near)
    truth = torch.from_numpy(pixels / 255)[None]
    enlarged = eight_bits(Resize(0.5)(Resize(2)(truth)))
    assert one.bicubic == pytest.approx(psnr_of(enlarged, truth, border=2).item(), abs=1e-9)


def test_bicubic_itself(pictures):
    by_network = evaluate(nearest(3), pictures, 3)
    for one, other in zip(evaluate(None, pictures, 3), by_network, strict=True):
        assert one.psnr == one.bicubic == other.bicubic
        assert one.ssim > other.ssim


# LR pictures.


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_degrade_and_bicubic(scale):
    hr = torch.rand(2, 3, 25, 31, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    lr = degrade(hr, scale)
    assert lr.shape == (2, 3, -(-25 // scale), -(-31 // scale))
    assert np.abs(lr.numpy() - rounded(Resize(scale)(hr).numpy())).max() < 1e-15
    assert torch.equal(degrade(hr, scale, 2), lr[..., 2:-2, 2:-2])
    assert np.abs(bicubic(lr, scale).numpy() - rounded(Resize(1 / scale)(lr).numpy())).max() < 1e-15


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_eight_bits(dtype):
    given = torch.tensor([-0.2, 0, 0.1 / 255, 0.6 / 255, 100.4 / 255, 1, 1.7], dtype=dtype)
    made = eight_bits(given)
    assert made.dtype == dtype
    assert (255 * made).round().tolist() == [0, 0, 0, 1, 100, 255, 255]
    assert given[0] < -0.1  # left as it was
    every = torch.arange(256).to(dtype) / 255
    assert torch.equal(eight_bits(every), every)


# Bad input.


def test_bad_input(pictures, tmp_path):
    net = nearest(2)
    (tmp_path / "small").mkdir()
    Image.new("RGB", (40, 14)).save(tmp_path / "small" / "narrow.png")
    with pytest.raises(ValueError, match=r"narrow\.png is 14x40, too small to be measured with a border of 2"):
        evaluate(net, tmp_path / "small", 2)
    assert len(evaluate(net, tmp_path / "small", 2, border=1)) == 1
    Image.new("RGB", (3, 3)).save(tmp_path / "small" / "narrow.png")
    with pytest.raises(ValueError, match=r"narrow\.png is .*, too small to be measured"):
        evaluate(net, tmp_path / "small", 4, border=0)
    (tmp_path / "small" / "narrow.png").write_bytes(b"words")
    with pytest.raises(ValueError, match=r"narrow\.png: not a readable picture"):
        evaluate(net, tmp_path / "small", 2)
    (tmp_path / "small" / "narrow.png").unlink()
    with pytest.raises(FileNotFoundError, match="small holds no picture"):
        evaluate(net, tmp_path / "small", 2)
    with pytest.raises(NotADirectoryError, match="nowhere is not a folder"):
        evaluate(net, tmp_path / "nowhere", 2)
    with pytest.raises(ValueError, match="scale must be 2, 3 or 4, not 8"):
        evaluate(net, pictures, 8, border=2)
    with pytest.raises(ValueError, match="channel"):
        evaluate(net, pictures, 2, channel="luma")
    with pytest.raises(ValueError, match="protocol must be 'training' or 'matlab', not 'y'"):
        evaluate(net, pictures, 2, protocol="y")
    with pytest.raises(ValueError, match="compares luma; channel='rgb' takes protocol='training'"):
        evaluate(net, pictures, 2, channel="rgb", protocol="matlab")
    with pytest.raises(ValueError, match="border"):
        evaluate(net, pictures, 2, border=-1)
