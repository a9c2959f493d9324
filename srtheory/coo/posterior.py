"""The pictures behind one LR picture as a Gaussian law on their hyperplane, in null-space coordinates."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from srtheory.coo.entropy import cholesky, gaussian_entropy


def null_basis(matrix: Tensor) -> Tensor:
    """Return an orthonormal basis of a matrix's null space.

    Args:
        matrix: (m, n), the degradation.

    Returns:
        (n, k), its columns orthonormal, `matrix @ basis` zero; k is n less the rank. float64 on the matrix's device.

    Raises:
        TypeError: not a tensor of floats.
        ValueError: not a matrix.

    References:
        COO Eq. 7; chapter ch02_range_null_space.
    """
    if not isinstance(matrix, Tensor) or not matrix.is_floating_point():
        raise TypeError("matrix must be a tensor of floats (m, n)")
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(f"matrix has shape {tuple(matrix.shape)}; it must be (m, n), neither of them zero")
    _, values, rows = torch.linalg.svd(matrix.double(), full_matrices=True)
    rank = int((values > values[0] * max(matrix.shape) * torch.finfo(torch.float64).eps).sum())
    return rows[rank:].T.contiguous()


def expected_norm(covariance: Tensor, count: int = 1) -> Tensor:
    r"""Return the expected length of the mean of N independent draws from a centered Gaussian, exactly.

    $$E\Bigl\lVert \frac1N \sum_i \vec v_i \Bigr\rVert = \frac{1}{2\sqrt{\pi N}} \int_0^\infty
      \Bigl(1 - \prod_j (1 + 2 t \lambda_j)^{-1/2}\Bigr)\, t^{-3/2}\, dt$$

    with the eigenvalues of the covariance. If all are equal, this is
    $\sigma \sqrt{2/N}\, \Gamma(\tfrac{k+1}{2}) / \Gamma(\tfrac k2)$. It always lies between $\sqrt{2/\pi}$ and 1
    times $\sqrt{\mathrm{tr}\,\Sigma / N}$.

    Args:
        covariance: (k, k), symmetric and positive definite.
        count: N, at least one.

    Returns:
        A scalar in the unit of the draws, the dtype and device of `covariance`.

    Raises:
        TypeError: not a tensor of floats.
        ValueError: not square, not symmetric, not positive definite, more than one matrix, or a count below one.

    References:
        COO Eqs. 17 and 34-36; chapter ch04_entropy_and_the_segment_function. The paper says that the distance of Eq. 17
        falls with N; this is by how much. In Eqs. 34-36, corrected, it is what a sample adds to the constant c.
    """
    cholesky("covariance", covariance)
    if covariance.ndim != 2:
        raise ValueError(f"covariance has shape {tuple(covariance.shape)}; give one matrix (k, k)")
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"count must be a whole number of draws, at least 1, not {count!r}")
    values = torch.linalg.eigvalsh(covariance.double().cpu())
    trace, k = values.sum().item(), len(values)
    if (values[-1] - values[0]).item() <= 1e-12 * values[-1].item():
        length = math.sqrt(2 * values.mean().item()) * math.exp(math.lgamma((k + 1) / 2) - math.lgamma(k / 2))
    else:
        from scipy.integrate import quad

        scaled = (values / trace).numpy()

        def integrand(u: float) -> float:  # t = u**2 removes the singularity at zero
            return -math.expm1(-0.5 * float(np.log1p(2 * u * u * scaled).sum())) / (u * u)

        length = (quad(integrand, 0, 1, limit=200)[0] + quad(integrand, 1, math.inf, limit=200)[0]) / math.sqrt(math.pi)
        length *= math.sqrt(trace)
    return covariance.new_tensor(length / math.sqrt(count))


@dataclass(frozen=True)
class GaussianPosterior:
    r"""A Gaussian law of the pictures that share one LR picture.

    $$I_y = \mu + U z, \qquad z \sim \mathcal N(0, \Sigma), \qquad D U = 0$$

    In all n pixels the covariance $U \Sigma U^\top$ is singular; in the k = n - m null-space coordinates z it need not
    be. So entropy and density are those of z.

    Attributes:
        mean: (n,), the mean $\mu$, on the hyperplane.
        covariance: (k, k), of z; symmetric, positive definite.
        basis: (n, k), U, orthonormal columns that span the null space of the
            degradation.

    Raises:
        TypeError: not tensors of floats.
        ValueError: shapes that do not fit, a covariance that is not symmetric and positive definite, a basis that is
            not orthonormal.

    References:
        COO Eqs. 5-7; chapter ch02_range_null_space and chapter ch04_entropy_and_the_segment_function. The paper writes
        the density in all n pixels, where its determinant is zero, and takes the mean to be the least-norm point; here
        the mean is free.
    """

    mean: Tensor
    covariance: Tensor
    basis: Tensor

    def __post_init__(self) -> None:
        cholesky("covariance", self.covariance)
        for name, x in (("mean", self.mean), ("basis", self.basis)):
            if not isinstance(x, Tensor) or not x.is_floating_point():
                raise TypeError(f"{name} must be a tensor of floats")
        k = self.covariance.shape[-1]
        if self.covariance.ndim != 2 or self.mean.ndim != 1 or self.basis.shape != (self.mean.shape[0], k):
            raise ValueError(
                f"mean {tuple(self.mean.shape)}, covariance {tuple(self.covariance.shape)} and basis "
                f"{tuple(self.basis.shape)} do not fit: they must be (n,), (k, k) and (n, k)"
            )
        gram = self.basis.mT @ self.basis
        if not torch.allclose(gram, torch.eye(k, dtype=gram.dtype, device=gram.device), atol=1e-5):
            raise ValueError("basis must have orthonormal columns; null_basis(matrix) makes one")

    @classmethod
    def condition(cls, matrix: Tensor, lr: Tensor, mean: Tensor, covariance: Tensor) -> "GaussianPosterior":
        r"""Condition a Gaussian law of pictures on the LR picture, known exactly.

        $$\mu = m + S D^\top (D S D^\top)^{-1} (I_x - D m), \qquad
          \Sigma = (U^\top S^{-1} U)^{-1}$$

        Args:
            matrix: (m, n), the degradation D, of full row rank.
            lr: (m,), the LR picture.
            mean: (n,), of the prior.
            covariance: (n, n), S, of the prior; symmetric, positive definite.

        Returns:
            The posterior, float64. Its covariance does not depend on the LR picture.

        Raises:
            TypeError: not tensors of floats.
            ValueError: shapes that do not fit, or a prior covariance that is not positive definite.
        """
        cholesky("covariance", covariance)
        basis = null_basis(matrix)
        if mean.shape != matrix.shape[1:] or lr.shape != matrix.shape[:1] or covariance.shape != 2 * matrix.shape[1:]:
            raise ValueError(
                f"matrix {tuple(matrix.shape)}, lr {tuple(lr.shape)}, mean {tuple(mean.shape)} and covariance "
                f"{tuple(covariance.shape)} do not fit: they must be (m, n), (m,), (n,) and (n, n)"
            )
        D, S, m, x = (t.double() for t in (matrix, covariance, mean, lr))
        seen = D @ S @ D.mT
        gain = torch.linalg.solve(seen, D @ S).mT  # (n, m)
        inside = basis.mT @ (S - gain @ D @ S) @ basis
        return cls(m + gain @ (x - D @ m), (inside + inside.mT) / 2, basis)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw pictures.

        Args:
            count: how many.
            generator: the source of chance; without one the global source of torch.

        Returns:
            (count, n), every one with the same LR picture.
        """
        draws = torch.randn(
            count, self.covariance.shape[0], generator=generator, dtype=self.mean.dtype, device=self.mean.device
        )
        factor = cholesky("covariance", self.covariance).to(self.mean.dtype)
        return self.mean + draws @ factor.mT @ self.basis.mT.to(self.mean.dtype)

    def entropy(self) -> Tensor:
        """Return the differential entropy of the k null-space coordinates, in nats; see `gaussian_entropy`."""
        return gaussian_entropy(self.covariance)

    def trace(self) -> Tensor:
        """Return the expected squared distance of a draw from the mean, COO Eq. 31: the trace of the covariance."""
        return self.covariance.diagonal().sum()

    def expected_norm(self, count: int = 1) -> Tensor:
        """Return the expected distance of the mean of `count` draws from the law's mean; see the function."""
        return expected_norm(self.covariance, count)
