"""Every kind of picture file against pixels that are known, written by another library or by hand."""

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from srtheory.data import list_pictures, read_picture

from .files import GRAY, GRAY_ALPHA, PALETTE, RGB, RGBA, png, random_bytes, random_words, written

H, W = 5, 7
LOSSLESS = ["bmp", "png", "ppm", "tif", "tiff", "webp"]


def read(path) -> np.ndarray:
    """(3, H, W) -> (H, W, 3), float64"""
    picture = read_picture(path, dtype=torch.float64)
    assert picture.dtype == torch.float64
    assert picture.shape[0] == 3
    assert picture.is_contiguous()
    assert picture.min() >= 0
    assert picture.max() <= 1
    return picture.movedim(0, -1).numpy()


def thrice(gray: np.ndarray) -> np.ndarray:
    return np.stack([gray] * 3, axis=-1)


@pytest.mark.parametrize("ending", LOSSLESS)
def test_rgb(tmp_path, ending):
    pixels = random_bytes(H, W, 3)
    Image.fromarray(pixels).save(tmp_path / f"x.{ending}", **({"lossless": True} if ending == "webp" else {}))
    np.testing.assert_array_equal(read(tmp_path / f"x.{ending}"), pixels / 255)


def test_rgb_png_by_hand(tmp_path):
    pixels = random_bytes(H, W, 3)
    np.testing.assert_array_equal(read(written(tmp_path / "x.png", png(pixels, 8, RGB))), pixels / 255)


@pytest.mark.parametrize("ending", ["bmp", "png", "ppm", "tif"])
def test_gray_becomes_three_equal_channels(tmp_path, ending):
    pixels = random_bytes(H, W)
    Image.fromarray(pixels).save(tmp_path / f"x.{ending}")
    np.testing.assert_array_equal(read(tmp_path / f"x.{ending}"), thrice(pixels / 255))


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_gray_of_few_bits_spans_the_range(tmp_path, depth):
    levels = np.arange(2**depth)
    packed = np.packbits(((levels[:, None] >> np.arange(depth)[::-1]) & 1).astype(np.uint8).ravel())
    path = written(tmp_path / "x.png", png(packed[None], depth, GRAY, size=(1, len(levels))))
    np.testing.assert_allclose(read(path)[0], thrice(levels / levels[-1]), atol=1e-15)


@pytest.mark.parametrize("ending", ["bmp", "png", "tif"])
def test_one_bit(tmp_path, ending):
    pixels = random_bytes(H, W) > 127
    Image.fromarray(pixels).save(tmp_path / f"x.{ending}")
    np.testing.assert_array_equal(read(tmp_path / f"x.{ending}"), thrice(pixels.astype(float)))


@pytest.mark.parametrize("depth", [4, 8])
def test_palette(tmp_path, depth):
    colors, indices = random_bytes(16, 3, seed=1), random_bytes(H, 8) % 16
    packed = indices if depth == 8 else (indices[:, ::2] << 4) | indices[:, 1::2]
    path = written(tmp_path / "x.png", png(packed, depth, PALETTE, (b"PLTE", colors.tobytes()), size=(H, 8)))
    np.testing.assert_array_equal(read(path), colors[indices] / 255)


def test_palette_with_transparency(tmp_path):
    colors, indices = random_bytes(16, 3, seed=1), np.arange(16, dtype=np.uint8).reshape(2, 8)
    alpha = np.linspace(0, 255, 12).astype(np.uint8)  # entries past the end are opaque
    chunks = (b"PLTE", colors.tobytes()), (b"tRNS", alpha.tobytes())
    actual = read(written(tmp_path / "x.png", png(indices, 8, PALETTE, *chunks)))
    share = np.append(alpha, [255] * 4).reshape(2, 8, 1) / 255
    np.testing.assert_allclose(actual, share * colors[indices] / 255 + 1 - share, atol=0.6 / 255)


@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
def test_alpha_is_laid_on_white(tmp_path, ending):
    pixels = random_bytes(16, 16, 4)
    pixels[..., 3] = np.arange(256).reshape(16, 16)
    Image.fromarray(pixels).save(
        tmp_path / f"x.{ending}", **({"lossless": True, "exact": True} if ending == "webp" else {})
    )
    share = pixels[..., 3:] / 255
    actual = read(tmp_path / f"x.{ending}")
    np.testing.assert_allclose(actual, share * pixels[..., :3] / 255 + 1 - share, atol=0.6 / 255)
    assert (actual[0, 0] == 1).all()
    np.testing.assert_array_equal(actual[-1, -1], pixels[-1, -1, :3] / 255)


def test_gray_with_alpha_is_laid_on_white(tmp_path):
    pixels = random_bytes(16, 16, 2)
    pixels[..., 1] = np.arange(256).reshape(16, 16)
    path = written(tmp_path / "x.png", png(pixels, 8, GRAY_ALPHA))
    share = pixels[..., 1] / 255
    np.testing.assert_allclose(read(path), thrice(share * pixels[..., 0] / 255 + 1 - share), atol=0.6 / 255)


