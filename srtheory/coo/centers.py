"""The centers of a weighted set of points, each with the loss that it minimizes."""

import math

import torch
from torch import Tensor

SUM_TOLERANCE = 1e-6  # how far weights may sum from one
STEPS, PRECISION = 1000, 1e-12  # of Weiszfeld's iteration


def mean_center(points: Tensor, weights: Tensor | None = None) -> Tensor:
    r"""Return the mean, the center that squared distance finds.

    $$\hat I_y = \arg\min_c \sum_i p_i \lVert I_y^i - c\rVert_2^2 = \sum_i p_i I_y^i$$

    Args:
        points: (..., N, n), N points of n coordinates, in any unit.
        weights: (..., N), not negative, summing to one; by default all equal.

    Returns:
        (..., n), the dtype and device of `points`.

    Raises:
        TypeError: not a tensor of floats.
        ValueError: no point, weights of another shape, negative ones, or a sum that is not one.

    References:
        COO Eq. 15; COO-v1 Eq. 7; chapter ch03_centers. COO derives it from Eq. 14, whose unsquared distance has another
        minimizer: see `geometric_median`. COO-v1 divides by N as well, though its weights sum to one already. The
        weights are probabilities if the points are all there are, and equal if they are draws from their law.
    """
    points, weights, dtype = _checked(points, weights)
    return (weights[..., None] * points).sum(-2).to(dtype)


def coordinate_median(points: Tensor, weights: Tensor | None = None) -> Tensor:
    r"""Return the median of each coordinate, the center that absolute differences (L1) find.

    $$\hat I_y = \arg\min_c \sum_i p_i \lVert I_y^i - c\rVert_1$$

    Where a whole interval minimizes, as with two points of equal weight, its middle is returned.

    Args:
        points: (..., N, n), N points of n coordinates, in any unit.
        weights: (..., N), not negative, summing to one; by default all equal.

    Returns:
        (..., n), the dtype and device of `points`.

    Raises:
        TypeError: not a tensor of floats.
        ValueError: no point, weights of another shape, negative ones, or a sum that is not one.

    References:
        Chapter ch03_centers.
    """
    points, weights, dtype = _checked(points, weights)
    ordered, order = points.sort(dim=-2)  # (..., N, n)
    mass = weights[..., None].expand_as(points).gather(-2, order).cumsum(-2)
    half = 0.5 - 1e-12 * points.shape[-2]
    lower = (mass < half).sum(-2, keepdim=True)  # first place where half of the mass is reached
    upper = (mass <= 1 - half).sum(-2, keepdim=True).clamp(max=points.shape[-2] - 1)  # first place beyond half
    return ((ordered.gather(-2, lower) + ordered.gather(-2, upper)) / 2).squeeze(-2).to(dtype)


