"""What kind of content a result has, against the truth's: distributions and spectra, without pairing of pixels."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pixel_unshuffle

from srtheory.metrics.fidelity import _floats, _prepared
from srtheory.metrics.icoo import _patches, _places

HAAR = ((1, 1, 1, 1), (1, -1, 1, -1), (1, 1, -1, -1), (1, -1, -1, 1))  # of a block's pixels, row by row; to be halved


class Spectrum(NamedTuple):
    """What `radial_spectrum` returns: the frequency of each ring in cycles per pixel, (R,), and its power, (..., R)."""

    frequency: Tensor
    power: Tensor


def sliced_wasserstein(
    sr: Tensor | np.ndarray,
    hr: Tensor | np.ndarray,
    patch_size: int = 7,
    projections: int = 128,
    patches: int | None = 2048,
    border: int = 4,
    max_value: float = 1.0,
    *,
    center: bool = True,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Sliced Wasserstein distance between the patches of two pictures, one value per picture.

    Each patch p of P x P pixels is projected on K random directions $\theta_k$ of length 1, and the projections of all
    N patches are sorted, which gives the distance $W_1$ in one dimension exactly:

    $$\frac{1}{K N} \sum_{k=1}^K \sum_{n=1}^N \bigl|
      \mathrm{sort}_n \langle \theta_k, p^{sr} \rangle - \mathrm{sort}_n \langle \theta_k, p^{hr} \rangle \bigr|$$

    Which patch lies where does not matter, only which patches there are. It grows with blur, with noise, and with
    sharpening. Taken of luma, as `psnr` is by default: there the details are. Computed in float64.

    Args:
        sr: (..., C, H, W) with C = 1 or 3, floats in [0, max_value]; a tensor or an array.
        hr: the truth, of the same shape.
        patch_size: P, the side of a patch in pixels.
        projections: K, how many directions.
        patches: N, how many patches are drawn, at the same random places of SR and HR; None takes every place, which
            costs seconds.
        border: pixels cropped at each side first; the field takes the scale.
        max_value: the largest value of the range.
        center: whether the directions have mean zero, so that only what is in a patch counts, and not how bright it is
            as a whole.
        generator: draws the directions, then the places; all pictures of a batch have the same ones. By default a new
            one with seed 0, so that two methods are compared by the same ones. With the defaults another draw changes
            the value of a blurred photograph by a few percent.

    Returns:
        (...), in units of intensity (gray levels with `max_value=255`), the dtype and device of `sr`. Not negative, 0
        for equal pictures, NaN where a picture holds NaN or infinity.

    Raises:
        TypeError: not a tensor or array of floats, or a generator that is none.
        ValueError: shapes differ or do not fit, a border that leaves less than a patch, counts that are not whole
            numbers of at least 1, `center` with patches of one pixel, a bad range.

    References:
        Rabin, Peyré, Delon, Bernot, "Wasserstein barycenter and its application to texture mixing", SSVM 2011, has the
        idea, with $W_2$. Karras, Aila, Laine, Lehtinen, "Progressive growing of GANs for improved quality, stability,
        and variation", ICLR 2018, takes $W_1$ and 7x7 patches, of a pyramid of pictures and with colors normalized;
        here they are of one picture, with nothing normalized.
    """
    _check_whole("patch_size", patch_size, 1)
    _check_whole("projections", projections, 1)
    if patches is not None:
        _check_whole("patches", patches, 1)
    if not isinstance(center, bool):
        raise ValueError(f"center must be True or False, not {center!r}")
    if center and patch_size == 1:
        raise ValueError("patch_size must be at least 2 with center=True: a pixel without its mean is nothing")
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    elif not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator or None, not {type(generator).__name__}")
    a, b, dtype = _lumas(sr, hr, border, max_value, smallest=patch_size)
    size = (projections, patch_size**2)
    directions = torch.randn(size, generator=generator, dtype=torch.float64, device=generator.device).to(a.device)
    if center:
        directions = directions - directions.mean(-1, keepdim=True)
    directions = directions / directions.norm(dim=-1, keepdim=True)
    if patches is None:
        corners = [torch.arange(side - patch_size + 1, device=a.device) for side in a.shape[-2:]]
        places = torch.cartesian_prod(*corners).T
    else:
        places = _places(a, patch_size, (1, patches), generator)[:, 0]
    projected = (directions @ _patches(x.unsqueeze(-3), places, patch_size).mT for x in (a, b))  # (B, K, N)
    return _wasserstein(*projected).mean(-1).reshape(a.shape[:-2]).to(dtype)


