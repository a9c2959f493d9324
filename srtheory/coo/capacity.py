"""The toy of the paper's Appendix D: two Gaussian classes with known Bayes error, and small networks that part them."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from srtheory.coo.entropy import cholesky

TAIL = 9.0  # standard deviations; beyond them a Gaussian holds 2e-19


@dataclass(frozen=True)
class TwoGaussians:
    r"""Two classes of points in the plane, equally frequent, each Gaussian.

    $$p(x|y=0) = \mathcal N(\mu_0, \Sigma_0), \qquad p(x|y=1) = \mathcal N(\mu_1, \Sigma_1)$$

    The set where both classes are equally likely, the Bayes boundary, is a conic: a line if the covariances are equal,
    an ellipse if one class is broader in every direction, a hyperbola if the classes are crossed.

    Attributes:
        means: (2, 2), one row for each class.
        covariances: (2, 2, 2), symmetric, positive definite.

    Raises:
        TypeError: not tensors of floats.
        ValueError: other shapes, means that are not finite, or covariances that are not symmetric and positive
            definite.

    References:
        COO Eq. 56; chapter ch07_capacity. The paper prints no means, covariances or shares of the classes; here the
        shares are equal.
    """

    means: Tensor
    covariances: Tensor

    def __post_init__(self) -> None:
        cholesky("covariances", self.covariances)
        if not isinstance(self.means, Tensor) or not self.means.is_floating_point():
            raise TypeError("means must be a tensor of floats (2, 2)")
        if self.means.shape != (2, 2) or self.covariances.shape != (2, 2, 2):
            raise ValueError(
                f"means {tuple(self.means.shape)} and covariances {tuple(self.covariances.shape)} must be (2, 2) and "
                "(2, 2, 2): two classes of points in the plane"
            )
        if not bool(self.means.isfinite().all()):
            raise ValueError("means must be finite")

    def sample(self, count: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Draw labeled points.

        Args:
            count: how many; every point has its class drawn first.
            generator: the source of chance; without one the global source of torch.

        Returns:
            Points (count, 2), and labels (count,), zeros and ones of the same dtype.
        """
        options = {"dtype": self.means.dtype, "device": self.means.device}
        labels = torch.randint(2, (count,), generator=generator, device=self.means.device)
        draws = torch.randn(count, 2, generator=generator, **options)  # type: ignore[call-overload]
        factors = cholesky("covariances", self.covariances).to(self.means.dtype)
        points = self.means[labels] + (factors[labels] @ draws[..., None])[..., 0]
        return points, labels.to(self.means.dtype)

    def log_densities(self, x: Tensor) -> Tensor:
        """Return the logarithm of each class's density at points (..., 2), as (..., 2), in nats."""
        factors = cholesky("covariances", self.covariances).to(x.dtype)
        gaps = (x[..., None, :] - self.means.to(x.dtype))[..., None]  # (..., 2, 2, 1)
        white = torch.linalg.solve_triangular(factors, gaps, upper=False)[..., 0]
        log_determinants = 2 * factors.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return -0.5 * (white.square().sum(-1) + log_determinants) - math.log(2 * math.pi)

    def log_odds(self, x: Tensor) -> Tensor:
        r"""Return $\log p(y=1|x) - \log p(y=0|x)$ at points (..., 2), as (...): zero on the Bayes boundary."""
        zero, one = self.log_densities(x).unbind(-1)
        return one - zero

    def grid(self, side: int = 400) -> tuple[Tensor, Tensor]:
        """Return a grid with the share of each class in its cells, to measure a classifier against the law itself.

        Args:
            side: points to a side; at least 2. They reach nine standard deviations beyond each mean.

        Returns:
            Points (side * side, 2), and shares (side * side, 2), the probability that a draw falls in the cell and has
            label 0, and likewise 1; together one. Sums over smooth functions are exact to many digits, error rates,
            which jump, to about 1e-4.
        """
        if isinstance(side, bool) or not isinstance(side, int) or side < 2:
            raise ValueError(f"side must be a whole number of points, at least 2, not {side!r}")
        reach = TAIL * self.covariances.diagonal(dim1=-2, dim2=-1).sqrt()  # (2, 2)
        low, high = (self.means - reach).amin(0), (self.means + reach).amax(0)
        steps = (torch.arange(side, dtype=self.means.dtype, device=self.means.device) + 0.5) / side
        axes = low + (high - low) * steps[:, None]  # (side, 2)
        x = torch.cartesian_prod(axes[:, 0], axes[:, 1])
        shares = self.log_densities(x).exp() / 2
        return x, shares / shares.sum(0) / 2

    def line_error(self, normal: Tensor, offset: Tensor) -> Tensor:
        r"""Return the error of the classifier that says 1 where $n^\top x + b > 0$, in closed form.

        $$\frac12 \Phi\Bigl(\frac{n^\top \mu_0 + b}{\sqrt{n^\top \Sigma_0 n}}\Bigr)
          + \frac12 \Phi\Bigl(-\frac{n^\top \mu_1 + b}{\sqrt{n^\top \Sigma_1 n}}\Bigr)$$

        A network of one hidden sigmoid is such a classifier, however it is trained.

        Args:
            normal: (..., 2), n, not zero.
            offset: (...), b.

        Returns:
            (...), between 0 and 1.
        """
        center = normal @ self.means.mT + offset[..., None]  # (..., 2)
        width = torch.einsum("...i,cij,...j->...c", normal, self.covariances, normal).sqrt()
        zero, one = torch.special.ndtr(center / width).unbind(-1)
        return (zero + 1 - one) / 2

    def bayes_error(self) -> float:
        r"""Return the least error that any classifier can have, to about 1e-9.

        $$\frac12 \int \min\bigl(p(x|y=0),\, p(x|y=1)\bigr)\, dx$$

        In coordinates where class 0 is standard and class 1 has a diagonal covariance, the log odds are a quadratic
        polynomial of the second coordinate, whose roots bound the inner integral; the outer one is adaptive quadrature,
        cut where the roots appear or vanish.
        """
        from scipy.integrate import quad
        from scipy.special import ndtr

        means, covariances = self.means.double().cpu(), self.covariances.double().cpu()
        factor = torch.linalg.cholesky(covariances[0])
        half = torch.linalg.solve_triangular(factor, covariances[1], upper=False)
        inner = torch.linalg.solve_triangular(factor, half.mT, upper=False)
        values, vectors = torch.linalg.eigh((inner + inner.mT) / 2)
        gap = torch.linalg.solve_triangular(factor, (means[1] - means[0])[:, None], upper=False)
        (m1, m2), (s1, s2) = (vectors.mT @ gap)[:, 0].tolist(), values.sqrt().tolist()

        def coefficients(u: float) -> tuple[float, float, float]:
            """Log odds at (u, w) as a w^2 + b w + c."""
            a, b = 0.5 - 0.5 / s2**2, m2 / s2**2
            return a, b, 0.5 * u * u - 0.5 * ((u - m1) / s1) ** 2 - 0.5 * (m2 / s2) ** 2 - math.log(s1 * s2)

        def inside(u: float) -> float:
            """Density of u together with the wrong class, both classes, times the root of 2 pi."""
            a, b, c = coefficients(u)
            if abs(a) < 1e-12:
                roots = [] if b == 0 else [-c / b]
            else:
                under = b * b - 4 * a * c
                q = -0.5 * (b + math.copysign(math.sqrt(max(under, 0.0)), b))
                roots = sorted((q / a, c / q)) if under > 0 and q != 0 else []
            edges = [-math.inf, *roots, math.inf]
            zero = one = 0.0  # of each class, where the other is likelier
            for left, right in itertools.pairwise(edges):
                w = _between(left, right)
                if (a * w + b) * w + c > 0:
                    zero += ndtr(right) - ndtr(left)
                else:
                    one += ndtr((right - m2) / s2) - ndtr((left - m2) / s2)
            return zero * math.exp(-0.5 * u * u) + one * math.exp(-0.5 * ((u - m1) / s1) ** 2) / s1

        marks = [k * s + m for m, s in ((0.0, 1.0), (m1, s1)) for k in (-TAIL, -3.0, 0.0, 3.0, TAIL)]
        low, high = min(marks), max(marks)
        a, b, c = coefficients(0.0)
        for quadratic in (
            (0.5 - 0.5 / s1**2, m1 / s1**2, c),
            (
                -4 * a * (0.5 - 0.5 / s1**2),
                -4 * a * m1 / s1**2,
                b * b - 4 * a * c,
            ),
        ):  # where c = 0 and where b^2 = 4 a c: there the roots change their number
            marks += [root.real for root in np.roots(quadratic) if abs(root.imag) < 1e-9]
        cuts = sorted({mark for mark in marks if low <= mark <= high})
        pieces = (
            quad(inside, left, right, epsabs=1e-12, epsrel=1e-10, limit=200)[0]
            for left, right in itertools.pairwise(cuts)
        )
        return float(sum(pieces) / (2 * math.sqrt(2 * math.pi)))


