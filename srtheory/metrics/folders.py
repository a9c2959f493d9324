"""Measure a folder of results against a folder of originals."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path

import torch

from srtheory.data import list_pictures, read_picture
from srtheory.metrics.fidelity import psnr, ssim
from srtheory.metrics.protocol import check_protocol, matlab_pair

MODCROP = 8  # an original may be larger than its result by fewer pixels than this: the field crops it to a multiple


@dataclass(frozen=True)
class Score:
    """The measurements of one picture: its name (the original's, without ending), PSNR in dB, SSIM."""

    name: str
    psnr: float
    ssim: float


def compare_folders(
    sr: str | Path,
    hr: str | Path,
    channel: str = "y",
    border: int = 4,
    suffix: str = "",
    prefix: str = "",
    protocol: str = "training",
) -> list[Score]:
    """Measure PSNR and SSIM of every original that a folder holds.

    A result belongs to the original of the same name, whatever their endings, and however accents are encoded; `suffix`
    and `prefix` are what the results' names have in addition ("_x4" for `baby_x4.png`). An original up to 7 pixels
    larger is cropped at the right and bottom, as is usual when its sides are not multiples of the scale. A result
    larger than its original must be cropped before.

    Args:
        sr: folder of results, yours or other people's.
        hr: folder of originals.
        channel: "y" or "rgb", as for `psnr`.
        border: pixels cropped at each side. The field takes the scale, so the default suits x4: give 2 for x2.
        suffix: what the results' names have after the originals'.
        prefix: what the results' names have before the originals'.
        protocol: "training", as validation loops measure: luma is not rounded, and a gray file is three equal channels.
            Or "matlab", as the scripts behind printed tables do: luma is rounded to 8 bits, and where one of the two
            files is gray both are one channel, whose PSNR is 20 log10(255 / 219), 1.32 dB, lower. Of colors
            "training" has up to 0.02 dB more, between 25 and 35 dB.

    Returns:
        A `Score` per original, sorted by name.

    Raises:
        NotADirectoryError: one of the two is not a folder.
        FileNotFoundError: a folder holds no picture, or an original has no result.
        ValueError: an unknown protocol, or "matlab" with "rgb"; sizes that do not fit, two files of one name, an
            unreadable picture, or with "matlab" colors against a gray file; the file is named.
    """
    check_protocol(protocol, channel)
    results, originals = _by_name(sr), _by_name(hr)
    prefix, suffix = _composed(prefix), _composed(suffix)
    missing = [name for name in originals if prefix + name + suffix not in results]
    if missing:
        raise FileNotFoundError(
            f"{sr} has no result for {', '.join(missing[:3])}{' and more' if len(missing) > 3 else ''}: "
            f"of {len(originals)} originals {len(missing)} are without; names must match but for suffix={suffix!r}"
            f"{f' and prefix={prefix!r}' if prefix else ''}, "
            f"and {sr} holds {', '.join(list(results)[:3])}{' and more' if len(results) > 3 else ''}"
        )
    scores = []
    for name, path in originals.items():
        made = results[prefix + name + suffix]
        if protocol == "matlab":
            result, original = matlab_pair(made, path)
        else:
            result, original = (read_picture(file, dtype=torch.float64) for file in (made, path))
        height, width = result.shape[-2:]
        extra = (original.shape[-2] - height, original.shape[-1] - width)
        if not all(0 <= pixels < MODCROP for pixels in extra):
            raise ValueError(
                f"{made} is {height}x{width}, but its original is {original.shape[-2]}x{original.shape[-1]}"
            )
        pair = (result, original[:, :height, :width])
        try:
            values = [metric(*pair, channel=channel, border=border).item() for metric in (psnr, ssim)]
        except ValueError as error:
            raise ValueError(f"{made}: {error}") from error
        scores.append(Score(name, *values))
    return sorted(scores, key=lambda score: score.name)


def guessed_names(sr: str | Path, hr: str | Path) -> tuple[str, str]:
    """Guess what results' names have before and after the originals': nothing, if that fits or nothing else does.

    Raises:
        NotADirectoryError, FileNotFoundError, ValueError: as `compare_folders`; several guesses that fit.
    """
    results, originals = _by_name(sr), _by_name(hr)
    if all(name in results for name in originals):
        return "", ""
    first = max(originals, key=len)  # few results hold it by chance
    guesses = {
        (result[:at], result[at + len(first) :])
        for result in results
        for at in range(len(result) - len(first) + 1)
        if result.startswith(first, at)
    }
    fitting = sorted(
        (before, after) for before, after in guesses if all(before + name + after in results for name in originals)
    )
    if len(fitting) > 1:
        names = " or ".join(f"{before}NAME{after}" for before, after in fitting[:4])
        raise ValueError(f"{sr} has several results for each original: {names}; choose by --prefix and --suffix")
    return fitting[0] if fitting else ("", "")


def _composed(name: str) -> str:
    """The form in which an accent and its letter are one character: some systems store two."""
    return unicodedata.normalize("NFC", name)


def _by_name(folder: str | Path) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for path in list_pictures(folder):
        name = _composed(path.stem)
        if name in named:
            raise ValueError(f"{path} and {named[name]} have one name; keep one of them")
        named[name] = path
    return named
