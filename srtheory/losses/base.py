"""What the losses share: checks of the pictures that they compare, and of choices."""

import math
from collections.abc import Sequence

from torch import Tensor


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")


def check_max_value(max_value: float) -> None:
    if not 0 < max_value < math.inf:
        raise ValueError(f"max_value must be positive and finite, not {max_value!r}")


def check_pair(sr: Tensor, hr: Tensor, max_value: float) -> None:
    """Refuse what are not two batches of pictures of one shape, or an HR picture in another range."""
    for name, x in (("sr", sr), ("hr", hr)):
        if not isinstance(x, Tensor) or not x.is_floating_point():
            kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"{name} must be a tensor of floats (B, C, H, W), not {kind}; divide 8-bit pictures by 255")
        if x.ndim != 4 or 0 in x.shape:
            raise ValueError(f"{name} has shape {tuple(x.shape)}; it must be (B, C, H, W), none of them zero")
    if sr.shape != hr.shape:
        raise ValueError(f"sr is {tuple(sr.shape)}, but hr is {tuple(hr.shape)}; they must be of one shape")
    smallest, largest = (bound.item() for bound in hr.detach().aminmax())
    if largest > 2 * max_value:
        raise ValueError(f"hr reaches {largest:g}, far beyond max_value={max_value:g}; pass max_value=255 or divide")
    if 0 < largest <= 1 and max_value > 50:
        raise ValueError(
            f"hr reaches only {largest:g}, far below max_value={max_value:g}; pass max_value=1 or multiply"
        )
    if -math.inf < smallest < -0.75 * max_value:
        raise ValueError(
            f"hr goes down to {smallest:g}, far below 0; its range must be 0 to max_value={max_value:g}: "
            "what is in [-1, 1] becomes (hr + 1) / 2, and so does sr"
        )
