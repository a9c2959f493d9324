"""One row for each thing that can be wrong: what is called, what is raised, and what the message names."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from srtheory.data import PHOTOGRAPHS, list_pictures, photograph, read_picture

from .files import GRAY, RGB, png, random_bytes, random_words

PNG = png(random_bytes(12, 10, 3), 8, RGB)
EMPTY = png(np.zeros((1, 1, 3)), 8, RGB, size=(12, 0))
GIGANTIC = png(np.zeros((1, 1, 3)), 8, RGB, size=(30000, 30000))


def without_checksums(content: bytes) -> bytes:
    return content[:29] + bytes(4) + content[33:]


FILES = [
    ("text.png", b"this is no picture", "text.png"),
    ("empty.png", b"", "empty.png"),
    ("zeros.tif", bytes(1000), "zeros.tif"),
    ("page.jpg", b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "page.jpg"),
    ("signature.png", PNG[:8], "signature.png"),
    ("header.png", PNG[:33], "header.png"),
    ("cut.png", PNG[:100], "cut.png"),
    ("zero-width.png", EMPTY, "zero-width.png"),
    ("checksum.png", without_checksums(PNG), "checksum.png"),
    ("damaged.png", PNG[:80] + bytes(40) + PNG[120:], "damaged.png"),
    ("gigantic.png", GIGANTIC, "gigantic.png"),
    ("cut.ppm", b"P6 4 4 255\n" + bytes(20), "cut.ppm"),
    ("words.ppm", b"P6 four four 255\n" + bytes(48), "words.ppm"),
]


@pytest.mark.parametrize(("name", "content", "fragment"), FILES, ids=[row[0] for row in FILES])
def test_bad_file(tmp_path, name, content, fragment):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"\." + name.split(".")[1]) as caught:
        read_picture(path)
    assert fragment in str(caught.value)


def encoded(ending: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(random_bytes(12, 10, 3)).save(buffer, format=ending)
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow says so too
@pytest.mark.parametrize("ending", ["png", "jpeg", "bmp", "ppm", "tiff", "webp", "sixteen-bit png"])
def test_a_file_cut_anywhere_is_refused_by_name_or_read_whole(tmp_path, ending):
    whole = png(random_words(12, 10), 16, GRAY) if " " in ending else encoded(ending)
    path = tmp_path / "x.bin"
    path.write_bytes(whole)
    expected, refused = read_picture(path), 0
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            picture = read_picture(path)
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017
            refused += 1
        else:
            assert torch.equal(picture, expected), f"{length} of {len(whole)} bytes"
    assert refused > 0.7 * len(whole)


def missing(path):
    return read_picture(path / "missing.png")


def folder_as_picture(path):
    (path / "folder.png").mkdir()
    return read_picture(path / "folder.png")


def picture_as(dtype):
    def call(path):
        (path / "x.png").write_bytes(PNG)
        return read_picture(path / "x.png", dtype=dtype)

    return call


def list_missing(path):
    return list_pictures(path / "nowhere")


def list_file(path):
    (path / "x.png").write_bytes(PNG)
    return list_pictures(path / "x.png")


def list_empty(path):
    (path / "bare").mkdir()
    return list_pictures(path / "bare")


def list_texts(path):
    (path / "notes.txt").touch()
    (path / ".hidden.png").touch()
    return list_pictures(path)


def list_folders(path):
    for name in ("deep/train/a.png", "deep/test/b.png", "deep/notes/c.txt", ".git/x.png"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).touch()
    return list_pictures(path)


ROWS = [
    ("list_pictures folders", list_folders, FileNotFoundError, "deep/train would do"),
    ("read_picture missing", missing, FileNotFoundError, "missing.png"),
    ("read_picture folder", folder_as_picture, FileNotFoundError, "folder.png"),
    (
        "read_picture 8 bits",
        picture_as(torch.uint8),
        ValueError,
        "dtype must be a float type of torch, as torch.float32, not torch.uint8",
    ),
    ("read_picture complex", picture_as(torch.complex64), ValueError, "torch.complex64"),
    ("list_pictures missing", list_missing, NotADirectoryError, "nowhere is not a folder"),
    ("list_pictures file", list_file, NotADirectoryError, "x.png is not a folder"),
    ("list_pictures empty", list_empty, FileNotFoundError, "bare holds no picture"),
    ("list_pictures texts", list_texts, FileNotFoundError, ".png"),
    ("photograph unknown", lambda path: photograph("lena"), ValueError, "not 'lena'"),
    ("photograph with the way out", lambda path: photograph("lena"), ValueError, ", ".join(PHOTOGRAPHS)),
    ("photograph of another scikit-image name", lambda path: photograph("page"), ValueError, "not 'page'"),
    ("photograph private", lambda path: photograph("__doc__"), ValueError, "not '__doc__'"),
]


@pytest.mark.parametrize(("call", "error", "fragment"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_bad_input(tmp_path, call, error, fragment):
    with pytest.raises(error) as caught:
        call(tmp_path)
    assert fragment in str(caught.value)
