"""Each center minimizes its loss: against slow minimizers, and in the cases where they part."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from srtheory.coo import coordinate_median, geometric_median, heaviest_point, mean_center


def cloud(seed, count, size, duplicates=0):
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(count, size, generator=generator, dtype=torch.float64)
    points[:duplicates] = points[0].clone()
    weights = torch.rand(count, generator=generator, dtype=torch.float64) + 0.05
    return points, weights / weights.sum()


def squared(c, points, weights):
    return sum(w * sum((x - y) ** 2 for x, y in zip(p, c, strict=True)) for p, w in zip(points, weights, strict=True))


def unsquared(c, points, weights):
    return sum(
        w * sum((x - y) ** 2 for x, y in zip(p, c, strict=True)) ** 0.5 for p, w in zip(points, weights, strict=True)
    )


def absolute(c, points, weights):
    return sum(w * sum(abs(x - y) for x, y in zip(p, c, strict=True)) for p, w in zip(points, weights, strict=True))


LOSSES = {mean_center: squared, geometric_median: unsquared, coordinate_median: absolute}


@pytest.mark.parametrize("center", LOSSES, ids=lambda center: center.__name__)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 9), size=st.integers(1, 4), weighted=st.booleans())
def test_no_neighbor_has_a_lower_loss(center, seed, count, size, weighted):
    points, weights = cloud(seed, count, size)
    if not weighted:
        weights = torch.full((count,), 1 / count, dtype=torch.float64)
    found = center(points, weights if weighted else None)
    loss = LOSSES[center]
    at = loss(found.tolist(), points.tolist(), weights.tolist())
    rng = np.random.default_rng(seed)
    for radius in (1e-4, 1e-2, 0.3):
        for step in rng.normal(size=(6, size)):
            near = (found.numpy() + radius * step).tolist()
            assert loss(near, points.tolist(), weights.tolist()) >= at - 1e-12


@pytest.mark.parametrize("seed", range(8))
def test_geometric_median_against_a_general_minimizer(seed):
    points, weights = cloud(seed, 7, 3)
    result = minimize(
        unsquared,
        mean_center(points).numpy(),
        (points.tolist(), weights.tolist()),
        method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-14, "maxiter": 10_000},
    )
    assert np.allclose(geometric_median(points, weights).numpy(), result.x, atol=1e-6)


def test_the_majority_holds_the_medians_but_not_the_mean():
    edge = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
    vote = torch.tensor([0.6, 0.4], dtype=torch.float64)
    assert torch.allclose(geometric_median(edge, vote), edge[0], atol=1e-9)
    assert torch.equal(coordinate_median(edge, vote), edge[0])
    assert torch.equal(heaviest_point(edge, vote), edge[0])
    assert torch.allclose(mean_center(edge, vote), torch.full((3,), 0.4, dtype=torch.float64))


def test_between_two_points_every_unsquared_sum_is_the_same():
    """COO-v1 Eqs. 5-6 take the middle to be the one minimizer; the whole segment minimizes."""
    a, b = torch.rand(2, 5, dtype=torch.float64)
    sums = [
        unsquared(((1 - t) * a + t * b).tolist(), [a.tolist(), b.tolist()], [0.5, 0.5]) for t in (0, 0.2, 0.5, 0.9, 1)
    ]
    assert np.allclose(sums, sums[0])
    assert torch.allclose(geometric_median(torch.stack([a, b])), (a + b) / 2)


def test_weiszfeld_leaves_a_point_of_the_set_that_is_not_the_answer():
    points = torch.tensor([[0.0, 0.0], [2.0, 0.0], [-2.0, 0.0], [0.0, 5.0], [0.0, -1.0]], dtype=torch.float64)
    shifted = points + torch.tensor([0.0, -0.8], dtype=torch.float64)  # the mean of `points` is at (0, 0.8)
    for given_points in (points, shifted):
        found = geometric_median(given_points)
        losses = [unsquared(p, given_points.tolist(), [0.2] * 5) for p in given_points.tolist()]
        assert unsquared(found.tolist(), given_points.tolist(), [0.2] * 5) <= min(losses) + 1e-9


def test_start_on_a_point_of_the_set_does_not_stop_there():
    """The mean coincides with a point that is not the median."""
    points = torch.tensor([[0.0, 0.0], [3.0, 0.0], [-1.0, 1.0], [-1.0, -1.0], [-1.0, 0.0]], dtype=torch.float64)
    assert torch.allclose(mean_center(points), points[0], atol=1e-15)
    found = geometric_median(points)
    assert (
        unsquared(found.tolist(), points.tolist(), [0.2] * 5) < unsquared([0.0, 0.0], points.tolist(), [0.2] * 5) - 1e-6
    )


@pytest.mark.parametrize("center", [*LOSSES, heaviest_point], ids=lambda center: center.__name__)
def test_one_point_and_identical_points_are_their_own_center(center):
    point = torch.rand(1, 4)
    assert torch.equal(center(point), point[0])
    assert torch.allclose(center(point.expand(6, 4)), point[0])


@pytest.mark.parametrize("center", [*LOSSES, heaviest_point], ids=lambda center: center.__name__)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_batches_and_dtypes(center, dtype):
    points = torch.rand(2, 3, 5, 4, dtype=torch.float64).to(dtype)
    weights = torch.rand(2, 3, 5, dtype=torch.float64)
    weights = weights / weights.sum(-1, keepdim=True)
    together = center(points, weights)
    assert together.shape == (2, 3, 4)
    assert together.dtype == dtype
    for i in range(2):
        for j in range(3):
            assert torch.allclose(together[i, j], center(points[i, j], weights[i, j]), atol=1e-6)


def test_coordinate_median_against_numpy():
    for count in range(1, 12):
        points = torch.rand(count, 3, dtype=torch.float64)
        assert np.allclose(coordinate_median(points).numpy(), np.median(points.numpy(), axis=0))


def test_equal_points_add_their_weights():
    points = torch.tensor([[0.0], [1.0], [0.0]])
    assert heaviest_point(points, torch.tensor([0.3, 0.4, 0.3])).item() == 0.0


def test_mean_is_differentiable():
    points = torch.rand(4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(mean_center, (points,))
