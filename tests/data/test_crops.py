"""Batches of crops against slow slicing of the decoded pictures, wherever these are kept."""

import threading

import numpy as np
import pytest
import torch
from PIL import Image

from srtheory.data import Pictures, Places, photograph, read_picture
from srtheory.data.crops import AHEAD
from srtheory.operators import Resize
from srtheory.training.pairs import MARGIN, degrade

from .files import GRAY, RGB, png, random_bytes, random_words, written

SIZES = [(23, 31), (40, 17), (16, 16)]  # heights and widths
KEPT = ("device", "memory", "disk")
PNG = png(random_bytes(20, 20, 3), 8, RGB)


@pytest.fixture
def folder(tmp_path):
    """Three pictures of random bytes, one of them gray."""
    found = tmp_path / "pictures"
    found.mkdir()
    for number, size in enumerate(SIZES):
        color, shape = (GRAY, size) if number == 1 else (RGB, (*size, 3))
        written(found / f"{number}.png", png(random_bytes(*shape, seed=number), 8, color))
    return found


def pictures_of(folder, **settings):
    made = Pictures(folder, workers=2, **settings)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(params=KEPT)
def kept(folder, request):
    yield from pictures_of(folder, keep=request.param)


@pytest.fixture
def pictures(folder):
    yield from pictures_of(folder)


def decoded(path):
    return np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1)  # (3, H, W)


def sliced(pictures, places, crop, margin):
    """The crops, one after the other: mirrored around the picture, cut out, turned."""
    found = []
    for picture, top, left, symmetry in zip(*(x.tolist() for x in places), strict=True):
        pixels = decoded(pictures.paths[picture])
        around = np.pad(pixels, ((0, 0), (margin, margin), (margin, margin)), mode="symmetric")
        one = around[:, top : top + crop + 2 * margin, left : left + crop + 2 * margin]
        if symmetry & 1:
            one = one[:, :, ::-1]
        if symmetry & 2:
            one = one[:, ::-1]
        if symmetry & 4:
            one = one.transpose(0, 2, 1)
        found.append(one)
    return torch.from_numpy(np.stack(found))


def each_symmetry(picture, top, left):
    return Places(*torch.tensor([[picture] * 8, [top] * 8, [left] * 8, list(range(8))]))


# What a batch holds.


@pytest.mark.parametrize("margin", [0, 1, 9, 50])  # 50: beyond the far edge, and mirrored again and again
@pytest.mark.parametrize(("picture", "top", "left"), [(0, 0, 0), (0, 7, 15), (1, 24, 1), (2, 0, 0)])
def test_crops_are_slices(kept, picture, top, left, margin):
    places = each_symmetry(picture, top, left)
    crops = kept.crops(places, 16, margin)
    assert crops.dtype == torch.uint8
    assert torch.equal(crops, sliced(kept, places, 16, margin))
    assert len({one.numpy().tobytes() for one in crops}) == 8


@pytest.mark.parametrize(("grid", "margin"), [(1, 0), (4, 12)])
def test_batches_are_slices(kept, grid, margin):
    for step in (0, 1, 2, 900):
        places = kept.places(step, 12, 12, 5, grid)
        assert torch.equal(kept.batch(step, 12, 12, 5, grid, margin), sliced(kept, places, 12, margin))


def test_pictures_are_what_read_picture_reads(folder):
    Image.fromarray(random_bytes(20, 21, 4, seed=7)).save(folder / "alpha.png")
    written(folder / "sixteen.png", png(random_words(22, 20), 16, GRAY))
    Image.fromarray(random_bytes(18, 26, 3, seed=8)).save(folder / "lossy.jpg")
    for pictures in pictures_of(folder):
        for number, path in enumerate(pictures.paths):
            height, width = pictures.sizes[number].tolist()
            side = min(height, width)
            places = Places(*torch.tensor([[number], [height - side], [width - side], [0]]))
            expected = (255 * read_picture(path)).round().byte()[None, :, height - side :, width - side :]
            assert torch.equal(pictures.crops(places, side), expected), path