@dataclass(frozen=True)
class MLP:
    r"""Networks of one hidden layer for points of d coordinates, S of them side by side.

    $$p(y=1|x) = \sigma\Bigl(c + \sum_{j=1}^n v_j\, \sigma(w_j^\top x + b_j)\Bigr), \qquad
      \sigma(t) = \frac{1}{1 + e^{-t}}$$

    Attributes:
        parameters: (S, (d + 2) n + 1): w, b, v and c of each network, in this order. In the plane 4n + 1 numbers.
        units: n.

    References:
        COO Eq. 56 and the lines after it; chapter ch07_capacity.
    """

    parameters: Tensor
    units: int

    @property
    def size(self) -> int:
        """The number of parameters of one network."""
        return self.parameters.shape[-1]

    def logits(self, x: Tensor) -> Tensor:
        """Return the log odds that the networks see at points (N, d), or (S, N, d) with points for each, as (S, N)."""
        return self._forward(x)[0]

    def log_loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return the mean cross-entropy in nats, (S,), at points (N, d) or (S, N, d) with labels (N,) or (S, N)."""
        logits = self.logits(x)
        return binary_cross_entropy_with_logits(logits, labels.expand_as(logits), reduction="none").mean(-1)

    def _forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        n = self.units
        d = (self.size - 1) // n - 2
        w, b, v, c = torch.tensor_split(self.parameters, (n * d, n * d + n, n * d + 2 * n), dim=-1)
        hidden = torch.sigmoid(x @ w.reshape(-1, n, d).mT + b[:, None, :])  # (S, N, n)
        return (hidden @ v[..., None])[..., 0] + c, hidden, v

    def jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits (S, N) and their derivatives with respect to the parameters, (S, N, P)."""
        logits, hidden, v = self._forward(x)
        slope = v[:, None, :] * hidden * (1 - hidden)
        x = x.expand(len(self.parameters), -1, -1)
        weights = (slope[..., None] * x[..., None, :]).flatten(-2)
        return logits, torch.cat([weights, slope, hidden, torch.ones_like(hidden[..., :1])], dim=-1)


