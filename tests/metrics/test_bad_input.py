"""One row for each thing that can be wrong: what is called, what is raised, and what the message names."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from srtheory.metrics import (
    compare_folders,
    gradient_distance,
    icoo,
    lpips,
    psnr,
    radial_spectrum,
    sliced_wasserstein,
    spectrum_distance,
    spectrum_gap,
    ssim,
    wavelet_distance,
)

X, BIG = torch.rand(3, 24, 24), torch.rand(3, 40, 40)
LEAST = {psnr: 1, ssim: 11}  # pixels a side that must be left
LEAST_OF_LUMA = {
    sliced_wasserstein: 7,
    gradient_distance: 2,
    wavelet_distance: 8,
    spectrum_distance: 8,
    spectrum_gap: 8,
    lpips: 32,  # of RGB, but with the same arguments; the package is not asked before these are right
}

ROWS = [
    (f"{metric.__name__} {name}", *row)
    for metric, least in LEAST.items()
    for name, *row in [
        ("list", lambda m=metric: m([[[0.0]]], X), TypeError, "sr must be a tensor or an array"),
        ("none", lambda m=metric: m(X, None), TypeError, "hr must be a tensor or an array"),
        ("8 bits", lambda m=metric: m((X * 255).byte(), X), TypeError, "sr has dtype torch.uint8"),
        ("8-bit array", lambda m=metric: m(X, (X * 255).byte().numpy()), TypeError, "hr has dtype torch.uint8"),
        ("complex", lambda m=metric: m(X * 1j, X), TypeError, "complex64"),
        ("shapes", lambda m=metric: m(X, X[:, :-1]), ValueError, "sr is (3, 24, 24) and hr (3, 23, 24)"),
        ("batch and one", lambda m=metric: m(X[None], X), ValueError, "(1, 3, 24, 24)"),
        ("two dimensions", lambda m=metric: m(X[0], X[0]), ValueError, "C = 1 or 3"),
        ("no picture", lambda m=metric: m(X[None][:0], X[None][:0]), ValueError, "there is no picture"),
        ("two channels", lambda m=metric: m(X[:2], X[:2]), ValueError, "(2, 24, 24)"),
        ("alpha", lambda m=metric: m(torch.rand(4, 24, 24), torch.rand(4, 24, 24)), ValueError, "(4, 24, 24)"),
        (
            "channels last",
            lambda m=metric: m(X.permute(1, 2, 0), X.permute(1, 2, 0)),
            ValueError,
            "channels come before rows and columns",
        ),
        ("channel", lambda m=metric: m(X, X, "luma"), ValueError, "channel must be 'y' or 'rgb', not 'luma'"),
        ("channel upper case", lambda m=metric: m(X, X, channel="Y"), ValueError, "'Y'"),
        ("border negative", lambda m=metric: m(X, X, border=-1), ValueError, "border must be a whole number"),
        ("border fraction", lambda m=metric: m(X, X, border=1.0), ValueError, "not 1.0"),
        ("border bool", lambda m=metric: m(X, X, border=True), ValueError, "not True"),
        ("border none", lambda m=metric: m(X, X, border=None), ValueError, "not None"),
        ("border of all", lambda m=metric: m(X, X, border=12), ValueError, f"at least {least}x{least} must be left"),
        ("no pixel", lambda m=metric: m(X[:, :0], X[:, :0], border=0), ValueError, "0x24"),
        ("max_value zero", lambda m=metric: m(X, X, max_value=0), ValueError, "max_value must be positive and finite"),
        ("max_value negative", lambda m=metric: m(X, X, max_value=-1.0), ValueError, "-1.0"),
        ("max_value inf", lambda m=metric: m(X, X, max_value=float("inf")), ValueError, "inf"),
        ("max_value nan", lambda m=metric: m(X, X, max_value=float("nan")), ValueError, "nan"),
        ("dark", lambda m=metric: m(X, X, max_value=255), ValueError, "far below max_value=255; pass max_value=1 or"),
        ("minus one", lambda m=metric: m(X, 2 * X - 1), ValueError, "what is in [-1, 1] becomes (hr + 1) / 2"),
    ]
]

ROWS += [
    (f"icoo {name}", *row)
    for name, *row in [
        ("list", lambda: icoo([[[0.0]]], X), TypeError, "sr must be a tensor or an array"),
        ("none", lambda: icoo(X, None), TypeError, "hr must be a tensor or an array"),
        ("8 bits", lambda: icoo((X * 255).byte(), X), TypeError, "for 8-bit pictures divide by 255"),
        ("complex", lambda: icoo(X * 1j, X), TypeError, "complex64"),
        ("two dimensions", lambda: icoo(X[0], X[0]), ValueError, "both must be (..., C, H, W)"),
        ("channels", lambda: icoo(X, X[:1]), ValueError, "agree in all but height and width"),
        ("batch and one", lambda: icoo(X[None], X), ValueError, "sr is (1, 3, 24, 24) and hr (3, 24, 24)"),
        ("batches", lambda: icoo(X[None], X.expand(2, -1, -1, -1)), ValueError, "agree in all but height and width"),
        ("no picture", lambda: icoo(X[None][:0], X[None][:0]), ValueError, "there is no picture"),
        ("no channel", lambda: icoo(X[:0], X[:0]), ValueError, "no channel"),
        ("own, two sizes", lambda: icoo(X, X[:, 1:], own=True), ValueError, "give one shape"),
        ("sr too small", lambda: icoo(X[:, :11], X), ValueError, "sr is 11x24 pixels, smaller than a patch of 12x12"),
        ("hr too small", lambda: icoo(X, X[..., :11]), ValueError, "hr is 24x11 pixels, smaller than a patch of 12x12"),
        ("no pixel", lambda: icoo(X[:, :0], X), ValueError, "sr is 0x24 pixels"),
        ("patch_size zero", lambda: icoo(X, X, 0), ValueError, "patch_size must be a whole number, at least 1"),
        ("patch_size fraction", lambda: icoo(X, X, 12.0), ValueError, "not 12.0"),
        ("patch_size bool", lambda: icoo(X, X, True), ValueError, "not True"),
        ("sr_patches zero", lambda: icoo(X, X, sr_patches=0), ValueError, "sr_patches must be"),
        ("one HR patch", lambda: icoo(X, X, hr_patches=1), ValueError, "at least 2: the nearest, and others"),
        ("rounds zero", lambda: icoo(X, X, rounds=0), ValueError, "rounds must be a whole number, at least 1"),
        ("own, few", lambda: icoo(X, X, 12, 9, 8, own=True), ValueError, "must hold the truth of all sr_patches=9"),
        ("own", lambda: icoo(X, X, own="yes"), ValueError, "own must be True or False, not 'yes'"),
        ("distance", lambda: icoo(X, X, distance="L2"), ValueError, "'l2', 'squared', 'l1', not 'L2'"),
        ("reduction", lambda: icoo(X, X, reduction="median"), ValueError, "'mean', 'sum', not 'median'"),
        ("pool", lambda: icoo(X, X, pool="set"), ValueError, "pool must be one of 'picture', 'batch'"),
        (
            "generator",
            lambda: icoo(X, X, generator=0),
            TypeError,
            "generator must be a torch.Generator or None, not int",
        ),
    ]
]


ROWS += [
    (f"{metric.__name__} {name}", *row)
    for metric, least in LEAST_OF_LUMA.items()
    for name, *row in [
        ("list", lambda m=metric: m([[[0.0]]], X), TypeError, "sr must be a tensor or an array"),
        ("none", lambda m=metric: m(X, None), TypeError, "hr must be a tensor or an array"),
        ("8 bits", lambda m=metric: m((X * 255).byte(), X), TypeError, "sr has dtype torch.uint8"),
        ("complex", lambda m=metric: m(X * 1j, X), TypeError, "complex64"),
        ("shapes", lambda m=metric: m(X, X[:, :-1]), ValueError, "sr is (3, 24, 24) and hr (3, 23, 24)"),
        ("two dimensions", lambda m=metric: m(X[0], X[0]), ValueError, "C = 1 or 3"),
        ("two channels", lambda m=metric: m(X[:2], X[:2]), ValueError, "(2, 24, 24)"),
        ("no picture", lambda m=metric: m(X[None][:0], X[None][:0]), ValueError, "there is no picture"),
        ("border negative", lambda m=metric: m(X, X, border=-1), ValueError, "border must be a whole number"),
        ("border of all", lambda m=metric: m(X, X, border=12), ValueError, f"at least {least}x{least} must be left"),
        ("max_value zero", lambda m=metric: m(X, X, max_value=0), ValueError, "max_value must be positive and finite"),
        ("range", lambda m=metric: m(BIG * 255, BIG * 255), ValueError, "far beyond max_value=1; pass max_value=255"),
        ("dark", lambda m=metric: m(BIG, BIG, max_value=255), ValueError, "far below max_value=255; pass max_value=1"),
        ("minus one", lambda m=metric: m(BIG, 2 * BIG - 1), ValueError, "what is in [-1, 1] becomes (hr + 1) / 2"),
    ]
]

ROWS += [
    (f"{metric.__name__} {name}", *row)
    for metric in (spectrum_distance, spectrum_gap)
    for name, *row in [
        ("low negative", lambda m=metric: m(X, X, low=-0.1), ValueError, "low must be a frequency in cycles per pixel"),
        ("low nan", lambda m=metric: m(X, X, low=float("nan")), ValueError, "not nan"),
        ("low bool", lambda m=metric: m(X, X, low=True), ValueError, "not True"),
        ("low text", lambda m=metric: m(X, X, low="0.1"), ValueError, "not '0.1'"),
        ("high none", lambda m=metric: m(X, X, high=None), ValueError, "high must be a frequency"),
        ("high inf", lambda m=metric: m(X, X, high=float("inf")), ValueError, "finite, not inf"),
        ("band upside down", lambda m=metric: m(X, X, 0.4, 0.3), ValueError, "low=0.4 is above high=0.3"),
        ("band too narrow", lambda m=metric: m(X, X, 0.26, 0.27), ValueError, "multiples of 0.0625 up to 0.6875"),
        ("band of the mean", lambda m=metric: m(X, X, 0, 0), ValueError, "between low=0 and high=0"),
    ]
]

ROWS += [
    ("sliced patch_size zero", lambda: sliced_wasserstein(X, X, 0), ValueError, "patch_size must be a whole number"),
    ("sliced patch_size fraction", lambda: sliced_wasserstein(X, X, 7.0), ValueError, "not 7.0"),
    ("sliced patch_size bool", lambda: sliced_wasserstein(X, X, True), ValueError, "not True"),
    ("sliced one pixel", lambda: sliced_wasserstein(X, X, 1), ValueError, "at least 2 with center=True"),
    ("sliced too large", lambda: sliced_wasserstein(X, X, 17), ValueError, "at least 17x17 must be left"),
    ("sliced projections", lambda: sliced_wasserstein(X, X, projections=0), ValueError, "projections must be a whole"),
    ("sliced patches", lambda: sliced_wasserstein(X, X, patches=0), ValueError, "patches must be a whole number"),
    ("sliced center", lambda: sliced_wasserstein(X, X, center=1), ValueError, "center must be True or False, not 1"),
    ("sliced generator", lambda: sliced_wasserstein(X, X, generator=0), TypeError, "torch.Generator or None, not int"),
    ("wavelet levels zero", lambda: wavelet_distance(X, X, 0), ValueError, "levels must be a whole number, at least 1"),
    ("wavelet levels fraction", lambda: wavelet_distance(X, X, 1.5), ValueError, "not 1.5"),
    ("wavelet levels many", lambda: wavelet_distance(X, X, 5), ValueError, "at least 32x32 must be left"),
    ("spectrum list", lambda: radial_spectrum([[0.0]]), TypeError, "picture must be a tensor or an array"),
    ("spectrum 8 bits", lambda: radial_spectrum((X * 255).byte()), TypeError, "picture has dtype torch.uint8"),
    ("spectrum one dimension", lambda: radial_spectrum(X[0, 0]), ValueError, "picture has shape (24,)"),
    ("spectrum no pixel", lambda: radial_spectrum(X[..., :0]), ValueError, "none of them zero"),
    ("spectrum window", lambda: radial_spectrum(X, window="hann"), ValueError, "window must be True or False"),
    ("lpips backbone", lambda: lpips(X, X, "vgg19"), ValueError, "'alex', 'vgg', 'squeeze', not 'vgg19'"),
    ("lpips too small", lambda: lpips(X, X), ValueError, "sr is 24x24 pixels"),
]


@pytest.mark.parametrize(("call", "error", "fragment"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_bad_input(call, error, fragment):
    with pytest.raises(error) as caught:
        call()
    assert fragment in str(caught.value)


def test_ssim_needs_one_window():
    assert ssim(X[:, :19, :19], X[:, :19, :19]).item() == 1
    with pytest.raises(ValueError, match="18x24 pixels; after a border of 4"):
        ssim(X[:, :18], X[:, :18])
    with pytest.raises(ValueError, match="24x18 pixels; after a border of 4"):
        ssim(X[:, :, :18], X[:, :, :18])


def test_psnr_needs_one_pixel():
    assert psnr(X[:, :9, :9], X[:, :9, :9]).item() == float("inf")
    with pytest.raises(ValueError, match="8x9 pixels"):
        psnr(X[:, :8, :9], X[:, :8, :9])


def save(path: Path, height: int = 24, width: int = 24) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), 100, dtype=np.uint8)).save(path)


def no_sr_folder(root: Path) -> None:
    save(root / "hr" / "baby.png")


def no_hr_folder(root: Path) -> None:
    save(root / "sr" / "baby.png")


def sr_is_a_file(root: Path) -> None:
    save(root / "hr" / "baby.png")
    (root / "sr").write_text("a file")


def empty_sr(root: Path) -> None:
    save(root / "hr" / "baby.png")
    (root / "sr").mkdir()


def empty_hr(root: Path) -> None:
    save(root / "sr" / "baby.png")
    (root / "hr").mkdir()


def missing_result(root: Path) -> None:
    for name in ("baby", "bird", "head"):
        save(root / "hr" / f"{name}.png")
    save(root / "sr" / "bird.png")


def many_missing_results(root: Path) -> None:
    for name in ("a", "b", "c", "d", "e"):
        save(root / "hr" / f"{name}.png")
    save(root / "sr" / "z.png")


def duplicate_original(root: Path) -> None:
    for name in ("sr/baby.png", "hr/baby.png", "hr/baby.bmp"):
        save(root / name)


def duplicate_result(root: Path) -> None:
    for name in ("hr/baby.png", "sr/baby.png", "sr/baby.jpg"):
        save(root / name)


def result_larger(root: Path) -> None:
    save(root / "hr" / "baby.png", 24, 24)
    save(root / "sr" / "baby.png", 24, 25)


def result_much_smaller(root: Path) -> None:
    save(root / "hr" / "baby.png", 32, 24)
    save(root / "sr" / "baby.png", 24, 24)


def result_unreadable(root: Path) -> None:
    save(root / "hr" / "baby.png")
    save(root / "sr" / "baby.png")
    (root / "sr" / "baby.png").write_text("not a picture")


def original_cut_off(root: Path) -> None:
    save(root / "hr" / "baby.png")
    save(root / "sr" / "baby.png")
    whole = (root / "hr" / "baby.png").read_bytes()
    (root / "hr" / "baby.png").write_bytes(whole[:60])


def too_small(root: Path) -> None:
    save(root / "hr" / "baby.png", 18, 18)
    save(root / "sr" / "baby.png", 18, 18)


FOLDERS = [
    (no_sr_folder, NotADirectoryError, ["sr is not a folder"]),
    (no_hr_folder, NotADirectoryError, ["hr is not a folder"]),
    (sr_is_a_file, NotADirectoryError, ["sr is not a folder"]),
    (empty_sr, FileNotFoundError, ["sr holds no picture"]),
    (empty_hr, FileNotFoundError, ["hr holds no picture"]),
    (missing_result, FileNotFoundError, ["no result for baby, head", "of 3 originals 2"]),
    (many_missing_results, FileNotFoundError, ["a, b, c and more", "of 5 originals 5"]),
    (duplicate_original, ValueError, ["baby.png", "baby.bmp", "one name"]),
    (duplicate_result, ValueError, ["baby.png", "baby.jpg", "one name"]),
    (result_larger, ValueError, ["baby.png", "24x25", "24x24"]),
    (result_much_smaller, ValueError, ["baby.png", "24x24", "32x24"]),
    (result_unreadable, ValueError, ["sr/baby.png"]),
    (original_cut_off, ValueError, ["hr/baby.png"]),
    (too_small, ValueError, ["baby.png", "18x18"]),
]


@pytest.mark.parametrize(("prepare", "error", "fragments"), FOLDERS, ids=[row[0].__name__ for row in FOLDERS])
def test_bad_folders(tmp_path, prepare, error, fragments):
    prepare(tmp_path)
    with pytest.raises(error) as caught:
        compare_folders(tmp_path / "sr", tmp_path / "hr")
    for fragment in fragments:
        assert fragment in caught.value.args[0]


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"channel": "Y"}, "channel must be"),
        ({"border": -1}, "border must be"),
        ({"protocol": "MATLAB"}, "protocol must be 'training' or 'matlab', not 'MATLAB'"),
        ({"protocol": "matlab", "channel": "rgb"}, "compares luma; channel='rgb' takes protocol='training'"),
    ],
)
def test_bad_options(tmp_path, options, fragment):
    for name in ("hr/baby.png", "sr/baby.png"):
        save(tmp_path / name)
    with pytest.raises(ValueError, match=fragment):
        compare_folders(tmp_path / "sr", tmp_path / "hr", **options)


def test_missing_result_names_the_suffix(tmp_path):
    for name in ("hr/baby.png", "sr/baby.png"):
        save(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="suffix='_x4'"):
        compare_folders(tmp_path / "sr", tmp_path / "hr", suffix="_x4")


def test_a_range_of_255_is_not_taken_for_one():
    picture = 255 * torch.rand(3, 24, 24)
    with pytest.raises(ValueError, match="far beyond max_value=1; pass max_value=255"):
        psnr(picture, picture)
