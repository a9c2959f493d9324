"""Read a picture from a file into a tensor, the same way for every format."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

ENDINGS = {".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
WIDTH, LENGTH, BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO = 256, 257, 258, 262, 0  # TIFF tags, a value of the last
SIXTEEN = ("I", "I;16", "I;16B", "I;16L")
MOST_FOLDERS = 1000  # that are looked into for a hint
ORIENTATION = 274  # EXIF tag; from 5 on, height and width change places


def list_pictures(folder: str | Path) -> list[Path]:
    """List the pictures of a folder, by name; subfolders and hidden files are left out.

    Args:
        folder: the folder.

    Returns:
        Paths that end in .bmp, .jpeg, .jpg, .png, .ppm, .tif, .tiff or .webp, in any case, sorted.

    Raises:
        NotADirectoryError: it is not a folder.
        FileNotFoundError: it holds no picture; folders in it that do are named.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")
    found = sorted(path for path in folder.iterdir() if _is_picture(path))
    if not found:
        deeper = _folders_with_pictures(folder)
        named = ", ".join(map(str, deeper[:3])) + (" and more" if len(deeper) > 3 else "")
        hint = f"; its folders are not searched, and {named} would do" if deeper else ""
        raise FileNotFoundError(f"{folder} holds no picture ({', '.join(sorted(ENDINGS))}){hint}")
    return found


def _folders_with_pictures(folder: Path) -> list[Path]:
    """Return the nearest folders below that hold pictures, at most three levels down; those that cannot be read not."""
    level = [folder]
    for _ in range(3):
        level = [path for one in level for path in _listed(one) if path.is_dir() and not path.name.startswith(".")]
        level = sorted(level)[:MOST_FOLDERS]
        if found := [path for path in level if any(_is_picture(inner) for inner in _listed(path))]:
            return found
    return []


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file()


def read_picture(path: str | Path, dtype: torch.dtype = torch.float32) -> Tensor:
    """Read a picture as RGB.

    Grayscale becomes three equal channels. Palettes are resolved. Transparency is laid on white, as a page would show
    it. The rotation that a camera wrote into EXIF is applied. 8 bits are divided by 255, 16-bit grayscale by 65535. Of
    several frames the first is taken. Color profiles are not applied.

    Args:
        path: the file.
        dtype: a float dtype.

    Returns:
        (3, H, W) in [0, 1].

    Raises:
        TypeError: the path is no path.
        FileNotFoundError: there is no such file, or it is a folder.
        ValueError: the dtype is no float type; the file is not a picture, is cut off, or has 16-bit color or float
            pixels, whose precision would be lost or whose range is not defined.
    """
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ValueError(f"dtype must be a float type of torch, as torch.float32, not {dtype!r}")
    image, inverted = _opened(path)
    if image.mode in SIXTEEN:
        pixels, largest = np.repeat(_sixteen_bits(path, image, inverted)[..., None], 3, axis=2), 65535
    else:
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        pixels, largest = np.asarray(image.convert("RGB")).astype(np.float64), 255
    return torch.from_numpy(pixels / largest).movedim(-1, 0).contiguous().to(dtype)


def read_layers(path: str | Path) -> tuple[Tensor, Tensor | None, int]:
    """Read a picture without laying its transparency on white.

    Args:
        path: the file.

    Returns:
        Colors, (3, H, W) in [0, 1], float32; opacity, (1, H, W), or None where all is opaque by its format; and the
        bits of a grayscale picture, 8 or 16, or 0 for color.

    Raises:
        TypeError, FileNotFoundError, ValueError: as `read_picture`.
    """
    image, inverted = _opened(path)
    if image.mode in SIXTEEN:
        gray = torch.from_numpy(_sixteen_bits(path, image, inverted) / 65535).float()
        return gray.expand(3, *gray.shape).contiguous(), None, 16
    bits = 8 if image.mode in ("1", "L", "LA") else 0
    layers = torch.from_numpy(np.array(image.convert("RGBA"))).movedim(-1, 0).float() / 255
    return layers[:3].contiguous(), layers[3:] if image.has_transparency_data else None, bits


def _opened(path: str | Path) -> tuple[Image.Image, bool]:
    """Decode a picture, turned as its EXIF says; and whether its 16-bit grays count from white."""
    if not isinstance(path, str | Path):
        raise TypeError(f"path must be the path of a file, not {type(path).__name__}")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: {'a folder, not a picture' if path.is_dir() else 'no such file'}")
    try:
        # An open file, not a path: Pillow maps a file into memory by its path, and then turns a gray TIFF wrongly.
        with path.open("rb") as file, Image.open(file) as opened:
            bits = _bits_of_color(path, opened)
            inverted = opened.format == "TIFF" and opened.tag_v2.get(PHOTOMETRIC) == WHITE_IS_ZERO  # type: ignore[attr-defined]
            opened.load()  # before asking for the rotation: Pillow turns a TIFF by itself
            image = ImageOps.exif_transpose(opened)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: not a readable picture, or cut off, or far too large ({error})") from error
    if bits > 8:
        raise ValueError(f"{path}: {bits}-bit color, which would be cut to 8 bits; convert it to 8-bit color first")
    if image.mode == "F":
        raise ValueError(f"{path}: float pixels, whose range is not defined; convert it to 16 or 8 bits")
    return image, inverted


def _sixteen_bits(path: str | Path, image: Image.Image, inverted: bool) -> np.ndarray:
    pixels = np.asarray(image).astype(np.float64)
    if pixels.min() < 0 or pixels.max() > 65535:
        raise ValueError(f"{path}: 32-bit grayscale, whose range is not defined; convert it to 16 or 8 bits")
    if inverted:
        pixels = 65535 - pixels
    pixels[pixels == image.info.get("transparency", -1)] = 65535
    return pixels


def is_gray(path: str | Path) -> bool:
    """Return whether a file holds one channel: grayscale or black and white, with or without transparency."""
    try:
        with Path(path).open("rb") as file, Image.open(file) as image:
            return image.mode in ("1", "L", "LA", *SIXTEEN)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: not a readable picture, or cut off, or far too large ({error})") from error


def eight_bits(picture: Tensor) -> Tensor:
    """Clip to [0, 1] and round to what 8 bits hold, in the same dtype."""
    return (picture.clamp(0, 1) * 255).round_().div_(255)


def picture_size(path: Path) -> tuple[int, int]:
    """Return the height and width of the picture that `read_picture` reads, from the file's head alone."""
    try:
        with path.open("rb") as file, Image.open(file) as image:
            width, height = image.size
            if image.format == "TIFF":  # whose size Pillow turns by itself
                width, height = image.tag_v2[WIDTH], image.tag_v2[LENGTH]  # type: ignore[attr-defined]
            turned = image.getexif().get(ORIENTATION, 1) >= 5
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: not a readable picture, or cut off, or far too large ({error})") from error
    return (width, height) if turned else (height, width)


def _bits_of_color(path: Path, image: Image.Image) -> int:
    """Return how many bits a color picture has a channel: Pillow keeps only the upper 8, silently."""
    if image.mode.startswith("I") or image.mode == "F":
        return 8
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[24]  # IHDR: bit depth
    if image.format == "TIFF":
        return max(image.tag_v2.get(BITS_PER_SAMPLE, (8,)))  # type: ignore[attr-defined]
    if image.format == "PPM":
        arguments = image.tile[0][3]  # type: ignore[attr-defined] # raw mode; largest value, where not 255
        largest = arguments[-1] if isinstance(arguments, tuple) else 255
        return int(largest).bit_length() if isinstance(largest, int) and largest > 255 else 8
    return 8
