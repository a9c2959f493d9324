"""Entropies against sums, against scipy, and in the cases where the papers' formulas part from them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import multivariate_normal

from srtheory.coo import discrete_entropy, entropy_power_bound, gaussian_entropy, segment_function


def spd(seed, k):
    root = torch.randn(k, k + 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return root @ root.T / k


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12).filter(lambda p: sum(p) > 0.1))
def test_discrete_entropy_is_the_sum(values):
    p = torch.tensor(values, dtype=torch.float64)
    p = p / p.sum()
    expected = -sum(x * math.log(x) for x in p.tolist() if x > 0)
    assert discrete_entropy(p).item() == pytest.approx(expected, abs=1e-12)
    assert discrete_entropy(p).item() <= math.log(len(values)) + 1e-12  # COO Eq. 13: equal weights have most


def test_equal_weights_have_log_n():
    for count in (1, 2, 7, 1000):
        weights = torch.full((count,), 1 / count, dtype=torch.float64)
        assert discrete_entropy(weights).item() == pytest.approx(math.log(count))


def test_entropy_is_not_a_function_of_the_number_of_points():
    """A thousand points can have less entropy than two, so 'more data, more entropy' needs equal weights."""
    thousand = torch.full((1000,), 1e-6, dtype=torch.float64)
    thousand[0] = 1 - thousand[1:].sum()
    assert discrete_entropy(thousand) < math.log(2)


@pytest.mark.parametrize("k", [1, 2, 5, 20])
def test_gaussian_entropy_against_scipy(k):
    covariance = spd(k, k)
    assert gaussian_entropy(covariance).item() == pytest.approx(multivariate_normal(cov=covariance.numpy()).entropy())


def test_readings_differ_by_the_logarithm():
    covariance = torch.diag(torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64))
    constant = 1.5 * (math.log(2 * math.pi) + 1)
    assert gaussian_entropy(covariance).item() == pytest.approx(constant + math.log(3.0) / 2)
    assert gaussian_entropy(covariance, reading="printed").item() == pytest.approx(constant + 3.0 / 2)


@pytest.mark.parametrize("k", [1, 3, 8])
def test_entropy_changes_with_the_unit(k):
    covariance = spd(k, k)
    change = gaussian_entropy(covariance * 255**2) - gaussian_entropy(covariance)
    assert change.item() == pytest.approx(k * math.log(255))


def test_segment_function_is_the_two_printed_cases():
    vectors = torch.randn(40, 3, dtype=torch.float64)
    distance, entropy = segment_function(vectors, threshold=41)
    assert distance.item() == pytest.approx(sum(vectors).norm().item() / 40)
    assert entropy.item() == pytest.approx(math.log(40))
    for reading in ("corrected", "printed"):
        distance, entropy = segment_function(vectors, threshold=40, reading=reading)
        assert distance.item() == pytest.approx(vectors.mean(0).norm().item())
        centered = vectors - vectors.mean(0)
        assert entropy == gaussian_entropy(centered.T @ centered / 39, reading) or torch.isclose(
            entropy, gaussian_entropy(centered.T @ centered / 39, reading)
        )


def test_no_threshold_joins_the_two_cases_in_both_units():
    vectors = torch.randn(100, 4, dtype=torch.float64)
    jumps = [segment_function(v, 100)[1] - segment_function(v, 101)[1] for v in (vectors, 255 * vectors)]
    assert (jumps[1] - jumps[0]).item() == pytest.approx(4 * math.log(255))


@given(st.integers(0, 10**6), st.integers(1, 30), st.floats(0.01, 5))
def test_no_covariance_leaves_the_region(seed, k, width):
    """Spectra from nearly flat to over many decades: the trace is never below the bound."""
    generator = torch.Generator().manual_seed(seed)
    covariance = (torch.randn(k, generator=generator, dtype=torch.float64) * width).exp().diag()
    bound = entropy_power_bound(gaussian_entropy(covariance), k)
    assert covariance.trace() >= bound * (1 - 1e-12)


@pytest.mark.parametrize("k", [1, 3, 60])
def test_isotropic_gaussians_are_on_the_bound(k):
    covariance = 0.37 * torch.eye(k, dtype=torch.float64)
    assert entropy_power_bound(gaussian_entropy(covariance), k).item() == pytest.approx(0.37 * k)


@pytest.mark.parametrize("law", [stats.uniform(0, 2), stats.laplace(), stats.expon(), stats.gamma(0.3), stats.t(4)])
def test_other_laws_are_above_the_bound(law):
    bound = entropy_power_bound(torch.tensor(float(law.entropy()), dtype=torch.float64), 1)
    assert law.var() > 1.05 * bound.item()


def test_two_sharp_modes_have_no_bound_from_above():
    """A density of two narrow modes: its variance grows without limit, its entropy by at most log 2."""
    narrow = stats.norm(scale=0.01).entropy()
    for apart in (1.0, 10.0, 1000.0):
        bound = entropy_power_bound(torch.tensor(narrow + math.log(2), dtype=torch.float64), 1)
        assert apart**2 / 4 > 100 * bound.item()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_kept(dtype):
    covariance = spd(0, 4).to(dtype)
    assert gaussian_entropy(covariance).dtype == dtype
    assert gaussian_entropy(covariance.expand(2, 3, 4, 4)).shape == (2, 3)
    assert entropy_power_bound(torch.zeros(2, 3, dtype=dtype), 4).dtype == dtype
    assert entropy_power_bound(torch.zeros(2, 3, dtype=dtype), 4).shape == (2, 3)
    assert discrete_entropy(torch.tensor([0.5, 0.5], dtype=dtype)).dtype == dtype
