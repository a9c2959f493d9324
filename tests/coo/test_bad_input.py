"""What the theory cannot take, and what it says then."""

import pytest
import torch

from srtheory import coo

POINTS = torch.rand(3, 2)
EYE = torch.eye(2, dtype=torch.float64)
BASIS = torch.eye(4, dtype=torch.float64)[:, :2]
PLANE, PLANES, ZEROS = torch.zeros(2, 2), torch.eye(2).expand(2, 2, 2), torch.zeros(2)
CENTERS = (coo.mean_center, coo.coordinate_median, coo.geometric_median, coo.heaviest_point)
of_points = [
    ("not a tensor", ([[0.0]],), TypeError, "points must be a tensor of floats"),
    ("integers", (torch.ones(2, 2, dtype=torch.long),), TypeError, "points must be a tensor of floats"),
    ("no point", (torch.rand(0, 2),), ValueError, "at least one point"),
    ("one dimension", (torch.rand(3),), ValueError, "at least one point"),
    ("weights of another shape", (POINTS, torch.tensor([0.5, 0.5])), ValueError, r"weights is \(2,\), but points"),
    ("weights sum to two", (POINTS, torch.tensor([1.0, 0.5, 0.5])), ValueError, "sum to one, not 2; divide them"),
    ("negative weight", (POINTS, torch.tensor([1.5, -0.5, 0.0])), ValueError, "must not be negative or NaN"),
    ("NaN weight", (POINTS, torch.tensor([float("nan"), 0.5, 0.5])), ValueError, "must not be negative or NaN"),
    ("integer weights", (POINTS, torch.tensor([1, 0, 0])), TypeError, "weights must be a tensor of floats"),
]


@pytest.mark.parametrize("center", CENTERS, ids=lambda center: center.__name__)
@pytest.mark.parametrize(("name", "given", "error", "message"), of_points, ids=[row[0] for row in of_points])
def test_bad_points(center, name, given, error, message):
    with pytest.raises(error, match=message):
        center(*given)


