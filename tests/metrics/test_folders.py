"""A folder of results against a folder of originals, as a user finds them on a disk."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from srtheory.metrics import Score, compare_folders
from srtheory.metrics.folders import guessed_names
from srtheory.metrics.protocol import matlab_luma

from .oracles import expected_psnr, expected_ssim


def write(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def picture(seed: int, height: int = 32, width: int = 28) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def worse(pixels: np.ndarray) -> np.ndarray:
    shift = np.random.default_rng(9).integers(-20, 21, pixels.shape)
    return np.clip(pixels.astype(int) + shift, 0, 255).astype(np.uint8)


def unit(pixels: np.ndarray) -> np.ndarray:
    return np.moveaxis(pixels / 255, -1, 0)


@pytest.fixture
def folders(tmp_path):
    """Two originals and their results."""
    for seed, name in enumerate(["baby", "bird"]):
        write(tmp_path / "hr" / f"{name}.png", picture(seed))
        write(tmp_path / "sr" / f"{name}.png", worse(picture(seed)))
    return tmp_path / "sr", tmp_path / "hr"


@pytest.mark.parametrize(("channel", "border"), [("y", 4), ("rgb", 0), ("y", 2)])
def test_scores_match_scikit_image(folders, channel, border):
    scores = compare_folders(*folders, channel=channel, border=border)
    assert [score.name for score in scores] == ["baby", "bird"]
    for seed, score in enumerate(scores):
        sr, hr = unit(worse(picture(seed))), unit(picture(seed))
        assert isinstance(score, Score)
        assert score.psnr == pytest.approx(expected_psnr(sr, hr, channel, border), abs=1e-6)
        assert score.ssim == pytest.approx(expected_ssim(sr, hr, channel, border), abs=1e-6)


def test_by_default_luma_without_four_pixels_at_each_side(folders):
    assert compare_folders(*folders) == compare_folders(*folders, channel="y", border=4)
    assert compare_folders(*folders) != compare_folders(*folders, channel="y", border=0)


def test_folders_may_be_text(folders):
    assert compare_folders(*map(str, folders)) == compare_folders(*folders)


def test_result_is_the_first_folder(folders):
    sr, hr = folders
    write(sr / "more.png", picture(5))
    assert len(compare_folders(sr, hr)) == 2
    with pytest.raises(FileNotFoundError, match="more"):
        compare_folders(hr, sr)


def test_equal_folders(folders):
    _, hr = folders
    assert [(score.psnr, score.ssim) for score in compare_folders(hr, hr)] == [(np.inf, 1.0)] * 2


def test_endings_need_not_agree(tmp_path):
    write(tmp_path / "hr" / "baby.png", picture(0))
    write(tmp_path / "sr" / "baby.BMP", worse(picture(0)))
    (score,) = compare_folders(tmp_path / "sr", tmp_path / "hr")
    assert score.psnr == pytest.approx(expected_psnr(unit(worse(picture(0))), unit(picture(0)), "y", 4), abs=1e-6)


def test_suffix(tmp_path):
    write(tmp_path / "hr" / "baby.png", picture(0))
    write(tmp_path / "sr" / "baby_x4.png", worse(picture(0)))
    write(tmp_path / "sr" / "baby.png", picture(0))
    (with_suffix,) = compare_folders(tmp_path / "sr", tmp_path / "hr", suffix="_x4")
    (without,) = compare_folders(tmp_path / "sr", tmp_path / "hr")
    assert with_suffix.name == "baby"
    assert with_suffix.psnr < without.psnr == np.inf


@pytest.mark.parametrize("extra", [(0, 0), (7, 0), (0, 7), (3, 5)])
def test_originals_are_cropped_at_the_right_and_bottom(tmp_path, extra):
    original = picture(0, 32 + extra[0], 28 + extra[1])
    write(tmp_path / "hr" / "baby.png", original)
    write(tmp_path / "sr" / "baby.png", worse(original[:32, :28]))
    (score,) = compare_folders(tmp_path / "sr", tmp_path / "hr")
    expected = expected_psnr(unit(worse(original[:32, :28])), unit(original[:32, :28]), "y", 4)
    assert score.psnr == pytest.approx(expected, abs=1e-6)


def test_sorted_by_name(tmp_path):
    names = ["a", "a-1", "a1", "b 2", "b", "B", "b.c"]
    for name in names:
        write(tmp_path / "hr" / f"{name}.png", picture(0))
        write(tmp_path / "sr" / f"{name}.bmp", picture(0))
    assert [score.name for score in compare_folders(tmp_path / "sr", tmp_path / "hr")] == sorted(names)


def test_folders_are_only_read(folders):
    before = {path: path.read_bytes() for folder in folders for path in folder.iterdir()}
    compare_folders(*folders)
    assert {path: path.read_bytes() for folder in folders for path in folder.iterdir()} == before


def test_scores_cannot_be_changed():
    score = Score("baby", 30.0, 0.9)
    with pytest.raises(AttributeError):
        score.psnr = 31.0


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_accents_pair_however_they_are_encoded(tmp_path, forms):
    for folder, form in zip(("sr", "hr"), forms, strict=True):
        write(tmp_path / folder / f"{unicodedata.normalize(form, 'tête')}_é.png", picture(0))
    (score,) = compare_folders(tmp_path / "sr", tmp_path / "hr")
    assert score.name == "tête_é"
    write(tmp_path / "hr" / "tête.png", picture(0))
    (tmp_path / "hr" / f"{unicodedata.normalize(forms[1], 'tête')}_é.png").unlink()
    (score,) = compare_folders(tmp_path / "sr", tmp_path / "hr", suffix=unicodedata.normalize(forms[1], "_é"))
    assert score.psnr == np.inf


@pytest.mark.parametrize(("before", "after"), [("", "_x4_SR"), ("", "x4"), ("sr_", ""), ("sr_", "_x2"), ("", "")])
def test_names_are_guessed(tmp_path, before, after):
    for name in ("0801", "0802", "1"):
        write(tmp_path / "hr" / f"{name}.png", picture(0))
        write(tmp_path / "sr" / f"{before}{name}{after}.png", picture(0))
    assert guessed_names(tmp_path / "sr", tmp_path / "hr") == (before, after)
    assert len(compare_folders(tmp_path / "sr", tmp_path / "hr", prefix=before, suffix=after)) == 3


def test_nothing_is_guessed_where_nothing_or_too_much_fits(tmp_path):
    for name in ("baby", "bird"):
        write(tmp_path / "hr" / f"{name}.png", picture(0))
        write(tmp_path / "sr" / f"{name}_x2.png", picture(0))
    write(tmp_path / "sr" / "baby_x3.png", picture(0))
    assert guessed_names(tmp_path / "sr", tmp_path / "hr") == ("", "_x2")
    write(tmp_path / "sr" / "bird_x3.png", picture(0))
    with pytest.raises(ValueError, match="several results for each original: NAME_x2 or NAME_x3; choose by --prefix"):
        guessed_names(tmp_path / "sr", tmp_path / "hr")
    write(tmp_path / "hr" / "head.png", picture(0))
    assert guessed_names(tmp_path / "sr", tmp_path / "hr") == ("", "")
    with pytest.raises(FileNotFoundError, match="no result for baby, bird, head"):
        compare_folders(tmp_path / "sr", tmp_path / "hr")


def by_matlab(pixels: np.ndarray) -> np.ndarray:
    """rgb2ycbcr of 8-bit colors, its first channel."""
    return np.round(16 + pixels @ np.array([65.481, 128.553, 24.966]) / 255).astype(np.uint8)


def test_luma_by_matlab():
    """MATLAB's values: rgb2ycbcr(uint8(...)) of black, white, red, green, blue and a gray."""
    colors = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 128, 128]], np.uint8)
    x = torch.from_numpy(colors / 255).T[:, None]
    assert (255 * matlab_luma(x, gray=False)).round().flatten().tolist() == [16, 235, 81, 145, 41, 126]
    assert (255 * matlab_luma(x[:, :, -1:], gray=True)).round().item() == 128


