"""A folder of results against a folder of originals, as a user finds them on a disk."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srtheory.metrics import Score, compare_folders

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
