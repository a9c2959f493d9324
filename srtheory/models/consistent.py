"""Any network, made to agree with the LR picture that it was given."""

import torch
from torch import Tensor, nn

from srtheory.models.base import check_lr
from srtheory.operators.base import LinearOperator, check_picture, image_size


class ConsistentSR(nn.Module):
    r"""Correct what a network makes, so that the degradation takes it back to the very LR picture.

    $$D^\dagger I_x + (I - D^\dagger D)\, f(I_x)$$

    The network f is left to draw what the LR picture does not say. What it draws that A cannot see is kept, the rest
    is replaced; a network that agrees already is not changed, beyond rounding. Where the LR picture is A of the truth,
    no result is farther from the truth than without the correction. Trained inside, the network gets no gradient for
    what is replaced.

    The operator acts on what the network makes: scale * h by scale * w. Crop a truth whose size the scale does not
    divide before it is degraded, else its LR picture was made by an operator that differs near the border.

    Args:
        net: any module that takes (B, C, h, w) to (B, C, H, W).
        A: the degradation, with the scale of the network.

    Raises:
        TypeError: `net` is not a module, or `A` not a linear operator.
        ValueError: both name a scale, and they differ.

    References:
        COO Eq. 32; chapter ch02_range_null_space.
    """

    def __init__(self, net: nn.Module, A: LinearOperator) -> None:
        super().__init__()
        if not isinstance(net, nn.Module):
            raise TypeError(
                f"net must be a torch module, not {type(net).__name__}; put a function into the forward of one"
            )
        if not isinstance(A, LinearOperator):
            raise TypeError(f"A must be a linear operator of srtheory.operators, not {type(A).__name__}")
        scale, other = getattr(net, "scale", None), getattr(A, "scale", None)
        if scale is not None and other is not None and scale != other:
            raise ValueError(f"net has scale {scale}, but {A!r} scale {other}; make both with one scale")
        self.net = net
        self.A = A
        self.scale = scale if other is None else other

    def forward(self, lr: Tensor) -> Tensor:
        """Super-resolve, then correct.

        Args:
            lr: (B, C, h, w), floats in the range of the network.

        Returns:
            (B, C, H, W), in the wider of the dtypes of `lr` and of what the network makes of it; not clipped, since
            that would break the agreement. `A` of it is `lr` to rounding, if A has full row rank, as downsampling has;
            else as nearly as A can. Rounding is some 1e-7 in float32, more where A is ill-conditioned.

        Raises:
            TypeError: `lr`, or what the network makes of it, is not a tensor of floats.
            ValueError: `lr` is not (B, C, h, w), or A does not take what the network makes of it to its size.
        """
        check_lr(lr)
        sr = self.net(lr)
        check_picture("the output of net", sr)
        if (have := self.A.lr_size(image_size(sr))) != image_size(lr):
            (H, W), (h, w) = image_size(sr), image_size(lr)
            raise ValueError(
                f"net makes {H}x{W} of an lr of {h}x{w}, but {self.A!r} takes that to {have[0]}x{have[1]}; "
                "net and A must have one scale"
            )
        return self.A.consistent(sr.to(torch.promote_types(sr.dtype, lr.dtype)), lr)  # COO Eq. 32

    def extra_repr(self) -> str:
        return f"A={self.A!r}"