def geometric_median(points: Tensor, weights: Tensor | None = None) -> Tensor:
    r"""Return the geometric median, the center that unsquared Euclidean distance finds.

    $$\hat I_y = \arg\min_c \sum_i p_i \lVert I_y^i - c\rVert_2$$

    By Weiszfeld's iteration from the mean, in the form of Vardi and Zhang, which does not stop at a point of the set
    unless that point is the answer. With more than half of the weight at one point, the answer is that point. Where
    points lie on a line and a whole segment minimizes, as with two points of equal weight, one of its points is
    returned: for two points, the middle.

    Args:
        points: (..., N, n), N points of n coordinates, in any unit.
        weights: (..., N), not negative, summing to one; by default all equal.

    Returns:
        (..., n), the dtype and device of `points`.

    Raises:
        TypeError: not a tensor of floats.
        ValueError: no point, weights of another shape, negative ones, a sum that is not one, or a coordinate that is
            not finite.

    References:
        COO Eq. 14; COO-v1 Eqs. 5-6; chapter ch03_centers. Both papers take this minimizer to be the mean; for a set
        symmetric about its mean it is, in general it is not. Vardi and Zhang, "The multivariate L1-median and
        associated data depth", PNAS 97(4), 2000.
    """
    points, weights, dtype = _checked(points, weights)
    if not points.isfinite().all():
        raise ValueError("points must be finite")
    center = (weights[..., None] * points).sum(-2, keepdim=True)  # (..., 1, n)
    size = (points - center).norm(dim=-1).amax(-1)[..., None, None]  # (..., 1, 1)
    for _ in range(STEPS):
        gap = points - center
        distance = gap.norm(dim=-1)  # (..., N)
        at = distance <= PRECISION * size.squeeze(-1)
        pull = torch.where(at, 0.0, weights / distance.masked_fill(at, 1.0))  # (..., N)
        here = (weights * at).sum(-1)[..., None, None]
        force = (pull[..., None] * gap).sum(-2, keepdim=True)
        total = pull.sum(-1)[..., None, None]
        strength = force.norm(dim=-1, keepdim=True)
        share = (1 - here / strength.clamp(min=math.ulp(0.0))).clamp(min=0)  # 0: this point holds the center
        step = torch.where(total > 0, share * force / total.clamp(min=math.ulp(0.0)), 0.0)
        center = center + step
        if bool((step.norm(dim=-1, keepdim=True) <= PRECISION * size).all()):
            break
    return center.squeeze(-2).to(dtype)


def heaviest_point(points: Tensor, weights: Tensor | None = None) -> Tensor:
    r"""Return the mode of a weighted set, the center that the zero-one loss finds.

    $$\hat I_y = \arg\min_c \sum_i p_i\, [I_y^i \neq c]$$

    Weights of equal points are added. Of several modes the first in the set is returned.

    Args:
        points: (..., N, n), N points of n coordinates, in any unit.
        weights: (..., N), not negative, summing to one; by default all equal.

    Returns:
        (..., n), the dtype and device of `points`.

    Raises:
        TypeError: not a tensor of floats.
        ValueError: no point, weights of another shape, negative ones, or a sum that is not one.

    References:
        Chapter ch03_centers.
    """
    points, weights, dtype = _checked(points, weights)
    same = (points[..., :, None, :] == points[..., None, :, :]).all(-1)  # (..., N, N)
    heaviest = (same * weights[..., None, :]).sum(-1).argmax(-1)  # (...)
    return points.take_along_dim(heaviest[..., None, None], dim=-2).squeeze(-2).to(dtype)


def check_weights(weights: Tensor) -> None:
    if not isinstance(weights, Tensor) or not weights.is_floating_point():
        raise TypeError("weights must be a tensor of floats (..., N)")
    if weights.ndim == 0 or weights.shape[-1] == 0:
        raise ValueError(f"weights has shape {tuple(weights.shape)}; there must be at least one, (..., N)")
    if not bool((weights >= 0).all()):
        raise ValueError("weights must not be negative or NaN")
    sums = weights.double().sum(-1)
    tolerance = max(SUM_TOLERANCE, weights.shape[-1] * torch.finfo(weights.dtype).eps)
    if not bool(((sums - 1).abs() <= tolerance).all()):
        raise ValueError(f"weights must sum to one, not {sums.flatten()[0].item():g}; divide them by their sum")


def _checked(points: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor, torch.dtype]:
    if not isinstance(points, Tensor) or not points.is_floating_point():
        raise TypeError("points must be a tensor of floats (..., N, n)")
    if points.ndim < 2 or points.shape[-2] == 0:
        raise ValueError(f"points has shape {tuple(points.shape)}; there must be at least one point, (..., N, n)")
    if weights is None:
        weights = points.new_full(points.shape[:-1], 1 / points.shape[-2], dtype=torch.float64)
    check_weights(weights)
    if weights.shape != points.shape[:-1]:
        raise ValueError(
            f"weights is {tuple(weights.shape)}, but points {tuple(points.shape)} need {tuple(points.shape[:-1])}"
        )
    weights = weights.to(device=points.device, dtype=torch.float64)
    return points.double(), weights / weights.sum(-1, keepdim=True), points.dtype
