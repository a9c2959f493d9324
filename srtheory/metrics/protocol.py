"""What is compared: pictures as validation loops have them, or 8-bit luma as the scripts behind printed tables have it.

MATLAB's scripts take the Y of `rgb2ycbcr` of 8-bit colors, which is rounded to 8 bits, and a gray file as one channel.
"""

from pathlib import Path

import torch
from torch import Tensor

from srtheory.data import read_picture
from srtheory.data.pictures import eight_bits, is_gray
from srtheory.metrics.fidelity import luma

PROTOCOLS = ("training", "matlab")


def check_protocol(protocol: str, channel: str) -> None:
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol must be 'training' or 'matlab', not {protocol!r}")
    if protocol == "matlab" and channel == "rgb":
        raise ValueError("protocol='matlab' compares luma; channel='rgb' takes protocol='training'")


def matlab_luma(picture: Tensor, gray: bool) -> Tensor:
    """Return Y of colors in 8 bits, (3, H, W) -> (1, H, W); of a gray file, given as three channels, the gray itself.

    Colors where a gray file is expected, as a network makes them of gray, become gray by `rgb2gray`'s weights first.
    """
    if not gray:
        return eight_bits(luma(eight_bits(picture)))
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=picture.dtype, device=picture.device).view(3, 1, 1)
    return eight_bits((eight_bits(picture) * weights).sum(-3, keepdim=True))


def matlab_pair(sr: Path, hr: Path) -> tuple[Tensor, Tensor]:
    """Read a result and its original as the scripts do, each (1, H, W)."""
    pictures = [read_picture(path, dtype=torch.float64) for path in (sr, hr)]
    equal = [bool((x == x[:1]).all()) for x in pictures]
    gray = is_gray(sr) or is_gray(hr)
    if gray and not all(equal):
        odd, other = (sr, hr) if not equal[0] else (hr, sr)
        raise ValueError(f"{odd} has colors, but {other} is a gray file; protocol='matlab' needs both alike")
    return matlab_luma(pictures[0], gray), matlab_luma(pictures[1], gray)