ROWS = [
    ("median of NaN", lambda: coo.geometric_median(POINTS * float("nan")), ValueError, "points must be finite"),
    ("entropy of nothing", lambda: coo.discrete_entropy(torch.rand(0)), ValueError, "at least one"),
    ("entropy of a number", lambda: coo.discrete_entropy(torch.tensor(1.0)), ValueError, "at least one"),
    ("weights not one", lambda: coo.discrete_entropy(torch.tensor([0.2, 0.2])), ValueError, "sum to one, not 0.4"),
    ("singular", lambda: coo.gaussian_entropy(torch.ones(2, 2)), ValueError, "not positive definite"),
    ("negative", lambda: coo.gaussian_entropy(-EYE), ValueError, "not positive definite"),
    ("asymmetric", lambda: coo.gaussian_entropy(torch.tensor([[1.0, 0.5], [0.0, 1.0]])), ValueError, "not symmetric"),
    ("NaN", lambda: coo.gaussian_entropy(EYE * float("nan")), ValueError, "not finite"),
    ("not square", lambda: coo.gaussian_entropy(torch.rand(2, 3)), ValueError, r"must be \(\.\.\., k, k\)"),
    ("reading", lambda: coo.gaussian_entropy(EYE, reading="v1"), ValueError, "'corrected', 'printed'"),
    ("covariance of integers", lambda: coo.gaussian_entropy(torch.eye(2).long()), TypeError, "tensor of floats"),
    ("bound of a number", lambda: coo.entropy_power_bound(1.0, 3), TypeError, "entropy must be a tensor of floats"),
    ("bound of NaN", lambda: coo.entropy_power_bound(torch.tensor(float("nan")), 3), ValueError, "not a number"),
    ("no dimension", lambda: coo.entropy_power_bound(torch.tensor(1.0), 0), ValueError, "at least 1, not 0"),
    ("half a dimension", lambda: coo.entropy_power_bound(torch.tensor(1.0), 1.5), ValueError, "whole number of coord"),
    ("no vector", lambda: coo.segment_function(torch.rand(0, 2), 3), ValueError, "neither of them zero"),
    ("vectors", lambda: coo.segment_function([1.0], 3), TypeError, "vectors must be a tensor"),
    ("threshold", lambda: coo.segment_function(POINTS, 0), ValueError, "threshold must be at least 1"),
    ("threshold NaN", lambda: coo.segment_function(POINTS, float("nan")), ValueError, "threshold must be at least 1"),
    ("too few", lambda: coo.segment_function(torch.rand(3, 4), 2), ValueError, "singular covariance; give more than 4"),
    ("count zero", lambda: coo.expected_norm(EYE, 0), ValueError, "at least 1, not 0"),
    ("count half", lambda: coo.expected_norm(EYE, 0.5), ValueError, "whole number of draws"),
    ("many laws", lambda: coo.expected_norm(EYE.expand(2, 2, 2)), ValueError, "give one matrix"),
    ("norm singular", lambda: coo.expected_norm(torch.zeros(2, 2)), ValueError, "not positive definite"),
    ("basis of a list", lambda: coo.null_basis([[1.0]]), TypeError, "matrix must be a tensor"),
    ("basis of a vector", lambda: coo.null_basis(torch.rand(3)), ValueError, r"must be \(m, n\)"),
    ("law shapes", lambda: coo.GaussianPosterior(torch.zeros(3), EYE, BASIS), ValueError, "do not fit"),
    ("law mean", lambda: coo.GaussianPosterior([0.0], EYE, BASIS), TypeError, "mean must be a tensor of floats"),
    ("law basis", lambda: coo.GaussianPosterior(torch.zeros(4), EYE, 2 * BASIS), ValueError, "orthonormal columns"),
    (
        "law covariance",
        lambda: coo.GaussianPosterior(torch.zeros(4), 0 * EYE, BASIS),
        ValueError,
        "not positive definite",
    ),
    (
        "conditioning shapes",
        lambda: coo.GaussianPosterior.condition(torch.rand(2, 4), torch.rand(3), torch.rand(4), torch.eye(4)),
        ValueError,
        r"must be \(m, n\), \(m,\), \(n,\) and \(n, n\)",
    ),
    ("law of lists", lambda: coo.TwoGaussians([[0.0, 0.0]] * 2, PLANES), TypeError, "means must be a tensor of floats"),
    ("three classes", lambda: coo.TwoGaussians(torch.zeros(3, 2), PLANES), ValueError, r"must be \(2, 2\) and"),
    ("class at NaN", lambda: coo.TwoGaussians(PLANE * float("nan"), PLANES), ValueError, "means must be finite"),
    ("flat class", lambda: coo.TwoGaussians(PLANE, torch.ones(2, 2, 2)), ValueError, "not positive definite"),
    ("grid of one", lambda: coo.TwoGaussians(PLANE, PLANES).grid(1), ValueError, "at least 2, not 1"),
    ("fit to lists", lambda: coo.fit_mlp([[0.0, 0.0]], ZEROS, 1), TypeError, "x must be a tensor of floats"),
    ("fit to integers", lambda: coo.fit_mlp(PLANE, ZEROS.long(), 1), TypeError, "labels must be a tensor of floats"),
    ("labels too many", lambda: coo.fit_mlp(PLANE, torch.zeros(3), 1), ValueError, "do not fit"),
    ("no points", lambda: coo.fit_mlp(torch.zeros(0, 2), torch.zeros(0), 1), ValueError, "do not fit"),
    ("points at NaN", lambda: coo.fit_mlp(PLANE * float("nan"), ZEROS, 1), ValueError, "x must be finite"),
    ("labels of -1", lambda: coo.fit_mlp(PLANE, ZEROS - 1, 1), ValueError, "labels must be zeros and ones"),
    ("no unit", lambda: coo.fit_mlp(PLANE, ZEROS, 0), ValueError, "units must be a whole number, at least 1, not 0"),
    ("half a start", lambda: coo.fit_mlp(PLANE, ZEROS, 1, restarts=0.5), ValueError, "restarts must be a whole number"),
    ("steps back", lambda: coo.fit_mlp(PLANE, ZEROS, 1, steps=-1), ValueError, "steps must be a whole number"),
    ("growth", lambda: coo.fit_mlp(PLANE, ZEROS, 1, decay=-1.0), ValueError, "decay must not be negative"),
]


@pytest.mark.parametrize(("call", "error", "message"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
