"""Two Gaussian classes against closed forms, scipy and simulation; their networks against slow transcriptions."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from srtheory.coo import MLP, TwoGaussians, fit_mlp


def exact(values):
    return torch.tensor(values, dtype=torch.float64)


def random_law(seed):
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(2, 2, 4, generator=generator, dtype=torch.float64)
    return TwoGaussians(2 * torch.randn(2, 2, generator=generator, dtype=torch.float64), root @ root.mT / 2)


CLOSED = TwoGaussians(exact([[0, 0], [0.5, 0.5]]), exact([[[0.4, 0.1], [0.1, 0.3]], [[4, -0.5], [-0.5, 3]]]))
RINGS = TwoGaussians(torch.zeros(2, 2, dtype=torch.float64), torch.stack([exact([[1, 0], [0, 1]]) * s for s in (1, 9)]))
HALF = TwoGaussians(exact([[0, 0], [3, 0]]), torch.stack([exact([1, 1]).diag(), exact([4, 1]).diag()]))
SPLIT = TwoGaussians(torch.zeros(2, 2, dtype=torch.float64), torch.stack([exact([1, 1]).diag(), exact([16, 1]).diag()]))
SAME = TwoGaussians(torch.zeros(2, 2, dtype=torch.float64), exact([1, 2]).diag().expand(2, 2, 2))
LAWS = {"closed": CLOSED, "rings": RINGS, "half": HALF, "split": SPLIT, "same": SAME}
LAWS |= {f"random {seed}": random_law(seed) for seed in range(6)}
each_law = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)


def wrong_share(logits, shares):
    return (shares[:, 0] * (logits > 0) + shares[:, 1] * (logits <= 0)).sum(-1)


@each_law
def test_log_odds_against_scipy(law):
    x = 3 * torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    zero, one = (
        torch.from_numpy(multivariate_normal(mean.numpy(), covariance.numpy()).logpdf(x.numpy()))
        for mean, covariance in zip(law.means, law.covariances, strict=True)
    )
    assert torch.allclose(law.log_densities(x), torch.stack([zero, one], -1))
    assert torch.allclose(law.log_odds(x), one - zero)


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_bayes_error_of_equal_covariances_is_closed(seed):
    law = random_law(seed)
    law = TwoGaussians(law.means, law.covariances[:1].expand(2, 2, 2))
    gap = law.means[1] - law.means[0]
    d = math.sqrt(gap @ torch.linalg.solve(law.covariances[0], gap))
    assert law.bayes_error() == pytest.approx(norm.cdf(-d / 2), abs=1e-9)


def test_bayes_error_of_concentric_circles_is_closed():
    """|x|^2 is exponential in each class; the boundary is a circle of known radius."""
    square = math.log(9) / (0.5 - 0.5 / 9)
    assert RINGS.bayes_error() == pytest.approx((math.exp(-square / 2) + 1 - math.exp(-square / 18)) / 2, abs=1e-9)


def test_bayes_error_that_depends_on_one_coordinate_only():
    edge = math.sqrt(2 * math.log(4) / (1 - 1 / 16))
    assert SPLIT.bayes_error() == pytest.approx((2 * norm.cdf(-edge) + norm.cdf(edge / 4) * 2 - 1) / 2, abs=1e-9)
    assert SAME.bayes_error() == pytest.approx(0.5, abs=1e-9)


@each_law
def test_bayes_error_against_simulation_and_the_grid(law):
    count = 400_000
    x, labels = law.sample(count, torch.Generator().manual_seed(1))
    error = ((law.log_odds(x) > 0) != (labels == 1)).double().mean().item()
    exact_error = law.bayes_error()
    assert abs(error - exact_error) < 4 * math.sqrt(exact_error * (1 - exact_error) / count)
    points, shares = law.grid(600)
    assert shares.sum(0).tolist() == pytest.approx([0.5, 0.5])
    assert wrong_share(law.log_odds(points), shares).item() == pytest.approx(exact_error, abs=1e-3)


@each_law
def test_bayes_error_is_invariant_and_below_every_line(law):
    """The same in other coordinates and with the classes swapped; no line is better."""
    turn = exact([[2.0, 0.7], [-0.4, 0.5]])
    moved = TwoGaussians(law.means @ turn.T + 3, turn @ law.covariances @ turn.T)
    swapped = TwoGaussians(law.means.flip(0), law.covariances.flip(0))
    assert moved.bayes_error() == pytest.approx(law.bayes_error(), abs=1e-8)
    assert swapped.bayes_error() == pytest.approx(law.bayes_error(), abs=1e-8)
    generator = torch.Generator().manual_seed(2)
    normals = torch.randn(500, 2, generator=generator, dtype=torch.float64)
    offsets = 2 * torch.randn(500, generator=generator, dtype=torch.float64)
    assert law.line_error(normals, offsets).min() >= law.bayes_error() - 1e-9


@each_law
def test_line_error_against_simulation(law):
    count, normal, offset = 200_000, exact([0.6, -1.1]), exact(0.4)
    x, labels = law.sample(count, torch.Generator().manual_seed(3))
    wrong = ((x @ normal + offset > 0) != (labels == 1)).double().mean().item()
    exact_error = law.line_error(normal, offset).item()
    assert abs(wrong - exact_error) < 4 * math.sqrt(exact_error * (1 - exact_error) / count)


def test_samples_have_the_moments_and_repeat():
    x, labels = CLOSED.sample(200_000, torch.Generator().manual_seed(0))
    for label in (0, 1):
        own = x[labels == label]
        assert len(own) == pytest.approx(100_000, rel=0.02)
        assert torch.allclose(own.mean(0), CLOSED.means[label], atol=0.03)
        assert torch.allclose(own.T.cov(), CLOSED.covariances[label], atol=0.06)
    assert torch.equal(x, CLOSED.sample(200_000, torch.Generator().manual_seed(0))[0])


def slow_loss(parameters, x, labels, n, d):
    """The classifier of Appendix D in scalars: w, b, v, c in this order."""
    w, b, v, c = parameters[: n * d], parameters[n * d : n * d + n], parameters[-n - 1 : -1], parameters[-1]
    total = 0.0
    for point, label in zip(x.tolist(), labels.tolist(), strict=True):
        hidden = [1 / (1 + (-(b[j] + sum(w[j * d + k] * point[k] for k in range(d)))).exp()) for j in range(n)]
        p = 1 / (1 + (-(c + sum(v[j] * hidden[j] for j in range(n)))).exp())
        total = total - (label * p.log() + (1 - label) * (1 - p).log())
    return total / len(x)


@pytest.mark.parametrize(("units", "d"), [(1, 2), (2, 2), (8, 2), (3, 5)])
def test_log_loss_and_jacobian_against_a_slow_transcription(units, d):
    generator = torch.Generator().manual_seed(units)
    parameters = torch.randn(2, (d + 2) * units + 1, generator=generator, dtype=torch.float64)
    x = torch.randn(2, 7, d, generator=generator, dtype=torch.float64)
    labels = torch.randint(2, (2, 7), generator=generator).double()
    network = MLP(parameters, units)
    logits, jacobian = network.jacobian(x)
    assert torch.equal(logits, network.logits(x))
    for s in range(2):
        own = parameters[s].clone().requires_grad_()
        loss = slow_loss(own, x[s], labels[s], units, d)
        assert network.log_loss(x, labels)[s].item() == pytest.approx(loss.item(), abs=1e-12)
        (slope,) = torch.autograd.grad(loss, own)
        by_jacobian = (torch.sigmoid(logits[s]) - labels[s]) @ jacobian[s] / 7
        assert torch.allclose(by_jacobian, slope, atol=1e-12)
        assert torch.allclose(network.log_loss(x[s], labels[s])[s], loss)


@pytest.mark.parametrize(("units", "count"), [(1, 5), (2, 9), (8, 33)])
def test_parameters_are_those_of_appendix_d(units, count):
    x, labels = CLOSED.sample(30, torch.Generator().manual_seed(0))
    assert fit_mlp(x, labels, units, torch.Generator().manual_seed(0), steps=0).size == count


@pytest.mark.parametrize("units", [1, 2, 8])
def test_a_fit_ends_where_the_slope_of_its_objective_is_zero(units):
    x, labels = CLOSED.sample(300, torch.Generator().manual_seed(0))
    fitted = fit_mlp(x, labels, units, torch.Generator().manual_seed(0), restarts=4, steps=400, decay=1e-2)
    own = fitted.parameters.clone().requires_grad_()
    (MLP(own, units).log_loss(x, labels) + 0.5e-2 * own.square().sum(-1)).sum().backward()
    assert own.grad.abs().max() < 1e-5


def test_one_unit_finds_logistic_regression_of_a_line():
    """On equal covariances one unit comes as close to the Bayes error as a thousand points allow."""
    law = TwoGaussians(exact([[-1, 0], [1, 0.5]]), exact([1, 1]).diag().expand(2, 2, 2))
    x, labels = law.sample(2000, torch.Generator().manual_seed(0))
    fitted = fit_mlp(x, labels, 1, torch.Generator().manual_seed(0))
    points, shares = law.grid()
    assert wrong_share(fitted.logits(points), shares).item() == pytest.approx(law.bayes_error(), abs=0.01)


def test_one_unit_is_no_better_than_the_best_line_and_eight_are():
    angles = torch.linspace(0, 2 * math.pi, 181, dtype=torch.float64)
    normals = torch.stack([angles.cos(), angles.sin()], -1)[:, None].expand(-1, 301, -1)
    best = CLOSED.line_error(normals, torch.linspace(-6, 6, 301, dtype=torch.float64).expand(181, -1)).min()
    sets = [CLOSED.sample(1000, torch.Generator().manual_seed(seed)) for seed in range(3)]
    x, labels = (torch.stack(parts) for parts in zip(*sets, strict=True))
    points, shares = CLOSED.grid()
    one, eight = (
        wrong_share(fit_mlp(x, labels, n, torch.Generator().manual_seed(0), steps=60).logits(points), shares)
        for n in (1, 8)
    )
    assert one.min() > best - 1e-3
    assert eight.max() < CLOSED.bayes_error() + 0.02


def test_two_units_never_enclose_a_region():
    """Nowhere in a large square is the output higher, or lower, than everywhere on its border."""
    generator = torch.Generator().manual_seed(0)
    networks = MLP(3 * torch.randn(200, 9, generator=generator, dtype=torch.float64), 2)
    axis = torch.linspace(-200, 200, 201, dtype=torch.float64)
    square = torch.cartesian_prod(axis, axis)
    border = square.abs().amax(1) == 200
    logits = networks.logits(square)
    assert (logits[:, border].amax(1) >= logits.amax(1) - 0.02 * logits.abs().amax(1)).all()
    assert (logits[:, border].amin(1) <= logits.amin(1) + 0.02 * logits.abs().amax(1)).all()


def test_fits_side_by_side_are_fits_of_each():
    """Three copies of a set with two starts each are one set with six; another set beside it changes nothing."""
    x, labels = CLOSED.sample(60, torch.Generator().manual_seed(0))
    options = {"units": 2, "steps": 30, "decay": 1e-2}
    copies = fit_mlp(
        x.expand(3, -1, -1), labels.expand(3, -1), generator=torch.Generator().manual_seed(4), restarts=2, **options
    )
    alone = fit_mlp(x, labels, generator=torch.Generator().manual_seed(4), restarts=6, **options)
    objective = copies.log_loss(x, labels) + 0.5e-2 * copies.parameters.square().sum(-1)
    assert torch.allclose(alone.parameters[0], copies.parameters[objective.argmin()], atol=1e-6)
    other, other_labels = CLOSED.sample(60, torch.Generator().manual_seed(1))
    mixed = fit_mlp(
        torch.stack([x, other, x]),
        torch.stack([labels, other_labels, labels]),
        generator=torch.Generator().manual_seed(4),
        restarts=2,
        **options,
    )
    assert torch.allclose(mixed.parameters[::2], copies.parameters[::2], atol=1e-6)


def test_steps_never_raise_the_objective_and_are_watched():
    x, labels = CLOSED.sample(100, torch.Generator().manual_seed(0))
    seen = []

    def watch(step, network):
        seen.append((step, (network.log_loss(x, labels) + 0.5e-4 * network.parameters.square().sum(-1)).item()))

    fit_mlp(x, labels, 2, torch.Generator().manual_seed(0), steps=20, watch=watch)
    steps, values = zip(*seen, strict=True)
    assert list(steps) == list(range(21))
    assert all(later <= earlier for earlier, later in itertools.pairwise(values))


def test_float32_points_are_taken_and_laws_keep_their_dtype():
    law = TwoGaussians(CLOSED.means.float(), CLOSED.covariances.float())
    x, labels = law.sample(50, torch.Generator().manual_seed(0))
    assert (x.dtype, labels.dtype, law.log_odds(x).dtype) == (torch.float32,) * 3
    assert law.bayes_error() == pytest.approx(CLOSED.bayes_error(), abs=1e-6)
    assert fit_mlp(x, labels, 1, torch.Generator().manual_seed(0), steps=2).parameters.dtype == torch.float64
