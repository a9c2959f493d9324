"""ICOO, the intensity of center-oriented optimization: how much nearer one HR patch is than the others."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srtheory.metrics.fidelity import _floats

POWERS = {"l2": (2, 1), "squared": (2, 2), "l1": (1, 1)}  # distance: the norm's p, and the power it is raised to
REDUCTIONS = ("mean", "sum")
POOLS = ("picture", "batch")


class Icoo(NamedTuple):
    """What `icoo` returns, in dB: the mean over rounds, their standard deviation, and the value of each round.

    `mean` and `spread` are (...), one value per picture, and `rounds` is (..., rounds). The spread divides by one less
    than the number of rounds; it is NaN for a single round, and where a round is infinite.

    References:
        COO-v1 Eqs. 8-11; chapter ch08_icoo.
    """

    mean: Tensor
    spread: Tensor
    rounds: Tensor


def icoo(
    sr: Tensor | np.ndarray,
    hr: Tensor | np.ndarray,
    patch_size: int = 12,
    sr_patches: int = 8,
    hr_patches: int = 100,
    rounds: int = 10,
    *,
    own: bool = False,
    distance: str = "squared",
    reduction: str = "sum",
    pool: str = "picture",
    generator: torch.Generator | None = None,
) -> Icoo:
    r"""Intensity of center-oriented optimization (ICOO) in dB, in every reading that its text allows.

    From each picture M patches $\hat y_i$ of SR and N patches $y_j$ of HR are cropped at random. With $y_k$ the HR
    patch nearest to $\hat y_i$,

    $$P^*(\hat y_i) = \frac{d(y_k, \hat y_i)}{\sum_j 1_{[j \neq k]}\, d(y_j, \hat y_i)}, \qquad
      \mathrm{ICOO} = -10 \log_{10} \sum_i P^*(\hat y_i)$$

    Computed in float64. The unit of intensity cancels, so there is no `max_value`. With the defaults blur raises it on
    most photographs, and noise lowers it: see the chapter before you call lower better.

    Args:
        sr: (..., C, H, W), floats; a tensor or an array, any number of channels.
        hr: the truth, of the same shape; with `own=False` its height and width may differ, so that another picture can
            be given.
        patch_size: P; the paper takes 12.
        sr_patches: M, patches of each SR picture in a round; section 5.2 has 8 (and calls it N).
        hr_patches: N, patches of each HR picture in a round; section 5.2 has 100 (and calls it M).
        rounds: how often new places are drawn; the paper takes ten.
        own: whether the first M of the N HR patches are those at the places of the SR patches, as in Eqs. 8 and 9. By
            default all places are drawn, and a patch meets its own truth by chance only.
        distance: d, which the paper does not define: the "squared" Euclidean distance, the distance "l2" itself, or
            the sum of absolute differences "l1".
        reduction: over the SR patches, "sum" as printed, or "mean", which adds 10 log10 of their number.
        pool: "picture" compares SR patches with HR patches of the same picture, one value per picture; "batch"
            compares those of all pictures with those of all, one value in all.
        generator: draws the places; all pictures of a batch have the same ones. By default a new one with seed 0, so
            that the same pictures have the same value, and two methods are compared at the same places.

    Returns:
        `Icoo` with mean, spread and rounds, of the dtype and device of `sr`. Infinite where every drawn SR patch has an
        equal HR patch; NaN where an SR patch equals all HR patches (0/0), or a picture holds NaN or infinity.

    Raises:
        TypeError: not a tensor or array of floats, or a generator that is none.
        ValueError: shapes that do not fit, pictures smaller than a patch, no SR patch, fewer than two HR patches, no
            round, fewer HR than SR patches with `own=True`, or an unknown choice.

    References:
        COO-v1 Eqs. 8-11; chapter ch08_icoo. Section 5.2 exchanges the letters N and M of Eq. 11. With the printed sum,
        "squared" over a set of pictures has values and differences like those of the paper's tables.
    """
    a, b = _floats("sr", sr), _floats("hr", hr)
    _check_choices(patch_size, sr_patches, hr_patches, rounds, own, distance, reduction, pool, generator)
    _check_shapes(a, b, patch_size, own)
    b = b.to(a.device)
    batch = a.shape[:-3]
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    sr_places = _places(a, patch_size, (rounds, sr_patches), generator)
    hr_places = _places(b, patch_size, (rounds, hr_patches), generator)
    if own:
        hr_places[:, :, :sr_patches] = sr_places
    p, power = POWERS[distance]
    values = []
    for sr_place, hr_place in zip(sr_places.unbind(1), hr_places.unbind(1), strict=True):
        y_hat, y = _patches(a, sr_place, patch_size), _patches(b, hr_place, patch_size)  # (B, M, n) and (B, N, n)
        if pool == "batch":
            y_hat, y = y_hat.flatten(0, 1), y.flatten(0, 1)  # (B*M, n) and (B*N, n)
        d = torch.cdist(y_hat, y, p=p, compute_mode="donot_use_mm_for_euclid_dist") ** power  # equal patches: exactly 0
        nearest = d.amin(-1)  # of equally near ones either leaves the same sums
        score = nearest / (d.sum(-1) - nearest)  # COO-v1 Eq. 10; no digits lost, as nearest is at most half of the sum
        total = score.mean(-1) if reduction == "mean" else score.sum(-1)
        values.append(-10 * total.log10())  # COO-v1 Eq. 11
    each = torch.stack(values, dim=-1)
    spoiled = ~(_finite(a) & _finite(b))
    if pool == "picture":
        each = each.masked_fill(spoiled[:, None], torch.nan).reshape(*batch, rounds)
    else:
        each = each.masked_fill(spoiled.any(), torch.nan)
    spread = each.std(-1) if rounds > 1 else torch.full_like(each[..., 0], torch.nan)
    return Icoo(each.mean(-1).to(a.dtype), spread.to(a.dtype), each.to(a.dtype))


def _places(x: Tensor, patch_size: int, count: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Rows and columns of the upper left corners of random patches: (2, rounds, patches)."""
    corners = [
        torch.randint(side - patch_size + 1, count, generator=generator, device=generator.device)
        for side in x.shape[-2:]
    ]
    return torch.stack(corners).to(x.device)


