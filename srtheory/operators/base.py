"""What every degradation offers, written once: projectors, data consistency, the dense matrix, and the checks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import TypeVar

import torch
from torch import Tensor

Size = tuple[int, int]
T = TypeVar("T")

MATRIX_LIMIT = 2**27  # entries of a dense matrix: 1 GiB of float64


class LinearOperator(ABC):
    """A linear degradation y = A x on the last two dimensions of a tensor.

    Subclasses give `A(hr)`, `adjoint`, `pinv`, `lr_size`, `hr_size` and `singular_values`; the rest follows from these.
    Leading dimensions are a batch, channels among them: (H, W, C) must be turned to (C, H, W) first. The result has the
    dtype and device of the input: float64 and float32 are computed as they come, float16 and bfloat16 in float32.
    Everything is differentiable in the picture. NaN in, NaN out.
    """

    def __call__(self, hr: Tensor) -> Tensor:
        r"""Degrade a picture.

        $$I_x = D\,I_y$$

        Args:
            hr: (..., H, W), a float tensor in any range.

        Returns:
            (..., h, w), where (h, w) is `lr_size((H, W))`.

        Raises:
            TypeError: `hr` is not a tensor of floats.
            ValueError: it has fewer than two dimensions, an empty side, or a size that the operator cannot take.

        References:
            COO Eqs. 1, 4; chapter ch01_one_lr_many_hr.
        """
        check_picture("hr", hr)
        size = image_size(hr)
        return self._computed(hr, self._forward, size, self.lr_size(size))

    def adjoint(self, lr: Tensor, size: Size | None = None) -> Tensor:
        r"""Apply the adjoint, the map with $\langle A x, y\rangle = \langle x, A^\top y\rangle$ for all x and y.

        Args:
            lr: (..., h, w), a float tensor.
            size: (H, W) of the result; by default `hr_size((h, w))`.

        Returns:
            (..., H, W).

        Raises:
            TypeError: `lr` is not a tensor of floats.
            ValueError: `lr` is not what A makes of a picture of that size.
        """
        target = self._target(lr, size)
        return self._computed(lr, self._adjoint, target, target)

    def pinv(self, lr: Tensor, size: Size | None = None) -> Tensor:
        r"""Apply the Moore-Penrose pseudo-inverse: the picture of least norm among those with the least residual.

        $$\mu = D^\dagger I_x$$

        Args:
            lr: (..., h, w), a float tensor.
            size: (H, W) of the result; by default `hr_size((h, w))`, the full multiple of the scale. Give it where
                the scale does not divide the picture: else 21 pixels come back as 24.

        Returns:
            (..., H, W). `A(A.pinv(lr))` is `lr` if `lr` is A of some picture, or if A has full row rank; where A has
            full column rank (enlarging), `A.pinv(A(hr))` is `hr`.

        Raises:
            TypeError: `lr` is not a tensor of floats.
            ValueError: `lr` is not what A makes of a picture of that size.

        References:
            COO Eq. 6; chapter ch02_range_null_space. The paper adds that this point is the mean of all the pictures
            behind `lr`; that is an assumption, which the chapter tests.
        """
        target = self._target(lr, size)
        return self._computed(lr, self._pinv, target, target)

    def project_range(self, hr: Tensor) -> Tensor:
        r"""Keep what the degradation sees of a picture.

        $$D^\dagger D\, I_y$$

        Args:
            hr: (..., H, W), a float tensor.

        Returns:
            (..., H, W), the orthogonal projection on the row space of A.

        Raises:
            TypeError: `hr` is not a tensor of floats.
            ValueError: its size does not suit the operator.

        References:
            COO Eq. 33; chapter ch02_range_null_space.
        """
        return self.pinv(self(hr), size=image_size(hr))

    def project_null(self, hr: Tensor) -> Tensor:
        r"""Keep what the degradation cannot see of a picture.

        $$\vec v = (I - D^\dagger D)\, I_y, \qquad D\,\vec v = 0$$

        Args:
            hr: (..., H, W), a float tensor.

        Returns:
            (..., H, W), the orthogonal projection on the null space of A.

        Raises:
            TypeError: `hr` is not a tensor of floats.
            ValueError: its size does not suit the operator.

        References:
            COO Eqs. 7, 32; chapter ch02_range_null_space.
        """
        return hr - self.project_range(hr)

    def consistent(self, sr: Tensor, lr: Tensor) -> Tensor:
        r"""Mend a picture's disagreement with its LR: the nearest picture that A takes to `lr`.

        $$D^\dagger I_x + (I - D^\dagger D)\, y_q$$

        Args:
            sr: (..., H, W), any picture $y_q$.
            lr: (..., h, w), the LR that it should have.

        Returns:
            (..., H, W), the dtype of `sr`. `A` of it is `lr` under the same conditions as for `pinv`. If `lr`
            is A of the truth, the result, clipped or not to a range that holds the truth, is never farther from the
            truth than `sr` itself.

        Raises:
            TypeError: one of the two is not a tensor of floats.
            ValueError: `lr` is not what A makes of a picture of the size of `sr`.

        References:
            COO Eq. 32; chapter ch02_range_null_space.
        """
        check_picture("sr", sr)
        check_picture("lr", lr)
        return (sr + self.pinv(lr - self._matching(sr, lr), size=image_size(sr))).to(sr.dtype)

    def matrix(self, size: Size) -> Tensor:
        """Write the operator as a dense matrix, for small sizes and for teaching.

        Args:
            size: (H, W) of the pictures that it acts on.

        Returns:
            (h*w, H*W), float64 on the CPU; rows and columns run over pixels row by row.

        Raises:
            ValueError: the matrix would have more than 2**27 entries, or the size does not suit the operator.
        """
        height, width = check_size("size", size)
        h, w = self.lr_size((height, width))
        entries = h * w * height * width
        if entries > MATRIX_LIMIT:
            raise ValueError(
                f"size {height}x{width} makes a dense matrix of {h * w} x {height * width} = {entries:.2g} entries; "
                f"the limit is {MATRIX_LIMIT:.2g}. Use A(hr), A.adjoint(lr) and A.pinv(lr), which need no matrix"
            )
        if h * w < height * width:  # rows are fewer than columns: make them, one from each LR pixel
            rows = torch.eye(h * w, dtype=torch.float64, device="cpu").reshape(-1, h, w)
            return self.adjoint(rows, size=(height, width)).reshape(h * w, height * width)
        columns = torch.eye(height * width, dtype=torch.float64, device="cpu").reshape(-1, height, width)
        return self(columns).reshape(height * width, h * w).T.contiguous()

    @abstractmethod
    def lr_size(self, size: Size) -> Size:
        """Return the (h, w) that A makes of a picture of (H, W)."""

    @abstractmethod
    def hr_size(self, size: Size) -> Size:
        """Return the (H, W) that `pinv` and `adjoint` assume for an LR of (h, w) when none is given."""

    @abstractmethod
    def singular_values(self, size: Size) -> Tensor:
        """Return all min(h*w, H*W) singular values of A on pictures of (H, W), largest first, in float64.

        Raises:
            ValueError: the size does not suit the operator.
        """

    @abstractmethod
    def _forward(self, x: Tensor, size: Size) -> Tensor: ...

    @abstractmethod
    def _adjoint(self, y: Tensor, size: Size) -> Tensor: ...

    @abstractmethod
    def _pinv(self, y: Tensor, size: Size) -> Tensor: ...

    def _computed(self, x: Tensor, function: Callable[[Tensor, Size], Tensor], size: Size, out: Size) -> Tensor:
        """Run outside autocast (a projector in bf16 is no projector), half precision in float32."""
        if x.numel() == 0:
            return x.new_zeros(*x.shape[:-2], *out) + x.sum()  # an empty batch is a batch; the sum keeps its graph
        work = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        with torch.autocast(x.device.type, enabled=False):
            return function(work, size).to(x.dtype)

    def _target(self, lr: Tensor, size: Size | None) -> Size:
        check_picture("lr", lr)
        have = image_size(lr)
        target = self.hr_size(have) if size is None else check_size("size", size)
        if self.lr_size(target) != have:
            raise ValueError(
                f"lr is {have[0]}x{have[1]}, but {self!r} takes a picture of {target[0]}x{target[1]} to "
                f"{'x'.join(map(str, self.lr_size(target)))}; pass size=(H, W), the size of the picture behind lr"
            )
        return target

    def _matching(self, sr: Tensor, lr: Tensor) -> Tensor:
        have = self(sr)
        if have.shape[-2:] != lr.shape[-2:]:
            raise ValueError(
                f"{self!r} takes sr of {'x'.join(map(str, sr.shape[-2:]))} to {'x'.join(map(str, have.shape[-2:]))}, "
                f"but lr is {'x'.join(map(str, lr.shape[-2:]))}"
            )
        if sr.shape[:-2] != lr.shape[:-2]:
            raise ValueError(f"sr is {tuple(sr.shape)} and lr {tuple(lr.shape)}; batch and channels must be the same")
        return have


@contextmanager
def making_constants() -> Iterator[None]:
    """Make tensors on the CPU, whatever the default device, that training can use, also under inference_mode."""
    with torch.inference_mode(False), torch.no_grad(), torch.device("cpu"):
        yield


def remember(store: dict[Hashable, T], key: Hashable, make: Callable[[], T], limit: int = 16) -> T:
    """Return `store[key]`, made at the first call; the oldest entry leaves when there are too many."""
    if key not in store:
        while len(store) >= limit:
            store.pop(next(iter(store)))
        with making_constants():
            store[key] = make()
    return store[key]


def image_size(x: Tensor) -> Size:
    return x.shape[-2], x.shape[-1]


def check_picture(name: str, x: Tensor) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name} must be a torch tensor (..., H, W), not {type(x).__name__}; "
            "srtheory.data.read_picture reads a file, torch.as_tensor takes an array"
        )
    if not x.is_floating_point():
        raise TypeError(f"{name} has dtype {x.dtype}; make it float first, for 8-bit pictures {name}.float() / 255")
    if x.ndim < 2:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; a picture has at least two dimensions (..., H, W)")
    if x.shape[-1] == 0 or x.shape[-2] == 0:
        raise ValueError(f"{name} has shape {tuple(x.shape)}: a side of the picture is empty")


def check_size(name: str, size: Size) -> Size:
    sides = tuple(size) if isinstance(size, tuple | list) else ()
    if len(sides) != 2 or not all(is_whole(side) and side > 0 for side in sides):
        raise ValueError(f"{name} must be two positive whole numbers (H, W), not {size!r}")
    return int(sides[0]), int(sides[1])


def is_whole(number: object) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)


def check_rcond(rcond: float) -> None:
    if isinstance(rcond, bool) or not isinstance(rcond, Real) or not 0 <= rcond < 1:
        raise ValueError(f"rcond must be at least 0 and below 1, relative to the largest singular value, not {rcond!r}")


def check_real(name: str, x: Tensor, shape: str) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} must be a torch tensor {shape}, not {type(x).__name__}; use torch.as_tensor")
    if x.is_complex():
        raise TypeError(f"{name} must be real, not {x.dtype}")