@pytest.mark.parametrize(("color", "shape"), [(GRAY, (H, W)), (RGB, (H, W, 3))])
def test_one_color_declared_transparent_becomes_white(tmp_path, color, shape):
    pixels = random_bytes(*shape)
    pixels[2, 3] = np.array([10, 20, 30][: shape[-1]] if len(shape) == 3 else 10)
    key = np.atleast_1d(pixels[2, 3]).astype(">u2").tobytes()
    actual = read(written(tmp_path / "x.png", png(pixels, 8, color, (b"tRNS", key))))
    expected = pixels / 255 if len(shape) == 3 else thrice(pixels / 255)
    expected[pixels[..., :1].squeeze(-1) == 10 if len(shape) == 3 else pixels == 10] = 1
    np.testing.assert_array_equal(actual, expected)


def test_sixteen_bit_gray_png_is_exact(tmp_path):
    pixels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    path = written(tmp_path / "x.png", png(pixels, 16, GRAY))
    np.testing.assert_array_equal(read(path), thrice(pixels / 65535))


def test_sixteen_bit_gray_with_a_transparent_level_is_laid_on_white(tmp_path):
    pixels = random_words(H, W)
    pixels[1, 1] = 1000
    path = written(tmp_path / "x.png", png(pixels, 16, GRAY, (b"tRNS", np.array(1000, ">u2").tobytes())))
    expected = thrice(pixels / 65535)
    expected[pixels == 1000] = 1
    np.testing.assert_array_equal(read(path), expected)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bit_gray_tiff_is_exact(tmp_path, order):
    pixels = random_words(H, W)
    tifffile.imwrite(tmp_path / "x.tif", pixels, byteorder=order)
    np.testing.assert_array_equal(read(tmp_path / "x.tif"), thrice(pixels / 65535))


@pytest.mark.parametrize("pixels", [random_bytes(H, W), random_words(H, W)], ids=["8 bits", "16 bits"])
def test_gray_tiff_whose_zero_is_white(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "x.tif", pixels, photometric="miniswhite")
    np.testing.assert_allclose(read(tmp_path / "x.tif"), thrice(1 - pixels / np.iinfo(pixels.dtype).max), atol=1e-15)


def test_sixteen_bit_gray_of_a_small_range_is_not_stretched(tmp_path):
    pixels = random_words(H, W) % 200
    path = written(tmp_path / "x.png", png(pixels, 16, GRAY))
    np.testing.assert_array_equal(read(path), thrice(pixels / 65535))


def test_sixteen_bit_gray_ppm_is_exact(tmp_path):
    pixels = random_words(H, W)
    path = written(tmp_path / "x.ppm", b"P5 %d %d 65535\n" % (W, H) + pixels.astype(">u2").tobytes())
    np.testing.assert_array_equal(read(path), thrice(pixels / 65535))


def sixteen_bit_color(path):
    words = random_words(H, W, 3)
    if path.name == "rgb.png":
        path.write_bytes(png(words, 16, RGB))
    elif path.name == "rgba.png":
        path.write_bytes(png(random_words(H, W, 4), 16, RGBA))
    elif path.name == "gray-alpha.png":
        path.write_bytes(png(random_words(H, W, 2), 16, GRAY_ALPHA))
    elif path.suffix == ".tif":
        tifffile.imwrite(path, words, photometric="rgb", byteorder=">" if "big" in path.name else "<")
    else:
        path.write_bytes(b"P6 %d %d 65535\n" % (W, H) + words.astype(">u2").tobytes())
    return path


@pytest.mark.parametrize("name", ["rgb.png", "rgba.png", "gray-alpha.png", "rgb.tif", "rgb-big.tif", "rgb.ppm"])
def test_sixteen_bit_color_is_refused_not_cut(tmp_path, name):
    path = sixteen_bit_color(tmp_path / name)
    with pytest.raises(ValueError, match="16-bit color") as caught:
        read_picture(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "photometric"), [((H, W), "minisblack"), ((H, W, 3), "rgb")], ids=["gray", "rgb"])
def test_float_tiff_is_refused(tmp_path, dtype, shape, photometric):
    pixels = np.random.default_rng(0).random(shape).astype(dtype)
    tifffile.imwrite(tmp_path / "x.tif", pixels, photometric=photometric)
    with pytest.raises(ValueError, match=r"x\.tif"):
        read_picture(tmp_path / "x.tif")


@pytest.mark.parametrize("value", [-1, 65536, 2**31 - 1])
def test_gray_beyond_sixteen_bits_is_refused(tmp_path, value):
    pixels = np.zeros((H, W), dtype=np.int32)
    pixels[0, 0] = value
    tifffile.imwrite(tmp_path / "x.tif", pixels)
    with pytest.raises(ValueError, match=r"x\.tif: 32-bit grayscale"):
        read_picture(tmp_path / "x.tif")


