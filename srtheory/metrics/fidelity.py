"""PSNR and SSIM in the field's convention: luma or RGB, border cropped, nothing rounded."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d

LUMA = (65.481, 128.553, 24.966)  # BT.601, studio range: white has 235, black 16
WINDOW, SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03  # SSIM, as published


def psnr(
    sr: Tensor | np.ndarray, hr: Tensor | np.ndarray, channel: str = "y", border: int = 4, max_value: float = 1.0
) -> Tensor:
    r"""Peak signal-to-noise ratio in dB, one value per picture.

    $$10 \log_{10} \frac{\text{max}^2}{\frac1n \sum (I_{sr} - I_{hr})^2}$$

    Computed in float64. Equal pictures have `inf`, and a gradient of NaN. The peak of luma is `max_value` too, as is
    usual, though luma's white is 235 / 255 of it: so a gray picture given as three equal channels has a PSNR higher by
    20 log10(255 / 219), about 1.3 dB, than given as one. Validation loops give three, the scripts behind printed tables
    one: see `protocol` of `compare_folders`. Nothing is clipped or rounded to 8 bits: do that before, if your protocol
    does.

    Args:
        sr: (..., C, H, W) with C = 1 or 3, floats in [0, max_value]; a tensor or an array.
        hr: the truth, of the same shape.
        channel: "y", the luma of BT.601 (a single channel is taken as luma as it stands), or "rgb", all channels.
        border: pixels cropped at each side first. The field takes the scale, so the default suits x4: give 2 for x2.
        max_value: the largest value of the range.

    Returns:
        (...), the dtype and device of `sr`.

    Raises:
        TypeError: not a tensor or array of floats.
        ValueError: shapes differ or do not fit, an unknown channel, a border that leaves nothing, a range that is not
            positive or not that of `hr`: [0, 255] or [-1, 1] for [0, 1], or the reverse.
    """
    a, b, dtype = _prepared(sr, hr, channel, border, max_value, smallest=1)
    error = (a - b).square().mean(dim=(-3, -2, -1))
    return (-10 * torch.log10(error / max_value**2)).to(dtype)


def ssim(
    sr: Tensor | np.ndarray, hr: Tensor | np.ndarray, channel: str = "y", border: int = 4, max_value: float = 1.0
) -> Tensor:
    r"""Structural similarity, one value per picture.

    $$\frac{(2\mu_a\mu_b + c_1)(2\sigma_{ab} + c_2)}{(\mu_a^2 + \mu_b^2 + c_1)(\sigma_a^2 + \sigma_b^2 + c_2)}$$

    averaged over the places where the whole window of 11x11 pixels (Gaussian weights, standard deviation 1.5) lies in
    the picture, and over channels. Computed in float64, with weighted population moments, $c_1 = (0.01\,\text{max})^2$
    and $c_2 = (0.03\,\text{max})^2$.

    Args:
        sr: (..., C, H, W) with C = 1 or 3, floats in [0, max_value]; a tensor or an array.
        hr: the truth, of the same shape.
        channel: "y", the luma of BT.601 (a single channel is taken as luma as it stands), or "rgb", all channels.
        border: pixels cropped at each side first; the field takes the scale.
        max_value: the largest value of the range.

    Returns:
        (...), at most 1, the dtype and device of `sr`.

    Raises:
        TypeError: not a tensor or array of floats.
        ValueError: shapes differ or do not fit, an unknown channel, a border that leaves less than 11x11 pixels, a
            bad range.

    References:
        Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity",
        IEEE TIP 13(4), 2004.
    """
    a, b, dtype = _prepared(sr, hr, channel, border, max_value, smallest=WINDOW)
    offsets = torch.arange(WINDOW, dtype=torch.float64, device=a.device) - WINDOW // 2
    weights = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    weights = weights / weights.sum()

    def local_mean(x: Tensor) -> Tensor:
        flat = x.reshape(-1, 1, *x.shape[-2:])
        flat = conv2d(conv2d(flat, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))
        return flat.reshape(*x.shape[:-2], *flat.shape[-2:])

    mean_a, mean_b = local_mean(a), local_mean(b)
    var_a = local_mean(a * a) - mean_a**2
    var_b = local_mean(b * b) - mean_b**2
    covariance = local_mean(a * b) - mean_a * mean_b
    c1, c2 = (K1 * max_value) ** 2, (K2 * max_value) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (var_a + var_b + c2)
    return (luminance * structure).mean(dim=(-3, -2, -1)).to(dtype)


def _prepared(
    sr: Tensor | np.ndarray, hr: Tensor | np.ndarray, channel: str, border: int, max_value: float, smallest: int
) -> tuple[Tensor, Tensor, torch.dtype]:
    a, b = _floats("sr", sr), _floats("hr", hr)
    if a.shape != b.shape:
        raise ValueError(f"sr is {tuple(a.shape)} and hr {tuple(b.shape)}; they must have one shape (..., C, H, W)")
    if a.ndim < 3 or a.shape[-3] not in (1, 3):
        hint = "; channels come before rows and columns" if a.ndim >= 3 and a.shape[-1] in (1, 3) else ""
        raise ValueError(f"sr is {tuple(a.shape)}; it must be (..., C, H, W) with C = 1 or 3{hint}")
    if 0 in a.shape[:-3]:
        raise ValueError(f"sr is {tuple(a.shape)}; there is no picture")
    if channel not in ("y", "rgb"):
        raise ValueError(f"channel must be 'y' or 'rgb', not {channel!r}")
    if isinstance(border, bool) or not isinstance(border, int) or border < 0:
        raise ValueError(f"border must be a whole number of pixels, at least 0, not {border!r}")
    if not isinstance(max_value, int | float) or not 0 < max_value < float("inf"):
        raise ValueError(f"max_value must be positive and finite, not {max_value!r}")
    if min(a.shape[-2:]) - 2 * border < smallest:
        raise ValueError(
            f"sr is {a.shape[-2]}x{a.shape[-1]} pixels; after a border of {border} at each side at least "
            f"{smallest}x{smallest} must be left"
        )
    check_range(b, max_value)
    dtype = a.dtype
    inside = slice(border, -border or None)
    a, b = (x.double()[..., inside, inside] for x in (a, b.to(a.device)))
    if channel == "y" and a.shape[-3] == 3:
        a, b = luma(a, max_value), luma(b, max_value)
    return a, b, dtype


def luma(x: Tensor, max_value: float = 1.0) -> Tensor:
    """BT.601's luma of colors, (..., 3, H, W) -> (..., 1, H, W), from 16/255 to 235/255 of the range."""
    weights = torch.tensor(LUMA, dtype=x.dtype, device=x.device).view(3, 1, 1) / 255
    return (x * weights).sum(-3, keepdim=True) + 16 / 255 * max_value


def check_range(hr: Tensor, max_value: float) -> None:
    """Refuse an HR picture that is plainly in another range."""
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
            "what is in [-1, 1] becomes (hr + 1) / 2"
        )


def _floats(name: str, x: Tensor | np.ndarray) -> Tensor:
    if isinstance(x, np.ndarray):
        x = torch.from_numpy(np.array(x))  # a copy: torch cannot share what is read-only or stored backward
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} must be a tensor or an array (..., C, H, W), not {type(x).__name__}")
    if not x.is_floating_point():
        raise TypeError(f"{name} has dtype {x.dtype}; make it float first, for 8-bit pictures divide by 255")
    return x
