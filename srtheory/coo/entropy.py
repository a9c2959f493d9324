"""Entropies in nats, and the paper's segment function, as printed and as corrected."""

import math

import torch
from torch import Tensor

from srtheory.coo.centers import check_weights

READINGS = ("corrected", "printed")


def discrete_entropy(weights: Tensor) -> Tensor:
    r"""Entropy of a weighted set of points, in nats.

    $$H(P) = -\sum_i p_i \log p_i$$

    A weight of zero adds nothing. The largest value for N points is log N, at equal weights (COO Eq. 13). Where the
    points lie does not enter.

    Args:
        weights: (..., N), not negative, summing to one.

    Returns:
        (...), the dtype and device of `weights`.

    Raises:
        TypeError: not a tensor of floats.
        ValueError: no weight, negative ones, or a sum that is not one.

    References:
        COO Eqs. 8, 13; chapter ch04_entropy_and_the_segment_function.
    """
    check_weights(weights)
    return torch.special.entr(weights.double()).sum(-1).to(weights.dtype)


def gaussian_entropy(covariance: Tensor, reading: str = "corrected") -> Tensor:
    r"""Differential entropy of a Gaussian law, in nats.

    $$H = \frac{k}{2}(\log 2\pi + 1) + \frac12 \log|\Sigma|$$

    The unit of the coordinates enters: intensities in [0, 255] instead of [0, 1] add k log 255.

    Args:
        covariance: (..., k, k), symmetric and positive definite, in the square of the coordinates' unit. On the
            hyperplane of pictures with one LR picture take null-space coordinates, k = n - m: in all n coordinates the
            covariance is singular and the entropy minus infinity.
        reading: "corrected" as above, or "printed": the papers' last term, half of the determinant, without the
            logarithm.

    Returns:
        (...), the dtype and device of `covariance`.

    Raises:
        TypeError: not a tensor of floats.
        ValueError: not square, not symmetric, not positive definite, or an unknown reading.

    References:
        COO Eqs. 20-21, 23 and 26; chapter ch04_entropy_and_the_segment_function and chapter
        ch05_entropy_and_distance.
    """
    if reading not in READINGS:
        raise ValueError(f"reading must be one of {', '.join(map(repr, READINGS))}, not {reading!r}")
    factor = cholesky("covariance", covariance)
    k = covariance.shape[-1]
    log_determinant = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    last = log_determinant if reading == "corrected" else log_determinant.exp()
    return (k / 2 * (math.log(2 * math.pi) + 1) + last / 2).to(covariance.dtype)


def entropy_power_bound(entropy: Tensor, dimensions: int) -> Tensor:
    r"""Return the least mean squared distance from the mean that a law of this entropy can have.

    $$\mathrm{tr}\,\Sigma \ge \frac{k}{2 \pi e} \exp\Bigl(\frac{2 H}{k}\Bigr)$$

    Equality for a Gaussian law with the same variance in every direction, and for no other law. There is no bound from
    above: to split a law in two copies adds at most log 2 to its entropy, however far apart they are.

    Args:
        entropy: (...), H in nats, of a density in k coordinates.
        dimensions: k, at least one; n - m for the pictures with one LR picture.

    Returns:
        (...), in the square of the coordinates' unit, the dtype and device of `entropy`.

    Raises:
        TypeError: not a tensor of floats.
        ValueError: fewer than one dimension, or an entropy that is not a number.

    References:
        COO Eqs. 26 and 28-31; chapter ch05_entropy_and_distance. Theorem 2 says that the distance grows with entropy;
        this floor under the distance does.
    """
    if not isinstance(entropy, Tensor) or not entropy.is_floating_point():
        raise TypeError("entropy must be a tensor of floats, in nats")
    if isinstance(dimensions, bool) or not isinstance(dimensions, int) or dimensions < 1:
        raise ValueError(f"dimensions must be a whole number of coordinates, at least 1, not {dimensions!r}")
    if bool(entropy.isnan().any()):
        raise ValueError("entropy holds values that are not a number")
    exact = entropy.double()
    return (dimensions / (2 * math.pi * math.e) * (2 * exact / dimensions).exp()).to(entropy.dtype)


def segment_function(vectors: Tensor, threshold: int, reading: str = "corrected") -> tuple[Tensor, Tensor]:
    r"""Distance L of the center from the least-norm point, and entropy H, by the paper's two cases.

    $$L = \frac1N \Bigl\lVert \sum_i \vec v_i \Bigr\rVert, \quad H = \log N \qquad (N < \Theta)$$

    $$L = \lVert E(\vec v) \rVert, \quad H = \frac{k}{2}(\log 2\pi + 1) + \frac12 \log|\Sigma| \qquad (N \ge \Theta)$$

    The expectation and the covariance of the second case are estimated from the same vectors. The first entropy is that
    of N points, the second that of a density: they are different quantities, and the jump between them depends on the
    unit.

    Args:
        vectors: (N, k), the null-space vectors, in null-space coordinates.
        threshold: the paper's constant, a positive number of vectors.
        reading: of the last term, as in `gaussian_entropy`.

    Returns:
        L in the unit of `vectors`, and H in nats; the dtype and device of `vectors`.

    Raises:
        TypeError: not a tensor of floats.
        ValueError: no vector, a threshold below one, or, in the second case, too few vectors for a covariance.

    References:
        COO Eqs. 22-23; chapter ch04_entropy_and_the_segment_function.
    """
    if not isinstance(vectors, Tensor) or not vectors.is_floating_point():
        raise TypeError("vectors must be a tensor of floats (N, k)")
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise ValueError(f"vectors has shape {tuple(vectors.shape)}; it must be (N, k), neither of them zero")
    if not threshold >= 1:
        raise ValueError(f"threshold must be at least 1, not {threshold!r}")
    count, k = vectors.shape
    distance = vectors.mean(0).norm()
    if count < threshold:
        return distance, vectors.new_tensor(math.log(count))  # COO Eq. 22
    if count <= k:
        raise ValueError(
            f"{count} vectors of {k} coordinates have a singular covariance; give more than {k}, or fewer coordinates"
        )
    return distance, gaussian_entropy(vectors.T.cov(), reading)  # COO Eq. 23


def cholesky(name: str, covariance: Tensor) -> Tensor:
    """Factor a covariance in float64, or say what is wrong with it."""
    if not isinstance(covariance, Tensor) or not covariance.is_floating_point():
        raise TypeError(f"{name} must be a tensor of floats (..., k, k)")
    if covariance.ndim < 2 or covariance.shape[-1] != covariance.shape[-2] or covariance.shape[-1] == 0:
        raise ValueError(f"{name} has shape {tuple(covariance.shape)}; it must be (..., k, k), k at least 1")
    exact = covariance.double()
    tolerance = 10 * covariance.shape[-1] * torch.finfo(covariance.dtype).eps * exact.abs().amax()
    if not bool(((exact - exact.mT).abs() <= tolerance).all()):
        raise ValueError(f"{name} is not symmetric, or not finite; take (S + S.mT) / 2 if it should be")
    factor, failed = torch.linalg.cholesky_ex((exact + exact.mT) / 2)
    smallest = factor.diagonal(dim1=-2, dim2=-1).amin(-1).square()
    if bool(failed.any()) or bool((smallest <= covariance.shape[-1] * 1e-15 * exact.abs().amax()).any()):
        raise ValueError(
            f"{name} is not positive definite: its determinant is zero or negative, and the entropy minus infinity. "
            "For pictures that share an LR picture use null-space coordinates (GaussianPosterior does)"
        )
    return factor
