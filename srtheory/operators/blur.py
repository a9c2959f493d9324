"""Blur and keep every s-th sample, with periodic borders: exact in the Fourier domain."""

import math
from collections.abc import Hashable
from functools import cached_property

import torch
from torch import Tensor

from srtheory.operators.base import (
    LinearOperator,
    Size,
    check_rcond,
    check_real,
    check_size,
    is_whole,
    making_constants,
    remember,
)

RCOND_FLOOR = {torch.float64: 1e-14, torch.float32: 1e-6}  # below this a singular value is rounding noise
GRID = 256  # LR frequencies an axis on which the condition number is taken


class BlurDownsample(LinearOperator):
    r"""Convolve with a kernel, periodic borders, then keep every s-th sample.

    $$y_i = \sum_t k_t\, x_{s i + p - t}$$

    with t counted from the kernel's center, element (kh // 2, kw // 2). In the Fourier domain $A A^\top$ is diagonal,
    with entries $\frac{1}{s^2}\sum_a |K_a|^2$ over the $s^2$ frequencies a that alias onto one; the square roots are
    the singular values of A. So the pseudo-inverse is exact, and costs two transforms. In float32 the result keeps
    about seven digits less the digits of the condition number, and singular values below a millionth of the largest
    count as zero (in float64: below 1e-14 of it); use float64 where that matters.

    With a symmetric kernel of odd sides LR pixel i shows HR pixel s i + p; with even sides the middle of such a kernel
    lies between two pixels, and LR pixel i shows the place s i + p + 1/2. That of `Resize` lies over the middle of its
    s pixels: it is (s - 1) / 2 - p pixels farther for odd sides, and half a pixel less for even ones, so that with
    s = 2, p = 0 and 8 x 8 taps the two agree.

    Args:
        kernel: (kh, kw), any real kernel, not normalized here; may be larger than the picture.
        scale: s, a positive whole number.
        phase: p, which sample of each s to keep, from 0 to s - 1; one number, or one for each axis.
        rcond: singular values up to this fraction of the largest count as zero in `pinv`. It buys stability: what is
            cut is lost, so `A(A.pinv(y))` is then `y` without its weak frequencies.

    Attributes:
        condition_number: largest over smallest singular value, over the frequencies of a large picture (256 by 256
            LR frequencies); `inf` where a frequency is lost entirely. `rcond` does not enter. A picture whose LR sides
            divide 256 has no larger one.

    Raises:
        TypeError: the kernel is not a real tensor.
        ValueError: the kernel is not two-dimensional, is empty, not finite or all zero; scale, phase or rcond is out
            of range.

    References:
        COO Eq. 4; chapter ch01_one_lr_many_hr.
    """

    def __init__(self, kernel: Tensor, scale: int, phase: int | tuple[int, int] = 0, rcond: float = 0.0) -> None:
        check_real("kernel", kernel, "(kh, kw)")
        if kernel.ndim != 2 or kernel.numel() == 0:
            raise ValueError(f"kernel has shape {tuple(kernel.shape)}; it must be (kh, kw), neither of them zero")
        if not is_whole(scale) or scale < 1:
            raise ValueError(f"scale must be a positive whole number, not {scale!r}")
        phases = phase if isinstance(phase, tuple | list) else (phase, phase)
        if [is_whole(p) and 0 <= p < scale for p in phases] != [True] * 2:
            raise ValueError(
                f"phase must be from 0 to scale - 1 = {scale - 1}, one number or one an axis, not {phase!r}"
            )
        check_rcond(rcond)
        with making_constants():
            self.kernel = kernel.detach().to(device="cpu", dtype=torch.float64).clone()
        if not self.kernel.isfinite().all() or not self.kernel.any():
            raise ValueError("kernel must be finite and not all zero")
        self.scale = scale
        self.phase = (phases[0], phases[1])
        self.rcond = float(rcond)
        self._made: dict[Hashable, tuple[Tensor, Tensor]] = {}

    def __repr__(self) -> str:
        kh, kw = self.kernel.shape
        return f"BlurDownsample({kh}x{kw} kernel, scale={self.scale}, phase={self.phase}, rcond={self.rcond:g})"

    def lr_size(self, size: Size) -> Size:
        height, width = check_size("size", size)
        if height % self.scale or width % self.scale:
            nearest = (max(side - side % self.scale, self.scale) for side in (height, width))
            raise ValueError(
                f"a picture of {height}x{width} does not divide by scale {self.scale}, which periodic borders need; "
                f"crop or pad it to {'x'.join(map(str, nearest))}"
            )
        return height // self.scale, width // self.scale

    def hr_size(self, size: Size) -> Size:
        height, width = check_size("size", size)
        return height * self.scale, width * self.scale

    @cached_property
    def condition_number(self) -> float:
        values = self.singular_values((GRID * self.scale, GRID * self.scale))
        largest, smallest = values[0].item(), values[-1].item()
        return largest / smallest if smallest > RCOND_FLOOR[torch.float64] * largest else math.inf

    def singular_values(self, size: Size) -> Tensor:
        self.lr_size(size)
        return self._gram(self._transfer(size)).sqrt().flatten().sort(descending=True).values

    @making_constants()
    def _transfer(self, size: Size) -> Tensor:
        """Return the kernel's transform on the HR grid, (H, W) complex128, its center at the sample that is kept."""
        rows, columns = (
            (torch.arange(taps) - taps // 2 - phase) % side
            for taps, phase, side in zip(self.kernel.shape, self.phase, size, strict=True)
        )
        placed = torch.zeros(size, dtype=torch.float64)
        at = (rows[:, None].expand(self.kernel.shape), columns[None, :].expand(self.kernel.shape))
        return torch.fft.fft2(placed.index_put_(at, self.kernel, accumulate=True))

    def _gram(self, transfer: Tensor) -> Tensor:
        """Return the eigenvalues of A A^T, (h, w): the mean of |K|^2 over the frequencies that alias onto one."""
        (height, width), s = transfer.shape, self.scale
        power = transfer.abs().square().reshape(s, height // s, s, width // s)
        return power.sum(dim=(0, 2)) / s**2

    def _spectra(self, size: Size, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return the transfer functions of the blur and of the pseudo-inverse, (H, W) each."""
        return remember(self._made, (size, like.dtype, like.device), lambda: self._make_spectra(size, like))

    def _make_spectra(self, size: Size, like: Tensor) -> tuple[Tensor, Tensor]:
        transfer = self._transfer(size)
        gram = self._gram(transfer)
        cutoff = max(self.rcond, RCOND_FLOOR[like.dtype]) ** 2 * gram.max()
        inverse = transfer.conj() * torch.where(gram > cutoff, 1 / gram, 0.0).repeat(self.scale, self.scale)
        dtype = torch.complex128 if like.dtype == torch.float64 else torch.complex64
        return transfer.to(device=like.device, dtype=dtype), inverse.to(device=like.device, dtype=dtype)

    def _half(self, transfer: Tensor) -> Tensor:
        return transfer[:, : transfer.shape[1] // 2 + 1]  # what rfft2 keeps

    def _forward(self, x: Tensor, size: Size) -> Tensor:
        transfer, _ = self._spectra(size, x)
        blurred = torch.fft.irfft2(torch.fft.rfft2(x) * self._half(transfer), s=size)
        return blurred[..., :: self.scale, :: self.scale]

    def _adjoint(self, y: Tensor, size: Size) -> Tensor:
        transfer, _ = self._spectra(size, y)
        spread = y.new_zeros(*y.shape[:-2], *size)
        spread[..., :: self.scale, :: self.scale] = y
        return torch.fft.irfft2(torch.fft.rfft2(spread) * self._half(transfer).conj(), s=size)

    def _pinv(self, y: Tensor, size: Size) -> Tensor:
        _, inverse = self._spectra(size, y)
        tiled = torch.fft.fft2(y).repeat(*(1,) * (y.ndim - 2), self.scale, self.scale)  # of y with zeros between
        return torch.fft.ifft2(tiled * inverse).real
