"""The Gaussian law on the hyperplane, against conditioning by hand, integrals and simulation."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srtheory.coo import GaussianPosterior, expected_norm, gaussian_entropy, null_basis
from srtheory.operators import Resize


def spd(seed, k):
    root = torch.randn(k, k + 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return root @ root.T / k


def example(seed=0, m=3, n=7):
    generator = torch.Generator().manual_seed(seed)
    D = torch.randn(m, n, generator=generator, dtype=torch.float64)
    prior_mean = torch.randn(n, generator=generator, dtype=torch.float64)
    return D, prior_mean, spd(seed, n), torch.randn(m, generator=generator, dtype=torch.float64)


def test_null_basis_spans_the_null_space():
    for matrix in (Resize(2).matrix((4, 6)), example()[0], torch.ones(3, 5, dtype=torch.float64)):
        basis = null_basis(matrix)
        rank = int(torch.linalg.matrix_rank(matrix))
        assert basis.shape == (matrix.shape[1], matrix.shape[1] - rank)
        assert (matrix @ basis).abs().max() < 1e-12
        assert torch.allclose(basis.T @ basis, torch.eye(basis.shape[1], dtype=torch.float64))


@pytest.mark.parametrize("seed", range(4))
def test_conditioning_against_a_tiny_noise_in_all_coordinates(seed):
    """With noise of variance e on the LR picture, ordinary Bayes; as e goes to zero, the posterior."""
    D, mean, S, lr = example(seed)
    law = GaussianPosterior.condition(D, lr, mean, S)
    noise = 1e-9 * torch.eye(3, dtype=torch.float64)
    precision = torch.linalg.inv(S) + D.T @ torch.linalg.inv(noise) @ D
    covariance = torch.linalg.inv(precision)
    expected = covariance @ (torch.linalg.inv(S) @ mean + D.T @ torch.linalg.inv(noise) @ lr)
    assert torch.allclose(law.mean, expected, atol=1e-5)
    assert torch.allclose(law.basis @ law.covariance @ law.basis.T, covariance, atol=1e-5)
    assert torch.allclose(law.covariance, torch.linalg.inv(law.basis.T @ torch.linalg.inv(S) @ law.basis))


def test_every_sample_has_the_lr_picture_and_samples_have_the_moments():
    D, mean, S, lr = example()
    law = GaussianPosterior.condition(D, lr, mean, S)
    draws = law.sample(200_000, torch.Generator().manual_seed(1))
    assert (draws @ D.T - lr).abs().max() < 1e-10
    inside = (draws - law.mean) @ law.basis
    error = law.covariance.diagonal().max().sqrt() * 5 / math.sqrt(len(draws))
    assert inside.mean(0).abs().max() < error
    assert torch.allclose(inside.T.cov(), law.covariance, atol=0.03 * law.covariance.abs().max().item())
    assert (draws - law.mean).square().sum(1).mean().item() == pytest.approx(law.trace().item(), rel=0.01)  # COO Eq. 31


def test_entropy_is_that_of_the_null_space_coordinates():
    D, mean, S, lr = example()
    law = GaussianPosterior.condition(D, lr, mean, S)
    assert torch.equal(law.entropy(), gaussian_entropy(law.covariance))
    with pytest.raises(ValueError, match="null-space coordinates"):
        gaussian_entropy(law.basis @ law.covariance @ law.basis.T)  # rank 4 in 7 coordinates


def test_the_mean_is_the_least_norm_point_for_a_symmetric_prior_only():
    """COO Eq. 6 is true for white noise about zero, and not when the prior knows more."""
    D, _, S, lr = example()
    white = GaussianPosterior.condition(D, lr, torch.zeros(7, dtype=torch.float64), torch.eye(7, dtype=torch.float64))
    least_norm = torch.linalg.pinv(D) @ lr
    assert torch.allclose(white.mean, least_norm)
    informed = GaussianPosterior.condition(D, lr, torch.zeros(7, dtype=torch.float64), S)
    assert (informed.mean - least_norm).norm() > 0.1


@pytest.mark.parametrize("k", [1, 2, 3, 10, 100])
def test_expected_norm_of_an_isotropic_law(k):
    closed = math.sqrt(2) * math.gamma((k + 1) / 2) / math.gamma(k / 2)
    assert expected_norm(9 * torch.eye(k, dtype=torch.float64)).item() == pytest.approx(3 * closed)
    nearly = torch.diag(9 + 1e-9 * torch.arange(1.0, k + 1, dtype=torch.float64))  # by the integral
    assert expected_norm(nearly).item() == pytest.approx(3 * closed, rel=1e-7)


@given(seed=st.integers(0, 1000), k=st.integers(1, 12), count=st.integers(1, 300))
def test_expected_norm_lies_between_its_bounds_and_falls_as_the_root(seed, k, count):
    covariance = spd(seed, k)
    length = expected_norm(covariance, count).item()
    root = math.sqrt(covariance.trace().item() / count)
    assert math.sqrt(2 / math.pi) * root * (1 - 1e-9) <= length <= root * (1 + 1e-9)
    assert length == pytest.approx(expected_norm(covariance).item() / math.sqrt(count))


def test_expected_norm_against_simulation():
    """Ten seeds, five sizes, two laws: at most two of a hundred outside three standard errors."""
    laws = (torch.eye(6, dtype=torch.float64), torch.diag(torch.logspace(-2, 1, 6, dtype=torch.float64)))
    outside = 0
    for law in laws:
        factor = law.sqrt()
        for count in (1, 4, 16, 64, 256):
            exact = expected_norm(law, count).item()
            for seed in range(10):
                generator = torch.Generator().manual_seed(1000 * count + seed)
                draws = torch.randn(400, count, 6, generator=generator, dtype=torch.float64) @ factor
                lengths = draws.mean(1).norm(dim=1)
                outside += abs(lengths.mean().item() - exact) > 3 * lengths.std().item() / math.sqrt(len(lengths))
    assert outside <= 2


def test_seeded_samples_repeat():
    D, mean, S, lr = example()
    law = GaussianPosterior.condition(D, lr, mean, S)
    first, second = (law.sample(3, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)
