"""How good a network is: HR pictures degraded, super-resolved and compared, as benchmarks do."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from srtheory.data import list_pictures, read_picture
from srtheory.data.pictures import is_gray
from srtheory.metrics import psnr, ssim
from srtheory.metrics.protocol import check_protocol, matlab_luma
from srtheory.operators import Resize
from srtheory.training.pairs import bicubic, degrade, eight_bits
from srtheory.training.upscaling import upscale_tensor


@dataclass(frozen=True)
class Measured:
    """One picture: PSNR in dB and SSIM of the network's result, and the PSNR of bicubic enlargement."""

    name: str
    psnr: float
    ssim: float
    bicubic: float


def evaluate(
    net: Callable[[Tensor], Tensor] | None,
    folder: str | Path,
    scale: int = 4,
    *,
    channel: str = "y",
    border: int | None = None,
    device: str | torch.device = "cpu",
    each: Callable[[str, Tensor, Tensor], None] | None = None,
    protocol: str = "training",
) -> list[Measured]:
    """Measure a network, or bicubic enlargement, on a folder of HR pictures.

    Each picture is cropped at the right and bottom to a multiple of the scale, made small by MATLAB's bicubic, rounded
    to 8 bits, super-resolved without self-ensemble, and rounded to 8 bits again: in RGB, by either protocol.

    By the protocol "training", that of validation loops, SR and HR are compared as they are, luma is not rounded, a
    gray file is three equal channels, and bicubic enlarges the LR picture of 8 bits. Its numbers are higher than
    printed ones: by up to 0.02 dB, and 0.001 of SSIM, for bicubic on Set5 and B100.

    By the protocol "matlab", that of the scripts behind printed tables, the luma of SR and that of HR are rounded to 8
    bits before they are compared, and a gray file is one channel (the network is given three equal ones, and what it
    makes is turned to gray, 0.299 R + 0.587 G + 0.114 B). Bicubic takes the rounded luma of HR, makes it small and
    large in double precision, and rounds at the end only: these are the numbers of printed tables.

    Args:
        net: takes (1, 3, h, w) in [0, 1]; None measures bicubic itself.
        folder: the HR pictures.
        scale: the network's.
        channel: "y" or "rgb", as for `psnr`.
        border: pixels cropped at each side before measuring; by default the scale.
        device: where the network is.
        each: called with name, SR and HR of every picture, as they are compared: (3, H, W), or luma, (1, H, W), by
            "matlab".
        protocol: "training" or "matlab".

    Returns:
        One `Measured` a picture, by name.

    Raises:
        NotADirectoryError: `folder` is not a folder.
        FileNotFoundError: it holds no picture.
        ValueError: an unknown protocol, or "matlab" with "rgb"; a picture is unreadable or too small; it is named.
    """
    check_protocol(protocol, channel)
    border = scale if border is None else border
    found = []
    for path in list_pictures(folder):
        hr = read_picture(path)
        height, width = (side // scale * scale for side in hr.shape[-2:])
        hr = hr[:, :height, :width]
        if min(height, width) < 2 * border + 11:
            raise ValueError(f"{path} is {height}x{width}, too small to be measured with a border of {border}")
        lr = degrade(hr.double(), scale).float()
        sr = None if net is None else eight_bits(upscale_tensor(net, lr, scale, device=device)).cpu()
        if protocol == "matlab":
            gray = is_gray(path)
            hr = matlab_luma(hr.double(), gray)
            sr = None if sr is None else matlab_luma(sr.double(), gray)
            enlarged = eight_bits(Resize(1 / scale)(Resize(scale)(hr)))
        else:
            enlarged = bicubic(lr.double(), scale)
        sr = enlarged if sr is None else sr
        found.append(
            Measured(
                path.stem,
                psnr(sr.double(), hr.double(), channel, border).item(),
                ssim(sr.double(), hr.double(), channel, border).item(),
                psnr(enlarged, hr.double(), channel, border).item(),
            )
        )
        if each is not None:
            each(path.stem, sr, hr)
    return found


def mean_of(measured: Sequence[Measured]) -> dict[str, float]:
    """Average over pictures: psnr, ssim, bicubic."""
    rows = [asdict(row) for row in measured]
    return {key: sum(row[key] for row in rows) / len(rows) for key in ("psnr", "ssim", "bicubic")}
