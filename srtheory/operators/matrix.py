"""Any matrix as a degradation: the reference that the structured operators are tested against."""

from collections.abc import Hashable

import torch
from torch import Tensor

from srtheory.operators.base import (
    LinearOperator,
    Size,
    check_rcond,
    check_real,
    check_size,
    making_constants,
    remember,
)


class MatrixOperator(LinearOperator):
    r"""A dense matrix that acts on pictures, pixels taken row by row.

    Args:
        matrix: (m, n), real.
        hr_size: (H, W) with H * W = n; by default (1, n), a picture of one row.
        lr_size: (h, w) with h * w = m; by default (1, m).
        rcond: singular values up to this fraction of the largest count as zero in `pinv`; by default the machine
            precision of float64 times max(m, n).

    Raises:
        TypeError: the matrix is not a real tensor.
        ValueError: it is not two-dimensional, is empty or not finite; a size does not multiply to its side; rcond is
            out of range.

    References:
        COO Eq. 4; chapter ch01_one_lr_many_hr.
    """

    def __init__(
        self, matrix: Tensor, hr_size: Size | None = None, lr_size: Size | None = None, rcond: float | None = None
    ) -> None:
        check_real("matrix", matrix, "(m, n)")
        if matrix.ndim != 2 or matrix.numel() == 0:
            raise ValueError(f"matrix has shape {tuple(matrix.shape)}; it must be (m, n), neither of them zero")
        with making_constants():
            self._matrix = matrix.detach().to(device="cpu", dtype=torch.float64).clone()
        if not self._matrix.isfinite().all():
            raise ValueError("matrix must be finite")
        if rcond is not None:
            check_rcond(rcond)
        rows, columns = matrix.shape
        self._hr_size = check_size("hr_size", (1, columns) if hr_size is None else hr_size)
        self._lr_size = check_size("lr_size", (1, rows) if lr_size is None else lr_size)
        for name, (h, w), count in (("hr_size", self._hr_size, columns), ("lr_size", self._lr_size, rows)):
            if h * w != count:
                raise ValueError(
                    f"{name} {h}x{w} has {h * w} pixels, but the matrix of shape {rows}x{columns} needs {count}"
                )
        self.rcond = rcond
        self._made: dict[Hashable, Tensor] = {}

    def __repr__(self) -> str:
        rows, columns = self._matrix.shape
        return f"MatrixOperator({rows}x{columns} matrix, hr_size={self._hr_size}, lr_size={self._lr_size})"

    def lr_size(self, size: Size) -> Size:
        if check_size("size", size) != self._hr_size:
            raise ValueError(f"{self!r} acts on pictures of {self._hr_size}, not {tuple(size)}")
        return self._lr_size

    def hr_size(self, size: Size) -> Size:
        if check_size("size", size) != self._lr_size:
            raise ValueError(f"{self!r} makes pictures of {self._lr_size}, not {tuple(size)}")
        return self._hr_size

    def singular_values(self, size: Size) -> Tensor:
        self.lr_size(size)
        return torch.linalg.svdvals(self._matrix)

    def _factor(self, like: Tensor, inverse: bool = False) -> Tensor:
        def make() -> Tensor:
            matrix = torch.linalg.pinv(self._matrix, rtol=self.rcond) if inverse else self._matrix
            return matrix.to(dtype=like.dtype, device=like.device)

        return remember(self._made, (inverse, like.dtype, like.device), make)

    def _apply(self, matrix: Tensor, x: Tensor, size: Size) -> Tensor:
        return (x.flatten(-2) @ matrix.T).reshape(*x.shape[:-2], *size)

    def _forward(self, x: Tensor, size: Size) -> Tensor:
        return self._apply(self._factor(x), x, self._lr_size)

    def _adjoint(self, y: Tensor, size: Size) -> Tensor:
        return self._apply(self._factor(y).T, y, size)

    def _pinv(self, y: Tensor, size: Size) -> Tensor:
        return self._apply(self._factor(y, inverse=True), y, size)
