"""MATLAB's imresize as two small matrices, one an axis, with their pseudo-inverses."""

import math
from collections.abc import Callable, Hashable
from numbers import Real

import torch
from torch import Tensor

from srtheory.operators.base import LinearOperator, Size, check_size, is_whole, making_constants, remember


def _box(x: Tensor) -> Tensor:
    return ((x >= -0.5) & (x < 0.5)).to(x.dtype)


def _bilinear(x: Tensor) -> Tensor:
    return (1 - x.abs()).clamp(min=0)


def _bicubic(x: Tensor) -> Tensor:
    t = x.abs()
    inner = 1.5 * t**3 - 2.5 * t**2 + 1
    outer = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return torch.where(t <= 1, inner, torch.where(t <= 2, outer, 0.0))


def _lanczos3(x: Tensor) -> Tensor:
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), 0.0)


MOST_SCALE = 4096
KERNELS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {  # function, support
    "bicubic": (_bicubic, 4.0),
    "bilinear": (_bilinear, 2.0),
    "box": (_box, 1.0),
    "lanczos3": (_lanczos3, 6.0),
}


@making_constants()
def resize_matrix(length: int, scale: float, kernel: str = "bicubic", antialias: bool = True) -> Tensor:
    r"""Build the matrix that resizes a line of pixels as MATLAB's imresize does.

    Output pixel i (from 0) has its center at $u_i = s\,(i + \tfrac12) - \tfrac12$ in input pixels; its weights are
    $k((u_i - j)/\max(s, 1))$, normalized to sum to one, with the line mirrored at its ends (the edge pixel repeats).

    Args:
        length: number of input pixels.
        scale: s, input pixels per output pixel: 4 makes a quarter of the pixels, 0.5 twice as many.
        kernel: "bicubic" (a = -0.5), "bilinear", "box" or "lanczos3".
        antialias: widen the kernel by s when shrinking, as imresize does by default.

    Returns:
        (ceil(length / scale), length), float64 on the CPU.

    Raises:
        ValueError: an unknown kernel, a length that is no positive whole number, or a scale beyond 1/4096 to 4096.
    """
    check_scale(scale)
    if kernel not in KERNELS:
        raise ValueError(f"kernel must be one of {', '.join(map(repr, KERNELS))}, not {kernel!r}")
    if not is_whole(length) or length < 1:
        raise ValueError(f"length must be a positive whole number of pixels, not {length!r}")
    function, support = KERNELS[kernel]
    stretch = max(scale, 1.0) if antialias else 1.0
    rows = shrunk(length, scale)
    centers = (torch.arange(rows, dtype=torch.float64) + 0.5) * scale - 0.5
    first = torch.floor(centers - support * stretch / 2)
    taps = first[:, None] + torch.arange(math.ceil(support * stretch) + 2, dtype=torch.float64)  # (rows, taps)
    weights = function((centers[:, None] - taps) / stretch)
    weights = weights / weights.sum(dim=1, keepdim=True)
    folded = taps.long() % (2 * length)  # 0 ... L-1, L-1 ... 0, again and again
    folded = torch.where(folded < length, folded, 2 * length - 1 - folded)
    return torch.zeros(rows, length, dtype=torch.float64).scatter_add_(1, folded, weights)


class Resize(LinearOperator):
    r"""MATLAB's imresize as a linear operator: the degradation behind most SR benchmarks.

    $$A = M_H \otimes M_W, \qquad A^\dagger = M_H^\dagger \otimes M_W^\dagger$$

    The two factors come from `resize_matrix`. They are made in float64 at the first use of a size and kept, per size,
    dtype and device; the pseudo-inverses come from one SVD of each factor. Any size works, also one that the scale
    does not divide: (H, W) becomes (ceil(H / scale), ceil(W / scale)). That is the ceiling of the exact quotient, on
    purpose: 25 pixels times 2.2 are 55 here, and 56 where the rounding of 55.00000000000001 counts as a pixel.

    Args:
        scale: HR pixels per LR pixel: 4 shrinks four times, 0.5 enlarges twice. Need not be whole.
        kernel: "bicubic" (a = -0.5), "bilinear", "box" or "lanczos3".
        antialias: widen the kernel when shrinking, as imresize does by default.

    Raises:
        ValueError: an unknown kernel, or a scale beyond 1/4096 to 4096.

    References:
        COO Eq. 4; chapter ch01_one_lr_many_hr. Chapter ch02_range_null_space compares it with other bicubics.
    """

    def __init__(self, scale: float, kernel: str = "bicubic", antialias: bool = True) -> None:
        check_scale(scale)
        if kernel not in KERNELS:
            raise ValueError(f"kernel must be one of {', '.join(map(repr, KERNELS))}, not {kernel!r}")
        self.scale = scale
        self.kernel = kernel
        self.antialias = antialias
        self._factors: dict[Hashable, Tensor] = {}

    def __repr__(self) -> str:
        return f"Resize(scale={self.scale:g}, kernel={self.kernel!r}{'' if self.antialias else ', antialias=False'})"

    def lr_size(self, size: Size) -> Size:
        height, width = check_size("size", size)
        return shrunk(height, self.scale), shrunk(width, self.scale)

    def hr_size(self, size: Size) -> Size:
        height, width = check_size("size", size)
        return max(math.floor(height * self.scale + 1e-9), 1), max(math.floor(width * self.scale + 1e-9), 1)

    def singular_values(self, size: Size) -> Tensor:
        """Return the products of the two factors' singular values, largest first, in float64.

        Args:
            size: (H, W) of the pictures that A acts on.

        Raises:
            ValueError: the size is not two positive whole numbers.
        """
        vertical, horizontal = (torch.linalg.svdvals(self._factor(side)) for side in check_size("size", size))
        return torch.outer(vertical, horizontal).flatten().sort(descending=True).values

    def _factor(self, length: int, inverse: bool = False, like: Tensor | None = None) -> Tensor:
        dtype, device = (torch.float64, torch.device("cpu")) if like is None else (like.dtype, like.device)

        def make() -> Tensor:
            if dtype != torch.float64 or device.type != "cpu":
                return self._factor(length, inverse).to(dtype=dtype, device=device)
            if inverse:
                return torch.linalg.pinv(self._factor(length))
            return resize_matrix(length, self.scale, self.kernel, self.antialias)

        return remember(self._factors, (length, inverse, dtype, device), make, limit=64)

    def _forward(self, x: Tensor, size: Size) -> Tensor:
        vertical, horizontal = (self._factor(side, like=x) for side in size)
        return vertical @ (x @ horizontal.T)

    def _adjoint(self, y: Tensor, size: Size) -> Tensor:
        vertical, horizontal = (self._factor(side, like=y) for side in size)
        return vertical.T @ (y @ horizontal)

    def _pinv(self, y: Tensor, size: Size) -> Tensor:
        vertical, horizontal = (self._factor(side, inverse=True, like=y) for side in size)
        return vertical @ (y @ horizontal.T)


def check_scale(scale: float) -> None:
    known = isinstance(scale, Real) and not isinstance(scale, bool)
    if not known or not 1 / MOST_SCALE <= scale <= MOST_SCALE:
        raise ValueError(
            f"scale must be a number from 1/{MOST_SCALE} to {MOST_SCALE}, HR pixels per LR pixel, not {scale!r}"
        )


def shrunk(length: int, scale: float) -> int:
    return max(math.ceil(length / scale - 1e-9), 1)  # 21 / 0.7 is 30.000000000000004 and means 30
