"""Make pictures larger: in tiles where they are large, without seams, transparency kept."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from srtheory.data.pictures import read_layers
from srtheory.operators import Resize

TILE, MARGIN = 256, 32  # LR pixels: side of a tile, and what it sees beyond on each side
TRANSPARENT = ("PNG", "TIFF", "WEBP")  # formats that hold transparency


@torch.inference_mode()
def upscale_tensor(
    net: Callable[[Tensor], Tensor],
    lr: Tensor,
    scale: int,
    *,
    tile: int = TILE,
    margin: int = MARGIN,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Super-resolve a picture, in tiles where a side is longer than a tile and its margins.

    Each tile sees `margin` LR pixels of its neighbors. The outer half of that is thrown away, and over the inner half
    neighbors are blended. So there is no seam; and where no pixel depends on what is farther than half the margin, as
    in the tiny networks, the result is that of the whole picture.

    Args:
        net: takes (1, C, h, w) to (1, C, scale * h, scale * w).
        lr: (C, h, w), floats.
        scale: the network's.
        tile: side of the tiles, in LR pixels.
        margin: LR pixels, a multiple of 2.
        device: where the network is; the result is put together on the CPU.
        progress: called with the number of tiles done and that of all.

    Returns:
        (C, scale * h, scale * w), on the CPU, not clipped.

    Raises:
        ValueError: a tile that is not positive, or a margin that is not even and positive.
    """
    if tile < 1:
        raise ValueError(f"tile must be at least 1 LR pixel, not {tile}")
    if margin < 2 or margin % 2:
        raise ValueError(f"margin must be a multiple of 2 LR pixels, and positive, not {margin}")
    height, width = lr.shape[-2:]
    if max(height, width) <= tile + 2 * margin:
        return net(lr[None].to(device))[0].cpu()
    half = margin // 2
    rows, columns = ([(start, min(start + tile, side)) for start in range(0, side, tile)] for side in (height, width))
    out = torch.zeros(lr.shape[0], height * scale, width * scale)
    weight = torch.zeros(height * scale, width * scale)
    for number, (row, column) in enumerate(((row, column) for row in rows for column in columns), start=1):
        (top, bottom), (left, right) = (
            (max(first - margin, 0), min(last + margin, side))
            for (first, last), side in ((row, height), (column, width))
        )
        made = net(lr[None, :, top:bottom, left:right].to(device))[0].float().cpu()
        ramps = [
            _ramp(first, last, begin, end, half, side, scale)
            for (first, last), (begin, end), side in ((row, (top, bottom), height), (column, (left, right), width))
        ]
        share = ramps[0][:, None] * ramps[1]
        window = (slice(top * scale, bottom * scale), slice(left * scale, right * scale))
        out[(slice(None), *window)] += share * made
        weight[window] += share
        if progress is not None:
            progress(number, len(rows) * len(columns))
    return out / weight


def _ramp(first: int, last: int, begin: int, end: int, half: int, side: int, scale: int) -> Tensor:
    """How much each HR pixel of a tile counts along one axis: 1 inside, falling to 0 half a margin outside."""
    place = torch.arange(begin * scale, end * scale) + 0.5
    ramp = torch.ones(len(place))
    if first > 0:
        ramp = torch.minimum(ramp, (place - (first - half) * scale) / (2 * half * scale))
    if last < side:
        ramp = torch.minimum(ramp, ((last + half) * scale - place) / (2 * half * scale))
    return ramp.clamp(0, 1)


def upscale_file(
    net: Callable[[Tensor], Tensor],
    source: str | Path,
    target: str | Path,
    scale: int,
    *,
    tile: int = TILE,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, int]:
    """Make the picture of a file larger, and write it to another file.

    Transparency is enlarged with MATLAB's bicubic and kept. Gray pictures stay gray, and 16-bit gray ones have 16 bits.

    Args:
        net: takes (1, 3, h, w) in [0, 1].
        source: the file.
        target: where to write; its ending says how. It is written whole or not at all.
        scale: the network's.
        tile: see `upscale_tensor`.
        device: where the network is.
        progress: see `upscale_tensor`.

    Returns:
        Height and width of what was written.

    Raises:
        FileNotFoundError: there is no such file, or no folder to write to.
        ValueError: an unreadable picture, a target that is the source, an ending that is no picture's, or transparency
            that the target's format cannot hold.
        OSError: the disk is full or not writable.
    """
    source, target = Path(source), Path(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise ValueError(f"{target} is the picture itself; give another name")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent}: no such folder to write to")
    formats = Image.registered_extensions()
    if formats.get(target.suffix.lower()) not in Image.SAVE:
        raise ValueError(f"{target}: {target.suffix or 'no ending'} is no picture format to write; .png is")
    lr, alpha, gray = read_layers(source)
    if alpha is not None and formats[target.suffix.lower()] not in TRANSPARENT:
        raise ValueError(f"{target}: {source} has transparency, which {target.suffix} cannot hold; write a .png")
    sr = upscale_tensor(net, lr, scale, tile=tile, device=device, progress=progress).clamp(0, 1)
    layers = [sr] if alpha is None else [sr, Resize(1 / scale)(alpha).clamp(0, 1)]
    largest = 65535 if gray == 16 else 255
    if gray:
        layers[0] = sr.mean(0, keepdim=True)
    pixels = (torch.cat(layers) * largest).round().movedim(0, -1).numpy()
    pixels = pixels.astype(np.uint16 if gray == 16 else np.uint8)
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    part = target.with_name(target.name + ".part")
    try:
        image.save(part, format=formats[target.suffix.lower()])
        part.replace(target)
    except (OSError, ValueError) as error:
        number, reason = getattr(error, "errno", None), getattr(error, "strerror", None) or error
        text = f"{target} could not be written ({reason})"
        raise (OSError(number, text) if number else OSError(text)) from error
    finally:
        part.unlink(missing_ok=True)
    return sr.shape[-2], sr.shape[-1]
