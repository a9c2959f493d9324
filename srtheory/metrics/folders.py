"""Measure a folder of results against a folder of originals."""

from dataclasses import dataclass
from pathlib import Path

import torch

from srtheory.data import list_pictures, read_picture
from srtheory.metrics.fidelity import psnr, ssim

MODCROP = 8  # an original may be larger than its result by fewer pixels than this: the field crops it to a multiple


@dataclass(frozen=True)
class Score:
    """The measurements of one picture: its name (the original's, without ending), PSNR in dB, SSIM."""

    name: str
    psnr: float
    ssim: float


def compare_folders(
    sr: str | Path, hr: str | Path, channel: str = "y", border: int = 4, suffix: str = ""
) -> list[Score]:
    """Measure PSNR and SSIM of every original that a folder holds.

    A result belongs to the original of the same name, whatever their endings; `suffix` is what the results' names have
    in addition ("_x4" for `baby_x4.png`). An original up to 7 pixels larger is cropped at the right and bottom, as is
    usual when its sides are not multiples of the scale. A result larger than its original must be cropped before.

    Args:
        sr: folder of results, yours or other people's.
        hr: folder of originals.
        channel: "y" or "rgb", as for `psnr`.
        border: pixels cropped at each side. The field takes the scale, so the default suits x4: give 2 for x2.
        suffix: what the results' names have after the originals'.

    Returns:
        A `Score` per original, sorted by name.

    Raises:
        NotADirectoryError: one of the two is not a folder.
        FileNotFoundError: a folder holds no picture, or an original has no result.
        ValueError: sizes that do not fit, two files of one name, an unreadable picture; the file is named.
    """
    results, originals = _by_name(sr), _by_name(hr)
    missing = [name for name in originals if name + suffix not in results]
    if missing:
        raise FileNotFoundError(
            f"{sr} has no result for {', '.join(missing[:3])}{' and more' if len(missing) > 3 else ''}: "
            f"of {len(originals)} originals {len(missing)} are without; names must match but for suffix={suffix!r}, "
            f"and {sr} holds {', '.join(list(results)[:3])}{' and more' if len(results) > 3 else ''}"
        )
    scores = []
    for name, path in originals.items():
        result = read_picture(results[name + suffix], dtype=torch.float64)
        original = read_picture(path, dtype=torch.float64)
        height, width = result.shape[-2:]
        extra = (original.shape[-2] - height, original.shape[-1] - width)
        if not all(0 <= pixels < MODCROP for pixels in extra):
            raise ValueError(
                f"{results[name + suffix]} is {height}x{width}, but its original is "
                f"{original.shape[-2]}x{original.shape[-1]}"
            )
        pair = (result, original[:, :height, :width])
        try:
            values = [metric(*pair, channel=channel, border=border).item() for metric in (psnr, ssim)]
        except ValueError as error:
            raise ValueError(f"{results[name + suffix]}: {error}") from error
        scores.append(Score(name, *values))
    return sorted(scores, key=lambda score: score.name)


def _by_name(folder: str | Path) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for path in list_pictures(folder):
        if path.stem in named:
            raise ValueError(f"{path} and {named[path.stem]} have one name; keep one of them")
        named[path.stem] = path
    return named