def gradient_distance(
    sr: Tensor | np.ndarray, hr: Tensor | np.ndarray, border: int = 4, max_value: float = 1.0
) -> Tensor:
    r"""Wasserstein distance between the gradient magnitudes of two pictures, one value per picture.

    With the differences of a pixel of luma to its right and lower neighbors, and N pixels that have both,

    $$g = \sqrt{(I_{i,j+1} - I_{i,j})^2 + (I_{i+1,j} - I_{i,j})^2}, \qquad
      W_1 = \frac1N \sum_{n=1}^N \bigl| \mathrm{sort}_n\, g^{sr} - \mathrm{sort}_n\, g^{hr} \bigr|$$

    It grows with blur, which has fewer large gradients, with noise, which has fewer small ones, and with sharpening.
    Computed in float64. Where a pixel equals both neighbors, the root has no derivative; there it counts as zero.

    Args:
        sr: (..., C, H, W) with C = 1 or 3, floats in [0, max_value]; a tensor or an array.
        hr: the truth, of the same shape.
        border: pixels cropped at each side first; the field takes the scale.
        max_value: the largest value of the range.

    Returns:
        (...), in units of intensity per pixel, the dtype and device of `sr`. Not negative, 0 for equal pictures, NaN
        where a picture holds NaN or infinity.

    Raises:
        TypeError: not a tensor or array of floats.
        ValueError: shapes differ or do not fit, a border that leaves less than 2x2 pixels, a bad range.
    """
    a, b, dtype = _lumas(sr, hr, border, max_value, smallest=2)
    return _wasserstein(_gradients(a), _gradients(b)).to(dtype)


def wavelet_distance(
    sr: Tensor | np.ndarray, hr: Tensor | np.ndarray, levels: int = 3, border: int = 4, max_value: float = 1.0
) -> Tensor:
    r"""Wasserstein distance between the Haar coefficients of two pictures, mean over the bands, one value per picture.

    The blocks of 2x2 pixels of luma become one coefficient in each of four bands,

    $$\tfrac12 (a + b + c + d), \quad \tfrac12 (a - b + c - d), \quad \tfrac12 (a + b - c - d), \quad
      \tfrac12 (a - b - c + d)$$

    the first of which is the picture of the next level. Each of the three others has its $W_1$, the mean difference of
    its sorted coefficients, and the value is their mean over all levels. Rows and columns at the bottom and right that
    fill no block of the last level are left out.

    Distances rather than ratios of energy: they are defined for a band that is empty, and they see how the coefficients
    are spread, few large ones or many small ones. For ratios there is `spectrum_gap`. It grows with blur, with noise,
    and with sharpening. The transform is orthonormal, so noise has the same standard deviation in all bands. Computed
    in float64.

    Args:
        sr: (..., C, H, W) with C = 1 or 3, floats in [0, max_value]; a tensor or an array.
        hr: the truth, of the same shape.
        levels: L; the blocks of the last are 2^L pixels wide. 3 covers what super-resolution x4 has to add.
        border: pixels cropped at each side first; the field takes the scale.
        max_value: the largest value of the range.

    Returns:
        (...), in units of intensity, the dtype and device of `sr`. Not negative, 0 for equal pictures, NaN where a
        picture holds NaN or infinity.

    Raises:
        TypeError: not a tensor or array of floats.
        ValueError: shapes differ or do not fit, `levels` not a whole number of at least 1, a border that leaves less
            than one block of the last level, a bad range.

    References:
        Mallat, "A theory for multiresolution signal decomposition: the wavelet representation", IEEE TPAMI 11(7), 1989.
    """
    _check_whole("levels", levels, 1)
    a, b, dtype = _lumas(sr, hr, border, max_value, smallest=2**levels)
    bands = zip(_haar_details(a, levels), _haar_details(b, levels), strict=True)
    distances = [_wasserstein(x.flatten(-2), y.flatten(-2)) for x, y in bands]
    return torch.stack(distances).mean(0).to(dtype)


