"""Pictures made larger: tiles against the whole, and files of each kind."""

import errno
import itertools

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from srtheory.data import photograph, read_picture
from srtheory.models import EDSR
from srtheory.operators import Resize
from srtheory.training import upscale_file, upscale_tensor
from srtheory.training.upscaling import MARGIN, TILE
from tests.data.files import GRAY, PALETTE, png, random_bytes, random_words, written

from .runs import FULL

LR = photograph("coffee")[:, 100:153, 200:274].float()  # 53 x 74
TINY = EDSR.preset("tiny", 2, generator=torch.Generator().manual_seed(0)).requires_grad_(False)


def nearest(scale):
    return lambda lr: lr.repeat_interleave(scale, 2).repeat_interleave(scale, 3)


# Tiles.


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("tile", [5, 8, 13, 25, 52, 53, 73])  # 53 = 4 x 13 + 1 = 52 + 1, 74 = 73 + 1: narrow last tiles
def test_tiles_are_the_whole(scale, tile):
    net = EDSR.preset("tiny", scale, generator=torch.Generator().manual_seed(0)).requires_grad_(False)
    whole = net(LR[None])[0]
    seen = []
    made = upscale_tensor(net, LR, scale, tile=tile, margin=24, progress=lambda *numbers: seen.append(numbers))
    assert made.shape == whole.shape
    assert (made - whole).abs().max() < 1e-6
    if max(LR.shape) > tile + 48:
        count = -(-53 // tile) * -(-74 // tile)
        assert seen == [(number, count) for number in range(1, count + 1)]


@pytest.mark.parametrize("side", [1, 2, 11])
def test_narrow_pictures(side):
    lr = LR[:, :side]
    assert (upscale_tensor(TINY, lr, 2, tile=9, margin=24) - TINY(lr[None])[0]).abs().max() < 1e-6
    lr = LR[:, :, :side]
    assert (upscale_tensor(TINY, lr, 2, tile=9, margin=24) - TINY(lr[None])[0]).abs().max() < 1e-6


def test_tiles_are_no_larger_than_said():
    shapes = []

    def net(lr):
        shapes.append(lr.shape)
        return nearest(2)(lr)

    made = upscale_tensor(net, LR, 2, tile=16, margin=4)
    assert (made - nearest(2)(LR[None])[0]).abs().max() < 1e-6
    assert max(max(shape) for shape in shapes) == 16 + 2 * 4
    shapes.clear()
    upscale_tensor(net, LR, 2)
    assert shapes == [(1, 3, 53, 74)]
    assert TILE + 2 * MARGIN > 74
    upscale_tensor(net, LR, 2, tile=66, margin=4)
    assert len(shapes) == 2  # 74 = 66 + 8: whole; one LR pixel more would be two tiles
    upscale_tensor(net, LR, 2, tile=65, margin=4)
    assert len(shapes) == 4


def steps_between(picture, axis):
    return picture.diff(dim=axis).abs().amax(dim=(0, 3 - axis))


def test_no_seam_where_the_network_sees_beyond_the_margin():
    """A network of far sight, which answers with the mean of what it sees: tiles differ, and yet there is no edge."""

    class Mean(nn.Module):
        def forward(self, lr):
            return nearest(2)(lr.mean((2, 3), keepdim=True).expand_as(lr))

    tile, margin = 16, 8
    made = upscale_tensor(Mean(), LR, 2, tile=tile, margin=margin)
    for axis, side in ((1, 53), (2, 74)):
        steps = steps_between(made, axis)
        assert steps.max() < 1.1 * (made.max() - made.min()) / (margin * 2)  # the width of the blending, in HR pixels
        edges = [2 * start - 1 for start in range(tile, side, tile)]
        assert steps[edges].max() <= steps.max()
        blended = [edge + number for edge in edges for number in (-1, 1)]
        assert (steps[edges] < 1.5 * torch.maximum(steps[blended[::2]], steps[blended[1::2]]) + 1e-6).all()


def test_no_seam_with_a_deep_network():
    """Its receptive field is larger than the margin: tiles are not the whole, but nothing jumps where they meet."""
    net = EDSR(2, channels=8, blocks=20, generator=torch.Generator().manual_seed(0)).requires_grad_(False)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.mul_(1.2)  # so that the far away has weight
    tile = 16
    difference = upscale_tensor(net, LR, 2, tile=tile, margin=8) - net(LR[None])[0]
    spread = net(LR[None]).std()
    assert 1e-2 < difference.abs().max() / spread < 0.1
    for axis, side in ((1, 53), (2, 74)):
        steps = steps_between(difference, axis)
        edges = [2 * start - 1 for start in range(tile, side, tile)]
        assert steps[edges].max() <= steps.max()
        assert steps[edges].mean() < 1.5 * steps.mean()


def test_the_blending_is_what_hides_seams():
    """Without it, in tiles side by side, the same network of far sight makes an edge: the test above can see one."""
    means = [LR[:, :, left : left + 16].mean() for left in range(0, 74, 16)]
    hard = torch.cat([torch.full((3, 10, 32), mean.item()) for mean in means], dim=2)
    steps = steps_between(hard, 2)
    edges = [31, 63, 95, 127]
    assert steps[edges].max() == steps.max()
    assert steps.max() > 1.1 * (hard.max() - hard.min()) / 16


def test_bad_tiles():
    for tile in (0, -5):
        with pytest.raises(ValueError, match=f"tile must be at least 1 LR pixel, not {tile}"):
            upscale_tensor(TINY, LR, 2, tile=tile)
    for margin in (0, 3, -2):
        with pytest.raises(ValueError, match=f"margin must be a multiple of 2 LR pixels, and positive, not {margin}"):
            upscale_tensor(TINY, LR, 2, margin=margin)


# Files.


def stored(path):
    with Image.open(path) as image:
        return np.asarray(image), image.mode


def larger(layers):
    """(h, w, C) -> twice as large, colors by repeating, for the network `nearest`."""
    return layers.repeat(2, 0).repeat(2, 1)


@pytest.mark.parametrize("ending", [".png", ".PNG", ".tif", ".bmp", ".ppm", ".webp", ".jpg"])
def test_color(tmp_path, ending):
    pixels = random_bytes(11, 13, 3)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    sizes = upscale_file(nearest(2), tmp_path / "in.png", tmp_path / f"out{ending}", 2)
    found, mode = stored(tmp_path / f"out{ending}")
    assert (sizes, mode) == ((22, 26), "RGB")
    assert found.shape == (22, 26, 3)
    if ending not in (".webp", ".jpg"):
        assert np.array_equal(found, larger(pixels))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.png", f"out{ending}"])


def test_in_tiles(tmp_path):
    Image.fromarray((255 * LR).byte().movedim(0, -1).numpy()).save(tmp_path / "in.png")
    seen = []
    for name, tile in (("whole", TILE), ("tiles", 8)):
        upscale_file(
            TINY, tmp_path / "in.png", tmp_path / f"{name}.png", 2, tile=tile, progress=lambda *n: seen.append(n)
        )
    assert seen[-1] == (70, 70)
    assert np.abs(stored(tmp_path / "whole.png")[0].astype(int) - stored(tmp_path / "tiles.png")[0]).max() <= 1


def test_too_bright_and_too_dark_is_clipped(tmp_path):
    pixels = random_bytes(8, 8, 3)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    upscale_file(lambda lr: 4 * nearest(2)(lr) - 1, tmp_path / "in.png", tmp_path / "out.png", 2)
    expected = (4 * larger(pixels).astype(int) - 255).clip(0, 255)
    assert np.array_equal(stored(tmp_path / "out.png")[0], expected)
    assert {0, 255} < set(expected.flatten())


@pytest.mark.parametrize("ending", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_kept(tmp_path, mode, ending):
    pixels = random_bytes(9, 10, 4)
    pixels[2:5, 3:6, 3], pixels[7:, :, 3] = 0, 255
    if mode == "P":
        palette = (b"PLTE", bytes([0, 0, 0, 200, 30, 60, 10, 220, 90, 255, 255, 0]))
        index = random_bytes(9, 10) % 4
        written(tmp_path / "in.png", png(index, 8, PALETTE, palette, (b"tRNS", bytes([0, 128, 255]))))
        colors = np.frombuffer(palette[1], np.uint8).reshape(4, 3)[index]
        opacity = np.array([0, 128, 255, 255], np.uint8)[index]
    else:
        Image.fromarray(pixels if mode == "RGBA" else pixels[..., 2:]).save(tmp_path / "in.png")
        colors, opacity = (pixels[..., :3], pixels[..., 3]) if mode == "RGBA" else (pixels[..., 2:3], pixels[..., 3])
    assert stored(tmp_path / "in.png")[1] == mode
    upscale_file(nearest(2), tmp_path / "in.png", tmp_path / f"out{ending}", 2)
    found, kind = stored(tmp_path / f"out{ending}")
    if ending != ".webp":  # which stores colors with losses
        assert kind == ("LA" if mode == "LA" else "RGBA")
        assert np.array_equal(found[..., :-1], larger(colors))
    alpha = Resize(0.5)(torch.from_numpy(opacity / 255)).clamp(0, 1)
    assert np.abs(found[..., -1] - 255 * alpha.numpy()).max() < 0.51


@pytest.mark.parametrize("ending", [".jpg", ".jpeg", ".bmp", ".ppm", ".pnm", ".gif", ".jfif"])
def test_transparency_is_not_dropped_silently(tmp_path, ending):
    Image.fromarray(random_bytes(9, 10, 4)).save(tmp_path / "in.png")
    with pytest.raises(ValueError, match=rf"in\.png has transparency, which {ending} cannot hold; write a \.png"):
        upscale_file(nearest(2), tmp_path / "in.png", tmp_path / f"out{ending}", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


@pytest.mark.parametrize("ending", [".png", ".tif", ".jpg"])
def test_gray_stays_gray(tmp_path, ending):
    pixels = random_bytes(9, 10)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    upscale_file(nearest(2), tmp_path / "in.png", tmp_path / f"out{ending}", 2)
    found, mode = stored(tmp_path / f"out{ending}")
    assert mode == "L"
    if ending != ".jpg":
        assert np.array_equal(found, larger(pixels))


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_sixteen_bits_stay(tmp_path, ending):
    words = random_words(9, 10)
    written(tmp_path / "in.png", png(words, 16, GRAY))
    upscale_file(nearest(2), tmp_path / "in.png", tmp_path / f"out{ending}", 2)
    found, mode = stored(tmp_path / f"out{ending}")
    assert mode.startswith("I;16")
    assert found.dtype == np.uint16
    assert np.abs(found.astype(int) - larger(words)).max() <= 1  # float32 in between
    assert np.array_equal((read_picture(tmp_path / f"out{ending}")[0] * 65535).round().numpy(), found)


def test_sixteen_bits_in_a_format_of_eight(tmp_path):
    written(tmp_path / "in.png", png(random_words(9, 10), 16, GRAY))
    with pytest.raises(OSError, match=r"out\.jpg could not be written \(cannot write mode I;16 as JPEG\)"):
        upscale_file(nearest(2), tmp_path / "in.png", tmp_path / "out.jpg", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotation_of_the_camera_is_applied(tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(random_bytes(9, 14, 3)).save(tmp_path / "in.png", exif=exif)
    sizes = upscale_file(nearest(2), tmp_path / "in.png", tmp_path / "out.png", 2)
    assert sizes == ((28, 18) if orientation >= 5 else (18, 28))
    assert torch.equal(read_picture(tmp_path / "out.png"), nearest(2)(read_picture(tmp_path / "in.png")[None])[0])
    assert Image.open(tmp_path / "out.png").getexif().get(274, 1) == 1  # not applied twice


def test_an_existing_file_is_replaced_whole(tmp_path):
    for name in ("in.png", "out.png"):
        Image.fromarray(random_bytes(9, 10, 3, seed=len(name))).save(tmp_path / name)
    before = (tmp_path / "out.png").read_bytes()

    def broken(lr):
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        upscale_file(broken, tmp_path / "in.png", tmp_path / "out.png", 2)
    assert (tmp_path / "out.png").read_bytes() == before
    upscale_file(nearest(2), tmp_path / "in.png", tmp_path / "out.png", 2)
    assert stored(tmp_path / "out.png")[0].shape == (18, 20, 3)


# What it refuses.


def test_the_target_is_the_source(tmp_path):
    Image.fromarray(random_bytes(9, 10, 3)).save(tmp_path / "in.png")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "in.png")
    before = (tmp_path / "in.png").read_bytes()
    for target in ("in.png", "folder/../in.png", "link.png"):
        with pytest.raises(ValueError, match="is the picture itself; give another name"):
            upscale_file(nearest(2), tmp_path / "in.png", tmp_path / target, 2)
    assert (tmp_path / "in.png").read_bytes() == before


@pytest.mark.parametrize(
    ("source", "target", "error", "message"),
    [
        ("in.png", "out", ValueError, "out: no ending is no picture format to write; .png is"),
        ("in.png", "out.docx", ValueError, "out.docx: .docx is no picture format to write; .png is"),
        ("in.png", "nowhere/out.png", FileNotFoundError, "nowhere: no such folder to write to"),
        ("missing.png", "out.png", FileNotFoundError, "missing.png: no such file"),
        ("words.png", "out.png", ValueError, "words.png: not a readable picture, or cut off"),
        ("cut.png", "out.png", ValueError, "cut.png: not a readable picture, or cut off"),
        (".", "out.png", FileNotFoundError, "a folder, not a picture"),
    ],
)
def test_bad_files(tmp_path, source, target, error, message):
    Image.fromarray(random_bytes(9, 10, 3)).save(tmp_path / "in.png")
    written(tmp_path / "words.png", b"words")
    written(tmp_path / "cut.png", (tmp_path / "in.png").read_bytes()[:150])
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(error) as caught:
        upscale_file(nearest(2), tmp_path / source, tmp_path / target, 2)
    assert message in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
def test_a_full_disk(tmp_path):
    for name in ("in.png", "out.png"):
        Image.fromarray(random_bytes(90, 100, 3, seed=len(name))).save(tmp_path / name)
    before = (tmp_path / "out.png").read_bytes()
    (tmp_path / "out.png.part").symlink_to(FULL)
    with pytest.raises(OSError, match=r"out\.png could not be written \(No space left on device\)") as caught:
        upscale_file(nearest(2), tmp_path / "in.png", tmp_path / "out.png", 2)
    assert caught.value.errno == errno.ENOSPC
    assert (tmp_path / "out.png").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png", "out.png"]


def test_a_folder_in_the_way(tmp_path):
    Image.fromarray(random_bytes(9, 10, 3)).save(tmp_path / "in.png")
    (tmp_path / "out.png").mkdir()
    with pytest.raises(OSError, match=r"out\.png could not be written \(Is a directory\)"):
        upscale_file(nearest(2), tmp_path / "in.png", tmp_path / "out.png", 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png", "out.png"]


def test_every_size_of_tile_weighs_every_pixel():
    lr = torch.ones(1, 23, 17)
    for tile, margin in itertools.product((1, 2, 3, 7), (2, 4, 6)):
        made = upscale_tensor(nearest(2), lr, 2, tile=tile, margin=margin)
        assert (made - 1).abs().max() < 1e-6