def fit_mlp(
    x: Tensor,
    labels: Tensor,
    units: int,
    generator: torch.Generator | None = None,
    restarts: int = 8,
    steps: int = 100,
    decay: float = 1e-4,
    watch: Callable[[int, MLP], None] | None = None,
) -> MLP:
    r"""Fit one network of Appendix D to each of S training sets, all at once.

    $$\frac1N \sum_i \log\bigl(1 + e^{-(2 y_i - 1) f(x_i)}\bigr) + \frac{\lambda}{2} \lVert \theta \rVert^2$$

    over full batches in float64, by damped Gauss-Newton steps: $(J^\top W J / N + (\lambda + \rho) I)\, \delta = -g$
    with $W = p (1 - p)$. A step that does not lower the objective is not taken, and $\rho$ grows tenfold; after one
    that does it falls to a tenth. Each network starts anew `restarts` times, because with two units or more there are
    bad local minima; the start that ends lowest is kept.

    Args:
        x: (S, N, d) points, or (N, d) for one training set.
        labels: (S, N) or (N,), zeros and ones.
        units: n, hidden units, at least one.
        generator: the source of the starts; without one the global source of torch.
        restarts: starts of each network, at least one.
        steps: of each start, at least zero.
        decay: $\lambda$, not negative. Zero lets the weights of separable data grow until the steps end.
        watch: called with the number of steps taken and the best networks so far, before the first step and after each.

    Returns:
        S networks, float64, on the device of `x`.

    Raises:
        TypeError: not tensors of floats.
        ValueError: shapes that do not fit, points that are not finite, labels other than zero and one, or numbers out
            of range.

    References:
        COO Eq. 56; chapter ch07_capacity. The paper names no optimizer, sample size or number of steps.
    """
    x, labels = _checked(x, labels)
    for name, value, least in (("units", units, 1), ("restarts", restarts, 1), ("steps", steps, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name} must be a whole number, at least {least}, not {value!r}")
    if not 0 <= decay < math.inf:
        raise ValueError(f"decay must not be negative, and finite, not {decay!r}")
    S, N, d = x.shape
    P = (d + 2) * units + 1
    start = torch.randn(S * restarts, P, generator=generator, dtype=torch.float64, device=x.device)
    start[:, : (d + 1) * units] *= 2  # hidden units that differ, and bend within the data
    points, targets = x.repeat_interleave(restarts, 0), labels.repeat_interleave(restarts, 0)
    networks = MLP(start, units)
    identity = torch.eye(P, dtype=torch.float64, device=x.device)
    damping = torch.ones(S * restarts, dtype=torch.float64, device=x.device)

    def objective(networks: MLP) -> Tensor:
        return networks.log_loss(points, targets) + decay / 2 * networks.parameters.square().sum(-1)

    def best(networks: MLP, losses: Tensor) -> MLP:
        chosen = losses.reshape(S, restarts).argmin(-1) + torch.arange(S, device=x.device) * restarts
        return MLP(networks.parameters[chosen], units)

    losses = objective(networks)
    for step in range(steps + 1):
        if watch:
            watch(step, best(networks, losses))
        if step == steps:
            break
        logits, J = networks.jacobian(points)
        p = torch.sigmoid(logits)
        slope = ((p - targets)[:, None] @ J)[:, 0] / N + decay * networks.parameters
        curvature = (J * (p * (1 - p) / N)[..., None]).mT @ J
        damped = curvature + (decay + damping)[:, None, None] * identity
        tried = MLP(networks.parameters - torch.linalg.solve(damped, slope), units)
        new = objective(tried)
        better = new < losses
        networks = MLP(torch.where(better[:, None], tried.parameters, networks.parameters), units)
        losses = torch.where(better, new, losses)
        damping = torch.where(better, damping / 10, damping * 10).clamp(1e-9, 1e9)
    return best(networks, losses)


def _between(left: float, right: float) -> float:
    """Return a number between two, of which either may be infinite."""
    if math.isinf(left):
        return right - 1 if math.isfinite(right) else 0.0
    return left + 1 if math.isinf(right) else (left + right) / 2


def _checked(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    for name, given in (("x", x), ("labels", labels)):
        if not isinstance(given, Tensor) or not given.is_floating_point():
            raise TypeError(f"{name} must be a tensor of floats")
    if x.ndim not in (2, 3) or 0 in x.shape or labels.shape != x.shape[:-1]:
        raise ValueError(
            f"x {tuple(x.shape)} and labels {tuple(labels.shape)} do not fit: they must be (S, N, d) and (S, N), "
            "or (N, d) and (N,)"
        )
    if not bool(x.isfinite().all()):
        raise ValueError("x must be finite")
    if not bool(((labels == 0) | (labels == 1)).all()):
        raise ValueError("labels must be zeros and ones")
    x, labels = x.double(), labels.double()
    return (x, labels) if x.ndim == 3 else (x[None], labels[None])
