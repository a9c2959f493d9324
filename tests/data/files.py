"""Picture files, byte by byte where Pillow cannot write them."""

import struct
import zlib
from pathlib import Path

import numpy as np

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6  # PNG color types


def png(
    pixels: np.ndarray, depth: int, color: int, *chunks: tuple[bytes, bytes], size: tuple[int, int] | None = None
) -> bytes:
    """PNG of rows of samples, (H, W) or (H, W, C); `size` (H, W) where rows hold packed bits or the header lies."""
    height, width = size or pixels.shape[:2]
    rows = pixels.astype(">u2" if depth == 16 else np.uint8)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def random_bytes(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def random_words(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 65536, shape, dtype=np.uint16)
