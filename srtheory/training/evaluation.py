"""How good a network is: HR pictures degraded, super-resolved and compared, as benchmarks do."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from srtheory.data import list_pictures, read_picture
from srtheory.metrics import psnr, ssim
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
    net: Callable[[Tensor], Tensor],
    folder: str | Path,
    scale: int = 4,
    *,
    channel: str = "y",
    border: int | None = None,
    device: str | torch.device = "cpu",
    each: Callable[[str, Tensor, Tensor], None] | None = None,
) -> list[Measured]:
    """Measure a network on a folder of HR pictures.

    Each picture is cropped at the right and bottom to a multiple of the scale, made small by MATLAB's bicubic, rounded
    to 8 bits, super-resolved without self-ensemble, and rounded to 8 bits again.

    Args:
        net: takes (1, 3, h, w) in [0, 1].
        folder: the HR pictures.
        scale: the network's.
        channel: "y" or "rgb", as for `psnr`.
        border: pixels cropped at each side before measuring; by default the scale.
        device: where the network is.
        each: called with name, SR and HR, (3, H, W), of every picture.

    Returns:
        One `Measured` a picture, by name.

    Raises:
        NotADirectoryError: `folder` is not a folder.
        FileNotFoundError: it holds no picture.
        ValueError: a picture is unreadable or too small; it is named.
    """
    border = scale if border is None else border
    found = []
    for path in list_pictures(folder):
        hr = read_picture(path)
        height, width = (side // scale * scale for side in hr.shape[-2:])
        hr = hr[:, :height, :width]
        if min(height, width) < 2 * border + 11:
            raise ValueError(f"{path} is {height}x{width}, too small to be measured with a border of {border}")
        lr = degrade(hr.double(), scale).float()
        sr = eight_bits(upscale_tensor(net, lr, scale, device=device)).cpu()
        enlarged = bicubic(lr.double(), scale)
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