def radial_spectrum(picture: Tensor | np.ndarray, *, window: bool = True) -> Spectrum:
    r"""Power of a picture by frequency, whatever its direction.

    $$P_r = \frac{1}{|R_r|} \sum_{f \in R_r} \frac{|F_f|^2}{HW}, \qquad
      R_r = \{ f : \mathrm{round}(N |f|) = r \}, \qquad N = \max(H, W)$$

    with F the discrete Fourier transform and f in cycles per pixel. White noise of variance $\sigma^2$ has power
    $\sigma^2$ in every ring. Rings beyond 0.5 cycles per pixel are the corners of the spectrum, which only oblique
    waves reach. Computed in float64.

    Args:
        picture: (..., H, W), floats; a tensor or an array. Any pictures: a channel, luma, a difference.
        window: weigh with a Hann window, after the mean that it sees is removed. Otherwise opposite borders, which meet
            in a Fourier transform, have an edge between them that adds power at all frequencies. The weights have mean
            square 1. Without, nothing is removed, and the sum of powers times coefficients is the sum of squares.

    Returns:
        `Spectrum` with the frequencies r / N, (R,), in cycles per pixel, and the powers, (..., R), in squared units of
        intensity, of the dtype and device of `picture`.

    Raises:
        TypeError: not a tensor or array of floats.
        ValueError: fewer than two dimensions, or an empty one; a window that is neither True nor False.
    """
    x = _floats("picture", picture)
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(f"picture has shape {tuple(x.shape)}; it must be (..., H, W), none of them zero")
    if not isinstance(window, bool):
        raise ValueError(f"window must be True or False, not {window!r}")
    dtype, (H, W) = x.dtype, x.shape[-2:]
    N = max(H, W)
    x = x.double()
    if window:
        weights = _hann(H, x.device)[:, None] * _hann(W, x.device)
        mean = (weights * x).sum((-2, -1), keepdim=True) / weights.sum()
        x = (x - mean) * weights / weights.square().mean().sqrt()
    power = torch.fft.fft2(x, norm="ortho").abs().square()
    rows, columns = (_wave_numbers(side, x.device) * N / side for side in (H, W))
    rings = (rows[:, None] ** 2 + columns**2).sqrt().round().long().flatten()
    counts = torch.bincount(rings)
    total = power.new_zeros(*x.shape[:-2], len(counts)).index_add(-1, rings, power.flatten(-2))
    frequency = torch.arange(len(counts), dtype=torch.float64, device=x.device) / N
    return Spectrum(frequency.to(dtype), (total / counts).to(dtype))


def spectrum_distance(
    sr: Tensor | np.ndarray,
    hr: Tensor | np.ndarray,
    low: float = 0.0,
    high: float = 0.5,
    border: int = 4,
    max_value: float = 1.0,
) -> Tensor:
    r"""Distance in dB between the power spectra of two pictures, one value per picture.

    With the powers $P_r$ of `radial_spectrum`, windowed, of luma, and the rings of a band,

    $$\sqrt{\frac1R \sum_r d_r^2}, \qquad d_r = 10 \log_{10} \frac{P^{sr}_r}{P^{hr}_r}$$

    A power below $\mathrm{max}^2 / (12 \cdot 255^2)$, that of rounding to 8 bits, counts as that: what an 8-bit picture
    could not hold counts as nothing, rather than as a hundred dB. It grows with blur, with noise, and with sharpening;
    it does not see phases. Computed in float64. Where it is zero, its gradient counts as zero.

    Args:
        sr: (..., C, H, W) with C = 1 or 3, floats in [0, max_value]; a tensor or an array.
        hr: the truth, of the same shape.
        low: the band's lower end in cycles per pixel, included; the mean of the picture is left out always.
        high: the band's upper end, included; 0.5 is the finest grating along rows or columns.
        border: pixels cropped at each side first; the field takes the scale.
        max_value: the largest value of the range.

    Returns:
        (...), in dB, the dtype and device of `sr`. Not negative, 0 for equal pictures, NaN where a picture holds NaN or
        infinity.

    Raises:
        TypeError: not a tensor or array of floats.
        ValueError: shapes differ or do not fit, a border that leaves less than 8x8 pixels, a band that is none or holds
            no ring, a bad range.
    """
    gaps, dtype = _gaps(sr, hr, low, high, border, max_value)
    return _root(gaps.square().mean(-1)).to(dtype)


def spectrum_gap(
    sr: Tensor | np.ndarray,
    hr: Tensor | np.ndarray,
    low: float = 0.25,
    high: float = 0.5,
    border: int = 4,
    max_value: float = 1.0,
) -> Tensor:
    r"""How many dB of power a band has more than the truth's, or less: a negative value says that details are lacking.

    $$\frac1R \sum_r 10 \log_{10} \frac{P^{sr}_r}{P^{hr}_r}$$

    over the rings of the band, with the powers of `spectrum_distance`, which is never smaller than the magnitude of
    this value for the same band. Blur lowers it, noise and sharpening raise it; so with blur and noise together it may
    be 0 where `spectrum_distance` is not. Strong blur ends at the power of rounding to 8 bits. Computed in float64.

    Args:
        sr: (..., C, H, W) with C = 1 or 3, floats in [0, max_value]; a tensor or an array.
        hr: the truth, of the same shape.
        low: the band's lower end in cycles per pixel, included. 1 / (2 scale) is where super-resolution has to invent.
        high: the band's upper end, included; 0.5 is the finest grating along rows or columns.
        border: pixels cropped at each side first; the field takes the scale.
        max_value: the largest value of the range.

    Returns:
        (...), in dB, the dtype and device of `sr`. 0 for equal pictures, NaN where a picture holds NaN or infinity.

    Raises:
        TypeError: not a tensor or array of floats.
        ValueError: shapes differ or do not fit, a border that leaves less than 8x8 pixels, a band that is none or holds
            no ring, a bad range.
    """
    gaps, dtype = _gaps(sr, hr, low, high, border, max_value)
    return gaps.mean(-1).to(dtype)