@pytest.mark.parametrize("color", [(0, 0, 0, 0), (0, 0, 0, 255), (255, 0, 0, 0), (40, 90, 200, 30), (0, 128, 255, 64)])
def test_cmyk_jpeg(tmp_path, color):
    Image.new("CMYK", (16, 16), color).save(tmp_path / "x.jpg", quality=100)
    cyan, magenta, yellow, black = (1 - part / 255 for part in color)
    expected = np.array([cyan, magenta, yellow]) * black
    np.testing.assert_allclose(read(tmp_path / "x.jpg"), np.broadcast_to(expected, (16, 16, 3)), atol=2.5 / 255)


def test_jpeg(tmp_path):
    pixels = np.repeat(np.repeat(random_bytes(2, 3, 3), 16, axis=0), 16, axis=1)
    Image.fromarray(pixels).save(tmp_path / "x.jpeg", quality=100, subsampling=0)
    np.testing.assert_allclose(read(tmp_path / "x.jpeg"), pixels / 255, atol=3.5 / 255)


UPRIGHT = {  # what a viewer does to the stored rows, by the EXIF standard's orientation
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x.swapaxes(0, 1)[::-1, ::-1],
    8: lambda x: np.rot90(x, 1),
}


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation(tmp_path, orientation, ending):
    pixels = np.repeat(np.repeat(random_bytes(2, 3, 3), 16, axis=0), 16, axis=1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}.get(ending, {})
    Image.fromarray(pixels).save(tmp_path / f"x.{ending}", exif=exif, **options)
    expected = UPRIGHT[orientation](pixels) / 255
    np.testing.assert_allclose(read(tmp_path / f"x.{ending}"), expected, atol=3.5 / 255 if ending == "jpg" else 0)


@pytest.mark.parametrize("pixels", [random_bytes(H, W), random_words(H, W)], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_of_gray_tiff(tmp_path, orientation, pixels):
    tifffile.imwrite(tmp_path / "x.tif", pixels, extratags=[(274, "H", 1, orientation, True)])
    expected = thrice(UPRIGHT[orientation](pixels) / np.iinfo(pixels.dtype).max)
    np.testing.assert_array_equal(read(tmp_path / "x.tif"), expected)


def test_first_frame_of_several(tmp_path):
    frames = [Image.fromarray(random_bytes(H, W, 3, seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / "x.tif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read(tmp_path / "x.tif"), random_bytes(H, W, 3) / 255)


def test_content_counts_not_the_ending(tmp_path):
    pixels = random_bytes(H, W, 3)
    path = written(tmp_path / "x.jpg", png(pixels, 8, RGB))
    np.testing.assert_array_equal(read(path), pixels / 255)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_dtype(tmp_path, dtype):
    pixels = random_bytes(H, W, 3)
    picture = read_picture(written(tmp_path / "x.png", png(pixels, 8, RGB)), dtype=dtype)
    assert picture.dtype == dtype
    assert torch.equal(picture, torch.from_numpy(pixels / 255).movedim(-1, 0).to(dtype))


def test_float32_by_default_and_a_path_may_be_text(tmp_path):
    path = written(tmp_path / "x.png", png(random_bytes(H, W, 3), 8, RGB))
    assert read_picture(str(path)).dtype == torch.float32
    assert torch.equal(read_picture(str(path)), read_picture(path))


def test_one_pixel(tmp_path):
    path = written(tmp_path / "x.png", png(np.array([[[255, 0, 51]]]), 8, RGB))
    assert read_picture(path, torch.float64).flatten().tolist() == [1, 0, 0.2]


def test_reading_twice_gives_memory_of_its_own(tmp_path):
    path = written(tmp_path / "x.png", png(random_bytes(H, W, 3), 8, RGB))
    first = read_picture(path)
    expected = first.clone()
    first.zero_()
    assert torch.equal(read_picture(path), expected)


def test_list_is_in_order_whatever_the_case_of_the_ending(tmp_path):
    names = [
        "a.png",
        "b.PNG",
        "c.Jpg",
        "d.jpeg",
        "e.bmp",
        "f.ppm",
        "g.tif",
        "h.TIFF",
        "i.webp",
        "img10.png",
        "img2.png",
    ]
    for name in reversed(names):
        (tmp_path / name).touch()
    assert list_pictures(tmp_path) == [tmp_path / name for name in names]
    assert list_pictures(str(tmp_path)) == list_pictures(tmp_path)


def test_list_leaves_out_what_is_no_picture(tmp_path):
    for name in ["a.png", ".hidden.png", "._a.png", ".png", "notes.txt", "png", "x.png.part", "Thumbs.db"]:
        (tmp_path / name).touch()
    for folder in ["sub", "sub.png"]:
        (tmp_path / folder).mkdir()
    (tmp_path / "sub" / "deep.png").touch()
    assert list_pictures(tmp_path) == [tmp_path / "a.png"]