def test_several_folders_are_one(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    written(other / "0.png", png(random_bytes(25, 25, 3, seed=9), 8, RGB))
    for pictures in pictures_of([folder, other]):
        assert [path.parent.name for path in pictures.paths] == ["pictures"] * 3 + ["other"]
        assert len(pictures) == 4
        places = each_symmetry(3, 5, 2)
        assert torch.equal(pictures.crops(places, 20), sliced(pictures, places, 20, 0))


def test_parts_of_a_batch_are_its_slices(kept):
    whole = kept.batch(3, 6, 12, 0, 2, 6)
    for part in (slice(0, 2), slice(2, 4), slice(4, 6), slice(None), slice(1, None, 2)):
        assert torch.equal(kept.batch(3, 6, 12, 0, 2, 6, part), whole[part])


# LR pictures.


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_lr_of_a_crop_is_a_crop_of_the_lr(tmp_path, scale):
    """At edges and corners too, mirrored and turned: with its margin a crop is made small as the whole picture is."""
    part = photograph("chelsea")[:, 100:161, 150:223]  # sides that no scale divides
    Image.fromarray((255 * part).round().byte().movedim(0, -1).numpy()).save(tmp_path / "chelsea.png")
    hr = read_picture(tmp_path / "chelsea.png", torch.float64)
    crop, margin = 12, MARGIN * scale
    bottom, right = ((side - crop) // scale * scale for side in part.shape[1:])
    for pictures in pictures_of(tmp_path):
        for top, left in ((0, 0), (0, right), (bottom, 0), (bottom, right), (5 * scale, 8 * scale)):
            around = pictures.crops(each_symmetry(0, top, left), crop, margin).double() / 255
            unrounded = Resize(scale)(around)[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
            for found, whole in ((unrounded, Resize(scale)(hr)), (degrade(around, scale, MARGIN), degrade(hr, scale))):
                small = whole[:, top // scale : (top + crop) // scale, left // scale : (left + crop) // scale]
                for symmetry, one in enumerate(found):
                    expected = small.flip(2) if symmetry & 1 else small
                    expected = expected.flip(1) if symmetry & 2 else expected
                    expected = expected.mT if symmetry & 4 else expected
                    assert one.shape == (3, crop // scale, crop // scale)
                    assert (one - expected).abs().max() < 1e-12


def test_less_margin_is_not_enough(tmp_path):
    """So the margin above is needed: without it the edge of a crop is made small in another way."""
    written(tmp_path / "x.png", png(random_bytes(40, 40, 3), 8, RGB))
    whole = Resize(4)(read_picture(tmp_path / "x.png", torch.float64))[:, 2:7, 2:7]
    for pictures in pictures_of(tmp_path):
        for margin, exact in ((2, True), (1, False), (0, False)):
            crops = pictures.crops(each_symmetry(0, 8, 8), 20, 4 * margin)[:1].double() / 255
            lr = Resize(4)(crops)[0, :, margin : margin + 5, margin : margin + 5]
            assert ((lr - whole).abs().max() < 1e-12) == exact


# Draws.


def test_draws_follow_from_seed_and_step_alone(pictures):
    first = pictures.places(7, 100, 12, 3)
    pictures.places(8, 5, 12, 3)
    torch.manual_seed(5)
    assert all(torch.equal(a, b) for a, b in zip(first, pictures.places(7, 100, 12, 3), strict=True))
    for other in (pictures.places(8, 100, 12, 3), pictures.places(7, 100, 12, 4), pictures.places(3, 100, 12, 7)):
        assert all(not torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_draws_leave_the_global_generator_alone(pictures):
    before = torch.get_rng_state()
    pictures.batch(0, 4, 12, 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_draws_are_uniform(pictures):
    crop, grid, count = 12, 2, 60_000
    picture, top, left, symmetry = pictures.places(0, count, crop, 0, grid)
    for drawn, number in ((picture, 3), (symmetry, 8)):
        shares = torch.bincount(drawn, minlength=number) / count
        assert len(shares) == number
        assert (shares - 1 / number).abs().max() < 5 * (1 / number / count) ** 0.5  # five deviations
    for number, (height, width) in enumerate(SIZES):
        rows, columns = (height - crop) // grid + 1, (width - crop) // grid + 1
        here = picture == number
        assert not ((top[here] % grid) | (left[here] % grid)).any()
        cells = torch.bincount(top[here] // grid * columns + left[here] // grid, minlength=rows * columns)
        assert len(cells) == rows * columns
        expected = here.sum().item() / (rows * columns)
        chi = ((cells - expected) ** 2 / expected).sum().item()
        freedom = rows * columns - 1
        assert abs(chi - freedom) < 5 * (2 * freedom) ** 0.5


@pytest.mark.parametrize("grid", [1, 2, 3, 4])
def test_crops_lie_inside_and_on_the_grid(pictures, grid):
    picture, top, left, _ = pictures.places(1, 5000, 12, 0, grid)
    assert not ((top % grid) | (left % grid)).any()
    sizes = pictures.sizes[picture]
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + 12 <= sizes[:, 0]).all()
    assert (left + 12 <= sizes[:, 1]).all()
    assert (top + 12 + grid > sizes[:, 0]).any()  # the last place on the grid is reached


def test_a_picture_just_as_large_as_the_crop(folder):
    for number in (0, 1):
        (folder / f"{number}.png").unlink()
    for pictures in pictures_of(folder):
        picture, top, left, _ = pictures.places(0, 50, 16, 0, 4)
        assert not (picture | top | left).any()


# Looking ahead.


def test_jumps_of_step(folder):
    for pictures in pictures_of(folder, keep="disk"):
        expected = {step: sliced(pictures, pictures.places(step, 3, 12, 0), 12, 0) for step in range(20)}
        for step in (0, 1, 2, 2, 1, 10, 11, 3, 19, 4, 5, 0, 1):
            assert torch.equal(pictures.batch(step, 3, 12, 0), expected[step]), step
            assert set(pictures._ready) == set(range(step + 1, step + AHEAD))


def test_other_settings_are_not_answered_with_what_was_made_ahead(folder):
    """As where one run ends and another goes on with the same pictures."""
    for pictures in pictures_of(folder, keep="disk"):
        for step, settings in enumerate(
            [
                *((3, 12, 0), (3, 12, 1), (3, 13, 1), (4, 13, 1), (4, 13, 1, 2), (4, 13, 1, 2, 3)),
                *((4, 13, 1, 2, 3, slice(0, 2)), (4, 13, 1, 2, 3, slice(2, 4)), (3, 12, 0)),
            ]
        ):
            count, crop, seed, *more = settings
            grid, margin, part = (*more, *(1, 0, slice(None))[len(more) :])
            places = Places(*(x[part] for x in pictures.places(step, count, crop, seed, grid)))
            assert torch.equal(pictures.batch(step, *settings), sliced(pictures, places, crop, margin)), settings


def test_an_error_ahead_waits_for_its_step(folder):
    for pictures in pictures_of(folder, keep="disk"):
        first = pictures.batch(0, 1, 12, 0)
        ahead = next(step for step in range(AHEAD, 50) if pictures.places(step, 1, 12, 0).picture[0] == 1)
        (folder / "1.png").write_bytes(b"no picture any more")
        with pytest.raises(ValueError, match=r"1\.png: not a readable picture"):
            pictures.batch(ahead, 1, 12, 0)
        other = next(step for step in range(50) if pictures.places(step, 1, 12, 0).picture[0] != 1)
        assert pictures.batch(other, 1, 12, 0).shape == first.shape


def test_a_picture_that_changed_on_the_disk(folder):
    for pictures in pictures_of(folder, keep="disk"):
        written(folder / "2.png", png(random_bytes(30, 30, 3), 8, RGB))
        with pytest.raises(ValueError, match=r"2\.png: the file has changed, it was 16x16; start again"):
            pictures.crops(each_symmetry(2, 0, 0), 12)
        (folder / "2.png").unlink()
        with pytest.raises(FileNotFoundError, match=r"2\.png: no such file"):
            pictures.crops(each_symmetry(2, 0, 0), 12)


# Sizes, progress, content.


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_by_exif(tmp_path, ending, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(random_bytes(18, 26, 3)).save(tmp_path / f"x.{ending}", exif=exif)
    for pictures in pictures_of(tmp_path):
        assert pictures.sizes.tolist() == [[26, 18] if orientation >= 5 else [18, 26]]
        whole = (255 * read_picture(tmp_path / f"x.{ending}")).round().byte()
        crops = pictures.crops(Places(*torch.zeros(4, 1, dtype=torch.long)), 18)
        assert torch.equal(crops[0], whole[:, :18, :18])


def test_progress_counts_pictures(folder):
    seen = []
    for _ in pictures_of(folder, progress=lambda done, total: seen.append((done, total))):
        assert seen == [(1, 3), (2, 3), (3, 3)]


def test_hash_is_that_of_the_content(folder, tmp_path):
    def digest(**settings):
        return next(pictures_of(folder, **settings)).hash

    first = digest()
    assert len(first) == 16
    assert {digest(keep=keep) for keep in KEPT} == {first}
    content = (folder / "1.png").read_bytes()
    written(folder / "1.png", png(random_bytes(40, 17, seed=99), 8, GRAY))
    assert digest() != first
    (folder / "1.png").write_bytes(content)
    assert digest() == first
    (folder / "1.png").rename(folder / "3.png")  # another order, and other pictures for the same draws
    assert digest() != first


def test_auto_keeps_on_the_disk_what_has_no_room(folder, monkeypatch):
    assert next(pictures_of(folder)).keep == "device"
    monkeypatch.setattr("srtheory.data.crops._memory", lambda: 1000.0)
    assert next(pictures_of(folder)).keep == "disk"


def test_threads_end(folder, tmp_path):
    before = threading.active_count()
    pictures = Pictures(folder, workers=3)
    assert threading.active_count() > before
    pictures.close()
    written(folder / "broken.png", PNG[:60])
    for name in ("broken.png", "text.png"):
        with pytest.raises(ValueError, match=name):
            Pictures(folder)
        (folder / "broken.png").write_bytes(PNG)
        written(folder / "text.png", b"words")
    assert threading.active_count() == before


# Bad input.


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.png", b"this is no picture"),
        ("cut.png", PNG[: len(PNG) // 2]),
        ("empty.jpg", b""),
        ("head.png", PNG[:33]),
    ],
)
@pytest.mark.parametrize("keep", KEPT)
def test_a_bad_file_is_named(folder, name, content, keep):
    written(folder / name, content)
    with pytest.raises(ValueError, match=rf"{name}: not a readable picture, or cut off"):
        Pictures(folder, keep=keep)


def test_bad_folders(tmp_path, folder):
    with pytest.raises(NotADirectoryError, match="nowhere is not a folder"):
        Pictures(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError, match=r"0\.png is not a folder"):
        Pictures(folder / "0.png")
    (tmp_path / "bare").mkdir()
    for folders in (tmp_path / "bare", [folder, tmp_path / "bare"]):
        with pytest.raises(FileNotFoundError, match="bare holds no picture"):
            Pictures(folders)
    with pytest.raises(FileNotFoundError, match="folder must be one folder of pictures or several, not none"):
        Pictures([])
    with pytest.raises(ValueError, match="keep must be one of 'auto', 'device', 'memory', 'disk', not 'cloud'"):
        Pictures(folder, keep="cloud")


def test_a_crop_that_is_too_large(pictures):
    with pytest.raises(ValueError, match=r"2\.png is 16x16, smaller than a crop of 17x17; take smaller crops") as one:
        pictures.check_crop(17)
    assert "(the smallest side of all is 16), or remove what is too small" in str(one.value)
    with pytest.raises(ValueError, match=r"0\.png is 23x31, smaller than a crop of 24x24, and so are 2 more") as all_of:
        pictures.batch(0, 2, 24, 0)
    assert "the smallest side of all is 16" in str(all_of.value)
    pictures.check_crop(16)