def _gaps(
    sr: Tensor | np.ndarray, hr: Tensor | np.ndarray, low: float, high: float, border: int, max_value: float
) -> tuple[Tensor, torch.dtype]:
    """SR's power over HR's in dB, for each ring of a band: (..., R), float64; and the dtype of SR."""
    for name, value in (("low", low), ("high", high)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise ValueError(f"{name} must be a frequency in cycles per pixel, at least 0 and finite, not {value!r}")
    if low > high:
        raise ValueError(f"low={low} is above high={high}; the band goes from low to high")
    a, b, dtype = _lumas(sr, hr, border, max_value, smallest=8)
    (frequency, p_sr), (_, p_hr) = radial_spectrum(a), radial_spectrum(b)
    band = (frequency >= low) & (frequency <= high) & (frequency > 0)
    if not band.any():
        raise ValueError(
            f"no frequency of this picture is between low={low} and high={high}; it has all multiples of "
            f"{frequency[1]:.4g} up to {frequency[-1]:.4g} cycles per pixel"
        )
    least = (max_value / 255) ** 2 / 12
    p_sr, p_hr = (p[..., band].clamp(min=least) for p in (p_sr, p_hr))
    return 10 * (p_sr.log10() - p_hr.log10()), dtype


def _lumas(
    sr: Tensor | np.ndarray, hr: Tensor | np.ndarray, border: int, max_value: float, smallest: int
) -> tuple[Tensor, Tensor, torch.dtype]:
    """Both pictures as luma, (..., H, W), float64, all NaN if one of the two is not finite; and the dtype of SR."""
    a, b, dtype = _prepared(sr, hr, "y", border, max_value, smallest)
    a, b = a.squeeze(-3), b.squeeze(-3)
    spoiled = ~(a.isfinite() & b.isfinite()).flatten(-2).all(-1)[..., None, None]
    return a.masked_fill(spoiled, torch.nan), b.masked_fill(spoiled, torch.nan), dtype


def _wasserstein(a: Tensor, b: Tensor) -> Tensor:
    """The distance W1 between equally many numbers, over the last dimension."""
    return (a.sort(-1).values - b.sort(-1).values).abs().mean(-1)


def _gradients(x: Tensor) -> Tensor:
    """(..., H, W) -> (..., (H - 1) * (W - 1)), the magnitudes."""
    corner = x[..., :-1, :-1]
    across, down = x[..., :-1, 1:] - corner, x[..., 1:, :-1] - corner
    flat = (across == 0) & (down == 0)
    return torch.hypot(across.masked_fill(flat, 1), down).masked_fill(flat, 0).flatten(-2)  # at the tip: no gradient


def _root(x: Tensor) -> Tensor:
    """The square root, whose gradient is taken to be zero at zero, where it has none."""
    return x.masked_fill(x == 0, 1).sqrt().masked_fill(x == 0, 0)


def _haar_details(x: Tensor, levels: int) -> list[Tensor]:
    """The three detail bands of each level, finest first."""
    haar = torch.tensor(HAAR, dtype=x.dtype, device=x.device) / 2
    H, W = (side - side % 2**levels for side in x.shape[-2:])
    x, bands = x[..., :H, :W], []
    for _ in range(levels):
        x, *details = torch.einsum("bk,...khw->...bhw", haar, pixel_unshuffle(x.unsqueeze(-3), 2)).unbind(-3)
        bands += details
    return bands


def _hann(side: int, device: torch.device) -> Tensor:
    """At the centers of pixels, so that none has weight zero."""
    centers = (torch.arange(side, dtype=torch.float64, device=device) + 0.5) / side
    return torch.sin(torch.pi * centers) ** 2


def _wave_numbers(side: int, device: torch.device) -> Tensor:
    """Waves per side, without their sign, in the order of the discrete Fourier transform."""
    i = torch.arange(side, dtype=torch.float64, device=device)
    return torch.minimum(i, side - i)


def _check_whole(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number, at least {least}, not {value!r}")