def test_protocol_matlab_rounds_luma(folders):
    for seed, score in enumerate(compare_folders(*folders, border=2, protocol="matlab")):
        sr, hr = (by_matlab(x)[None] / 255 for x in (worse(picture(seed)), picture(seed)))
        assert score.psnr == pytest.approx(expected_psnr(sr, hr, "y", 2), abs=1e-9)
        assert score.ssim == pytest.approx(expected_ssim(sr, hr, "y", 2), abs=1e-9)


@pytest.mark.parametrize("also_gray", [True, False])
def test_gray_files_by_protocol(tmp_path, also_gray):
    """One channel by the scripts of printed tables, three equal ones by validation loops: 20 log10(255/219) apart."""
    hr = picture(0)[..., 0]
    sr = worse(hr)
    write(tmp_path / "hr" / "bridge.png", hr)
    write(tmp_path / "sr" / "bridge.png", sr if also_gray else np.stack([sr] * 3, -1))
    (three,) = compare_folders(tmp_path / "sr", tmp_path / "hr")
    (one,) = compare_folders(tmp_path / "sr", tmp_path / "hr", protocol="matlab")
    assert one.psnr == pytest.approx(expected_psnr(sr[None] / 255, hr[None] / 255, "y", 4), abs=1e-9)
    assert three.psnr - one.psnr == pytest.approx(20 * np.log10(255 / 219), abs=1e-9)
    write(tmp_path / "sr" / "bridge.png", picture(3))
    with pytest.raises(ValueError, match=r"sr/bridge\.png has colors, but .*hr/bridge\.png is a gray file"):
        compare_folders(tmp_path / "sr", tmp_path / "hr", protocol="matlab")
