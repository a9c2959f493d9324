"""LR pictures for HR pictures, as benchmarks have them."""

from torch import Tensor

from srtheory.data.pictures import eight_bits as eight_bits
from srtheory.operators import Resize

MARGIN = 3  # LR pixels around a crop that MATLAB's bicubic of the pixels inside may look at, and one to spare
_RESIZE = {scale: Resize(scale) for scale in (2, 3, 4)}
_ENLARGE = {scale: Resize(1 / scale) for scale in (2, 3, 4)}


def degrade(hr: Tensor, scale: int, margin: int = 0) -> Tensor:
    """Return the LR picture of benchmarks: MATLAB's bicubic, rounded to 8 bits.

    Args:
        hr: (..., H, W) in [0, 1].
        scale: 2, 3 or 4.
        margin: LR pixels to cut off on each side after: those of a margin that `hr` was given.

    Returns:
        (..., ceil(H / scale) - 2 * margin, ceil(W / scale) - 2 * margin), in [0, 1].

    Raises:
        ValueError: another scale.
    """
    if scale not in _RESIZE:
        raise ValueError(f"scale must be 2, 3 or 4, not {scale!r}")
    lr = _RESIZE[scale](hr)
    lr = lr[..., margin : lr.shape[-2] - margin, margin : lr.shape[-1] - margin]
    return eight_bits(lr)


def bicubic(lr: Tensor, scale: int) -> Tensor:
    """Enlarge (..., h, w) with MATLAB's bicubic, rounded to 8 bits: the baseline of every table."""
    return eight_bits(_ENLARGE[scale](lr))
