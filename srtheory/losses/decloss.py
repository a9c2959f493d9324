"""Detail Enhanced Contrastive Loss (DECLoss): exact, and in memory that grows with the number of patches only."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from srtheory.losses.base import check_choice, check_max_value, check_pair
from srtheory.losses.gather import gathered

CHOICES = {
    "similarity": ("l2", "psnr"),
    "temperature": ("outside", "inside"),
    "anchor": ("hr", "sr"),
    "center": ("none", "patch", "channel"),
    "no_negative": ("skip", "printed"),
    "backend": ("auto", "dense", "tiled"),
}
SMALL = 1024  # patches: below this the dense matrices are small and backend="auto" takes them
TILE = {"cpu": 256, "cuda": 4096}


def decloss(
    sr: Tensor,
    hr: Tensor,
    patch_size: int = 8,
    threshold: float = 34.0,
    t_pos: float = 0.5,
    t_neg: float = 1.5,
    *,
    max_value: float = 1.0,
    similarity: str = "l2",
    temperature: str = "outside",
    center: str = "none",
    norm_floor: float = 1 / 255,
    anchor: str = "hr",
    no_negative: str = "skip",
    enhancement: Callable[[Tensor], Tensor] | None = None,
    backend: str = "auto",
    gather: bool = False,
) -> Tensor:
    r"""Return DECLoss, as printed unless an argument says otherwise.

    Both pictures are cut into patches, flattened to $\hat p_i$ (SR) and $p_i$ (HR), all patches of the batch together.
    Two HR patches are positive to each other if they are alike,

    $$M_{ij} = -20 \log_{10}\bigl(\lVert p_i - p_j \rVert_2 / \mathrm{MAX}\bigr) \ge \eta$$

    and with the cosines $S^{sr \to sr}_{ij} = \cos(\hat p_i, \hat p_j)$,
    $S^{sr \to hr}_{ij} = \cos(p_i, \hat p_j)$ the loss is

    $$L = -\frac1B \sum_i \log \frac{Q^i_{pos}}{Q^i_{neg}}, \qquad
      Q^i_{pos} = \sum_{j:\, M_{ij} \ge \eta} \bigl(e^{S^{sr \to sr}_{ij}} + 2 e^{S^{sr \to hr}_{ij}}\bigr) / t_{pos}$$

    and $Q_{neg}$ alike, over the other pairs. The HR picture is a constant: no gradient reaches it.

    Args:
        sr: (B, C, H, W), the network's output.
        hr: (B, C, H, W), the truth, in [0, max_value].
        patch_size: P, which divides H and W.
        threshold: $\eta$, in dB. Infinite: only equal patches are positive. Minus infinite: all are.
        t_pos: temperature of the positive pairs.
        t_neg: temperature of the negative pairs.
        max_value: MAX, the largest intensity.
        similarity: "l2", the printed Eq. 37, which takes the L2 norm; or "psnr", which takes the root mean square, as
            the name says. They differ by 10 log10(C P^2) dB, 22.8 for 8 x 8 x 3.
        temperature: "outside" the exponential as printed, where it has no gradient; or "inside", exp(S / t).
        center: what is removed from each patch before the cosine: "none" as printed; "patch", its mean over pixels and
            channels; or "channel", the mean of each channel, and with it the color.
        norm_floor: norms in the cosine are at least that of a patch of this root mean square, times max_value. As
            printed (0), a black patch makes the loss NaN.
        anchor: which patch the row i of the SR-HR cosine belongs to: "hr" as in COO Eq. 38, or "sr" as in COO-v1
            Eq. 18.
        no_negative: rows without any negative pair, which print makes minus infinity: "skip" leaves them out of the
            mean (0, without a gradient, if no row is left), "printed" keeps them.
        enhancement: applied to both pictures first, as in COO-v1; the positives are then those of the enhanced HR.
        backend: "dense" holds several matrices of patches x patches; "tiled" computes the same in memory
            proportional to the patches, with the closed-form gradient and no second one; "auto" takes dense up to
            1024 patches.
        gather: under torch.distributed, take the patches of all ranks, which must have equally many. The value is that
            of one process with the whole batch; averaged over ranks, as DistributedDataParallel does, so is the
            gradient.

    Returns:
        A scalar. Half precision is computed in single precision, under autocast too; products of float32 follow
        `torch.set_float32_matmul_precision`. Which pairs are positive is decided in float64, always. NaN in, NaN out.
        Call backward outside autocast: inside, torch rounds what the dense backend does.

    Raises:
        TypeError: not tensors of floats.
        ValueError: shapes that differ or are not (B, C, H, W), a patch size that does not divide, a temperature or
            range that is not positive, an unknown choice, pictures far beyond max_value or far below it, or ranks of
            unequal batches.
        RuntimeError: a second derivative, asked of the tiled backend.

    References:
        COO Eqs. 37-42; COO-v1 Eq. 18; chapter ch10_decloss. The other formulas of the first paper are the same.
    """
    _check(sr, hr, patch_size, threshold, t_pos, t_neg, max_value, norm_floor)
    given = {
        "similarity": similarity,
        "temperature": temperature,
        "anchor": anchor,
        "center": center,
        "no_negative": no_negative,
        "backend": backend,
    }
    for name, value in given.items():
        check_choice(name, value, CHOICES[name])
    kept = torch.promote_types(sr.dtype, hr.dtype)
    with torch.autocast(sr.device.type, enabled=False):
        if enhancement is not None:
            sr, hr = enhancement(sr), enhancement(hr.detach())
        exact = torch.promote_types(kept, torch.float32)
        sr_patches, hr_patches = (_patches(x, patch_size) for x in (sr.to(exact), hr.detach().to(exact)))
        if gather:
            sr_patches, hr_patches = gathered(sr_patches, "patches"), gathered(hr_patches, "patches")
        count, dimension = hr_patches.shape
        radius = max_value * 10 ** min(-threshold / 20, 100)  # COO Eq. 37: M >= eta where the norm is at most this
        if similarity == "psnr":
            radius *= math.sqrt(dimension)
        floor = norm_floor * max_value * math.sqrt(dimension)
        if backend == "auto":
            backend = "dense" if count <= SMALL else "tiled"
        order = _means(hr_patches).argsort()  # the loss is a mean: any order will do
        sr_patches = sr_patches[order]
        hr_patches = hr_patches[order]
        inside = temperature == "inside"
        form = _Form(
            t=(t_pos, t_neg) if inside else (1.0, 1.0),
            shift=1 / min(t_pos, t_neg) if inside else 0.0,
            constant=0.0 if inside else math.log(t_pos / t_neg),  # all that is left of temperatures outside
            hr_anchor=anchor == "hr",
            skip=no_negative == "skip",
            groups={"none": 0, "patch": 1, "channel": hr.shape[1]}[center],
            floor=floor,
        )
        contrast = _dense if backend == "dense" else _Tiled.apply
        loss: Tensor = contrast(sr_patches, hr_patches, _Positives(hr_patches, radius), form)
        return loss.to(kept)


class DECLoss(nn.Module):
    """`decloss` with its settings kept: `DECLoss(patch_size=8, threshold=34.0)(sr, hr)`; the arguments are its own.

    References:
        COO section 4.2; chapter ch10_decloss.
    """

    def __init__(
        self, patch_size: int = 8, threshold: float = 34.0, t_pos: float = 0.5, t_neg: float = 1.5, **settings: object
    ) -> None:
        super().__init__()
        unknown = set(settings) - set(decloss.__kwdefaults__ or {})
        if unknown:
            raise TypeError(f"DECLoss takes no {sorted(unknown)}; it takes the arguments of decloss")
        self.settings = {
            "patch_size": patch_size,
            "threshold": threshold,
            "t_pos": t_pos,
            "t_neg": t_neg,
            **settings,
        }

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        return decloss(sr, hr, **self.settings)  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.settings.items())


class _Form(NamedTuple):
    t: tuple[float, float]  # inside the exponentials
    shift: float  # taken from all exponents, so that none is positive; it leaves the ratio as it is
    constant: float
    hr_anchor: bool
    skip: bool
    groups: int  # means removed from each patch
    floor: float  # of the norms


class _Positives:
    """Which pairs of HR patches are positive: norm of their difference at most `radius`, decided as in float64."""

    def __init__(self, hr: Tensor, radius: float) -> None:
        self.hr, self.squared = hr, radius**2
        self.mean = _means(hr)
        self.kind = torch.unique(hr, dim=0, return_inverse=True)[1] if radius == 0 else None

    def __call__(self, rows: slice, columns: slice) -> Tensor:
        if self.kind is not None:  # equal patches only
            return self.kind[rows, None] == self.kind[columns]
        m, n = self.mean[rows], self.mean[columns]
        a, b = self.hr[rows].double() - m[:, None], self.hr[columns].double() - n[:, None]
        aa, bb = a.square().sum(1)[:, None], b.square().sum(1)
        d = a.shape[1]
        squared = torch.addmm(aa + bb, a, b.mT, alpha=-2).add_(d * (m[:, None] - n).square())
        positive = squared <= self.squared
        # Rounding: pairs so near to the radius are decided again, from their difference.
        doubt = 8 * (d + 4) * torch.finfo(torch.float64).eps * (aa + bb + d * torch.maximum(m[:, None] ** 2, n**2))
        i, j = (squared.sub_(self.squared).abs_() <= doubt).nonzero(as_tuple=True)
        for few, others in zip(torch.split(i, 4096), torch.split(j, 4096), strict=True):
            gap = self.hr[rows][few].double() - self.hr[columns][others].double()
            positive[few, others] = gap.square().sum(1) <= self.squared
        return positive

    def tiles(self) -> Iterator[tuple[slice, slice, Tensor | None]]:
        """Yield the tiles on and above the diagonal, each with its positive pairs, or None where none can be.

        The patches are sorted by their mean. The means of two patches differ by at most their distance over the root of
        d (Cauchy and Schwarz), so that most tiles away from the diagonal need not be looked at.
        """
        count, d = self.hr.shape
        side = tile_of(self.hr)
        places = [slice(start, min(start + side, count)) for start in range(0, count, side)]
        low = self.mean[[place.start for place in places]].tolist()
        high = self.mean[[place.stop - 1 for place in places]].tolist()
        for i, rows in enumerate(places):
            for j, columns in enumerate(places[i:], start=i):
                gap = max(low[j] - high[i], 0.0) * (1 - 1e-9)
                yield rows, columns, None if d * gap**2 > self.squared else self(rows, columns)


def tile_of(x: Tensor) -> int:
    return min(TILE.get(x.device.type, TILE["cuda"]), len(x))


def _dense(sr: Tensor, hr: Tensor, positives: _Positives, form: _Form) -> Tensor:
    u, v = _unit(sr, form)[0], _unit(hr, form)[0]
    positive = torch.zeros(len(u), len(u), dtype=torch.bool, device=u.device)  # COO Eq. 37
    for rows, columns, mask in positives.tiles():
        if mask is not None:
            positive[rows, columns], positive[columns, rows] = mask, mask.mT
    S_sr_hr = v @ u.mT if form.hr_anchor else u @ v.mT  # COO Eq. 38, COO-v1 Eq. 18
    S_sr_sr = u @ u.mT  # COO Eq. 39
    scale = torch.where(positive, u.new_tensor(1 / form.t[0]), u.new_tensor(1 / form.t[1]))
    score = (S_sr_sr * scale - form.shift).exp() + 2 * (S_sr_hr * scale - form.shift).exp()
    Q_pos = torch.where(positive, score, 0).sum(1)  # COO Eq. 40
    Q_neg = torch.where(positive, 0, score).sum(1)  # COO Eq. 41
    if form.skip:
        Q_pos, Q_neg = Q_pos[Q_neg != 0], Q_neg[Q_neg != 0]
        if len(Q_neg) == 0:
            return 0 * u.sum()
    return form.constant - (Q_pos / Q_neg).log().mean()  # COO Eq. 42


class _Tiled(torch.autograd.Function):
    """The same in tiles; the backward pass computes them again. With E = exp(u u^T), H = exp(v u^T) and the row weights
    w = -1/(B Q_pos) on positive, 1/(B Q_neg) on negative pairs: dL/du = (E * (w + w^T)) u + 2 (w * H)^T v."""

    @staticmethod
    def forward(ctx: Any, sr: Tensor, hr: Tensor, positives: _Positives, form: _Form) -> Tensor:
        u, length = _unit(sr, form)
        Q_pos = u.new_zeros(len(u), dtype=torch.float64)
        Q_neg = torch.zeros_like(Q_pos)
        buffer = u.new_empty(tile_of(u) ** 2)
        for rows, columns, positive in positives.tiles():
            E = _exponentials(buffer, u[rows], u[columns], positive, form)
            _add(Q_pos, Q_neg, E, rows, positive, 1)
            if rows != columns:
                _add(Q_pos, Q_neg, E, columns, positive, 0)
            for here, there, mask in _both(rows, columns, positive):
                H = _exponentials(buffer, *_sides(u, hr, here, there, form), mask, form)
                _add(Q_pos, Q_neg, H.mul_(2), here, mask, 1)
        kept = Q_neg != 0 if form.skip else torch.ones_like(Q_neg, dtype=torch.bool)
        number = kept.sum().clamp_min(1)
        ctx.save_for_backward(u, length, hr, Q_pos, Q_neg, kept.double() / number)
        ctx.positives, ctx.form = positives, form
        value = torch.where(kept, Q_neg.log() - Q_pos.log() + form.constant, 0 * Q_pos).sum() / number
        return value.to(u.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError('the tiled backend has no second derivative; pass backend="dense"')
        with torch.autocast(gradient.device.type, enabled=False):
            return _Tiled.gradient(ctx, gradient), None, None, None

    @staticmethod
    def gradient(ctx: Any, gradient: Tensor) -> Tensor:
        u, length, hr, Q_pos, Q_neg, share = ctx.saved_tensors
        form: _Form = ctx.form
        pull, push = (
            torch.where(share > 0, share / (Q * tau), 0).to(u.dtype)
            for Q, tau in zip((Q_pos, Q_neg), form.t, strict=True)
        )
        out = torch.zeros_like(u)
        buffer = u.new_empty(tile_of(u) ** 2)
        for rows, columns, positive in ctx.positives.tiles():
            K = _exponentials(buffer, u[rows], u[columns], positive, form)
            weight = push[rows, None] + push[columns]
            if positive is not None:
                weight = torch.where(positive, -(pull[rows, None] + pull[columns]), weight)
            K.mul_(weight)
            out[rows].addmm_(K, u[columns])
            if rows != columns:
                out[columns].addmm_(K.mT, u[rows])
            for here, there, mask in _both(rows, columns, positive):
                first, second = _sides(u, hr, here, there, form)
                T = _exponentials(buffer, first, second, mask, form)
                weight = 2 * push[here, None]
                if mask is not None:
                    T.mul_(torch.where(mask, -2 * pull[here, None], weight))
                    weight = torch.ones_like(weight)
                if form.hr_anchor:  # the weight of a row may as well stand at its patch
                    out[there].addmm_(T.mT, weight * first)
                else:
                    out[here].add_(weight * (T @ second))
        # From the unit vectors to the patches: the radial part has no effect, except below the floor.
        radial = torch.bmm(u[:, None], out[:, :, None])[:, 0].masked_fill_(length <= form.floor, 0)
        out.addcmul_(u, radial, value=-1).div_(length.clamp_min(form.floor))
        if form.groups:
            parts = out.view(len(out), form.groups, -1)
            parts.sub_(parts.mean(2, keepdim=True))
        return out.mul_(gradient)


def _sides(u: Tensor, hr: Tensor, here: slice, there: slice, form: _Form) -> tuple[Tensor, Tensor]:
    """Return the unit vectors of the rows and of the columns of a tile of the SR-HR cosines."""
    if form.hr_anchor:
        return _unit(hr[here], form)[0], u[there]
    return u[here], _unit(hr[there], form)[0]


def _exponentials(buffer: Tensor, a: Tensor, b: Tensor, positive: Tensor | None, form: _Form) -> Tensor:
    """Return exp of the cosines, over the temperature of each pair; valid until the buffer is used again."""
    t = form.t
    out = buffer[: len(a) * len(b)].view(len(a), len(b))
    torch.mm(a, b.mT, out=out)
    if form.shift:
        scale = (
            torch.where(positive, out.new_tensor(1 / t[0]), out.new_tensor(1 / t[1]))
            if positive is not None
            else 1 / t[1]
        )
        out.mul_(scale).sub_(form.shift)
    return out.exp_()


def _add(Q_pos: Tensor, Q_neg: Tensor, score: Tensor, at: slice, positive: Tensor | None, axis: int) -> None:
    if positive is None:
        Q_neg[at] += score.sum(axis)
    else:
        Q_pos[at] += torch.where(positive, score, 0).sum(axis)
        Q_neg[at] += torch.where(positive, 0, score).sum(axis)


def _both(rows: slice, columns: slice, positive: Tensor | None) -> list[tuple[slice, slice, Tensor | None]]:
    """Return a tile, and its mirror image unless it lies on the diagonal."""
    tile = [(rows, columns, positive)]
    return tile if rows == columns else [*tile, (columns, rows, None if positive is None else positive.mT)]


def _patches(x: Tensor, size: int) -> Tensor:
    """(B, C, H, W) -> (B * N, C * P * P), COO section 4.2.1."""
    B, C, H, W = x.shape
    cut = x.reshape(B, C, H // size, size, W // size, size)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(-1, C * size * size)


def _means(patches: Tensor) -> Tensor:
    """Return the mean of each patch in float64, without a copy of all patches in float64."""
    return torch.cat([part.double().mean(1) for part in torch.split(patches, 1024)])


def _unit(patches: Tensor, form: _Form) -> tuple[Tensor, Tensor]:
    """Return the patches over their norm, and the norm, (B, 1)."""
    if form.groups:
        parts = patches.reshape(len(patches), form.groups, -1)
        patches = (parts - parts.mean(2, keepdim=True)).flatten(1)
    length = torch.linalg.vector_norm(patches, dim=1, keepdim=True)
    return patches / length.clamp_min(form.floor), length


def _check(
    sr: Tensor,
    hr: Tensor,
    patch_size: int,
    threshold: float,
    t_pos: float,
    t_neg: float,
    max_value: float,
    norm_floor: float,
) -> None:
    check_max_value(max_value)
    check_pair(sr, hr, max_value)
    if isinstance(patch_size, bool) or not isinstance(patch_size, int) or patch_size < 1:
        raise ValueError(f"patch_size must be a whole number of pixels, at least 1, not {patch_size!r}")
    H, W = hr.shape[-2:]
    if H % patch_size or W % patch_size:
        fits = tuple(side // patch_size * patch_size for side in (H, W))
        raise ValueError(f"patch_size={patch_size} does not divide {H}x{W}; crop to {fits[0]}x{fits[1]}, or change it")
    if math.isnan(threshold):
        raise ValueError("threshold must be a number of dB, not NaN")
    for name, value in (("t_pos", t_pos), ("t_neg", t_neg)):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, not {value!r}")
    if not 0 <= norm_floor < math.inf:
        raise ValueError(f"norm_floor must be zero or more, and finite, not {norm_floor!r}")