def _patches(x: Tensor, places: Tensor, patch_size: int) -> Tensor:
    """(..., C, H, W) and (2, N) -> (B, N, C * P * P), in float64."""
    windows = x.reshape(-1, *x.shape[-3:]).unfold(-2, patch_size, 1).unfold(-2, patch_size, 1)
    return windows[:, :, places[0], places[1]].transpose(1, 2).flatten(2).double()  # from (B, C, N, P, P)


def _finite(x: Tensor) -> Tensor:
    return x.isfinite().reshape(-1, *x.shape[-3:]).flatten(1).all(-1)


def _check_shapes(a: Tensor, b: Tensor, patch_size: int, own: bool) -> None:
    shapes = f"sr is {tuple(a.shape)} and hr {tuple(b.shape)}"
    if a.ndim < 3 or b.ndim < 3:
        raise ValueError(f"{shapes}; both must be (..., C, H, W), channels before rows and columns")
    if a.shape[:-2] != b.shape[:-2]:
        raise ValueError(f"{shapes}; they must agree in all but height and width")
    if own and a.shape != b.shape:
        raise ValueError(f"{shapes}; with own=True the truth's patch is at the SR patch's place: give one shape")
    if 0 in a.shape[:-2]:
        raise ValueError(f"{shapes}; there is no picture or no channel")
    for name, x in (("sr", a), ("hr", b)):
        if min(x.shape[-2:]) < patch_size:
            raise ValueError(
                f"{name} is {x.shape[-2]}x{x.shape[-1]} pixels, smaller than a patch of {patch_size}x{patch_size}; "
                "give a smaller patch_size"
            )


def _check_choices(
    patch_size: int,
    sr_patches: int,
    hr_patches: int,
    rounds: int,
    own: bool,
    distance: str,
    reduction: str,
    pool: str,
    generator: torch.Generator | None,
) -> None:
    for name, value, least, why in (
        ("patch_size", patch_size, 1, ""),
        ("sr_patches", sr_patches, 1, ""),
        ("hr_patches", hr_patches, 2, ": the nearest, and others to compare it with"),
        ("rounds", rounds, 1, ""),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name} must be a whole number, at least {least}{why}; not {value!r}")
    if not isinstance(own, bool):
        raise ValueError(f"own must be True or False, not {own!r}")
    for name, choice, choices in (
        ("distance", distance, tuple(POWERS)),
        ("reduction", reduction, REDUCTIONS),
        ("pool", pool, POOLS),
    ):
        if choice not in choices:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {choice!r}")
    if own and hr_patches < sr_patches:
        raise ValueError(
            f"hr_patches={hr_patches} with own=True must hold the truth of all sr_patches={sr_patches}; give as many"
        )
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator or None, not {type(generator).__name__}")
