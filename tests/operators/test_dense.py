"""Every operator against its dense matrix, which is made without it, and numpy's linear algebra."""

from functools import cache

import numpy as np
import pytest
import torch

from srtheory.operators import BlurDownsample, LinearOperator, MatrixOperator

from .oracles import CASES, Case, blur_dense, flat

WHOLE = [case for case in CASES if not case.truncated]
SMALL = [case for case in CASES if case.hr[0] * case.hr[1] <= 64 and (case.truncated or "9x7" not in case.name)]
every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_whole_case = pytest.mark.parametrize("case", WHOLE, ids=str)


@cache
def made(case: Case) -> tuple[LinearOperator, np.ndarray, np.ndarray]:
    dense = case.dense()
    return case.make(), dense, np.linalg.pinv(dense, rcond=case.rcond)


def near(actual: torch.Tensor | np.ndarray, expected: np.ndarray, tolerance: float = 1e-10) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max()))


def pair(case: Case, batch: tuple[int, ...] = (2,)) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(*batch, *case.hr, dtype=torch.float64), torch.randn(*batch, *case.lr, dtype=torch.float64)


def inner(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a * b).sum((-2, -1))


def pinv_matrix(case: Case) -> np.ndarray:
    A, dense, _ = made(case)
    basis = torch.eye(len(dense), dtype=torch.float64).reshape(-1, *case.lr)
    return flat(A.pinv(basis, case.hr)).T


@every_case
def test_forward(case):
    A, dense, _ = made(case)
    hr, _ = pair(case)
    assert A.lr_size(case.hr) == case.lr
    assert A(hr).shape == (2, *case.lr)
    near(flat(A(hr)), flat(hr) @ dense.T, 1e-12)


@every_case
def test_matrix(case):
    A, dense, _ = made(case)
    matrix = A.matrix(case.hr)
    assert matrix.dtype == torch.float64
    near(matrix, dense, 1e-12)


@every_case
def test_adjoint(case):
    A, dense, _ = made(case)
    hr, lr = pair(case)
    assert A.adjoint(lr, case.hr).shape == hr.shape
    near(flat(A.adjoint(lr, case.hr)), flat(lr) @ dense, 1e-12)
    near(inner(A(hr), lr), inner(hr, A.adjoint(lr, case.hr)).numpy(), 1e-12)


@every_case
def test_adjoint_is_what_autograd_gives(case):
    A, _, _ = made(case)
    hr, lr = pair(case)
    hr.requires_grad_()
    (gradient,) = torch.autograd.grad(A(hr), hr, lr)
    near(gradient, A.adjoint(lr, case.hr).numpy(), 1e-12)


@every_case
def test_pinv(case):
    A, _, inverse = made(case)
    _, lr = pair(case)
    assert A.pinv(lr, case.hr).shape == (2, *case.hr)
    near(flat(A.pinv(lr, case.hr)), flat(lr) @ inverse.T)


@every_whole_case
def test_penrose(case):
    _, dense, _ = made(case)
    inverse = pinv_matrix(case)
    near(dense @ inverse @ dense, dense)
    near(inverse @ dense @ inverse, inverse)
    near((dense @ inverse).T, dense @ inverse)
    near((inverse @ dense).T, inverse @ dense)


@pytest.mark.parametrize("case", [case for case in CASES if case.truncated], ids=str)
def test_truncated_pinv_cuts_what_numpy_cuts(case):
    _, dense, expected = made(case)
    inverse = pinv_matrix(case)
    near(inverse, expected)
    near(inverse @ dense @ inverse, inverse)
    assert np.linalg.matrix_rank(inverse) < np.linalg.matrix_rank(dense)
    assert np.abs(dense @ inverse @ dense - dense).max() > 1e-3


@every_case
def test_projectors(case):
    A, dense, inverse = made(case)
    hr, _ = pair(case)
    other, _ = pair(case)
    seen, unseen = A.project_range(hr), A.project_null(hr)
    near(flat(seen), flat(hr) @ (inverse @ dense).T)
    near(seen + unseen, hr.numpy(), 1e-14)
    near(A.project_range(seen), seen.numpy())
    near(A.project_null(unseen), unseen.numpy())
    near(A.project_range(unseen), np.zeros(hr.shape))
    near(inner(seen, other), inner(hr, A.project_range(other)).numpy())
    near(inner(unseen, other), inner(hr, A.project_null(other)).numpy())
    near(inner(seen, unseen), np.zeros(2))
    if not case.truncated:
        near(A(unseen), np.zeros((2, *case.lr)))


@every_case
def test_consistent_is_the_nearest_of_the_solutions(case):
    A, dense, inverse = made(case)
    sr, _ = pair(case)
    lr = A(pair(case)[0])
    mended = A.consistent(sr, lr)
    near(flat(mended), flat(sr) + (flat(lr) - flat(sr) @ dense.T) @ inverse.T)
    near(A.consistent(mended, lr), mended.numpy())
    if not case.truncated:
        near(A(mended), lr.numpy())
        near(inner(mended - sr, A.project_null(sr)), np.zeros(2))


@every_case
def test_consistent_never_leads_away_from_the_truth(case):
    A, _, _ = made(case)
    hr = torch.rand(20, *case.hr, dtype=torch.float64)
    sr = hr + torch.logspace(-3, 1, 20, dtype=torch.float64).view(-1, 1, 1) * torch.randn_like(hr)
    mended = A.consistent(sr, A(hr))
    before = (sr - hr).flatten(1).norm(dim=1)
    assert ((mended - hr).flatten(1).norm(dim=1) <= before * (1 + 1e-10)).all()
    assert ((mended.clamp(0, 1) - hr).flatten(1).norm(dim=1) <= before * (1 + 1e-10)).all()
    assert ((mended - hr).flatten(1).norm(dim=1) < before * 0.999).any()


@every_case
def test_consistent_leaves_the_truth_alone(case):
    A, _, _ = made(case)
    hr, _ = pair(case)
    near(A.consistent(hr, A(hr)), hr.numpy())


@every_whole_case
def test_inverse_from_the_side_where_there_is_one(case):
    A, dense, _ = made(case)
    hr, lr = pair(case)
    rank = np.linalg.matrix_rank(dense)
    if rank == dense.shape[0]:
        near(A(A.pinv(lr, case.hr)), lr.numpy())
    if rank == dense.shape[1]:
        near(A.pinv(A(hr), case.hr), hr.numpy())
    known_to_lose = "lost" in case.name or "rank-two" in case.name
    assert (rank < min(dense.shape)) == known_to_lose


@every_case
def test_singular_values(case):
    A, dense, _ = made(case)
    values = A.singular_values(case.hr)
    assert values.dtype == torch.float64
    expected = np.linalg.svd(dense, compute_uv=False)
    assert values.shape == expected.shape
    near(values, expected, 1e-7 if "lost" in case.name else 1e-12)


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_gradcheck(case):
    A, _, _ = made(case)
    hr, lr = (x.requires_grad_() for x in pair(case, batch=()))
    assert torch.autograd.gradcheck(A, hr)
    assert torch.autograd.gradcheck(lambda y: A.adjoint(y, case.hr), lr)
    assert torch.autograd.gradcheck(lambda y: A.pinv(y, case.hr), lr)
    assert torch.autograd.gradcheck(A.consistent, (hr, lr))


@pytest.mark.parametrize("kernel_size", [(1, 1), (2, 3), (3, 2), (4, 4), (5, 5)])
@pytest.mark.parametrize(("scale", "phase"), [(1, (0, 0)), (2, (1, 0)), (3, (0, 2)), (3, (1, 1))])
def test_blur_is_its_definition(kernel_size, scale, phase):
    kernel = torch.randn(kernel_size, dtype=torch.float64)
    size = (2 * scale, 3 * scale)
    near(BlurDownsample(kernel, scale, phase).matrix(size), blur_dense(size, kernel.numpy(), scale, phase), 1e-12)


def test_one_phase_serves_both_axes():
    kernel = torch.randn(3, 3)
    assert torch.equal(BlurDownsample(kernel, 3, 2).matrix((6, 6)), BlurDownsample(kernel, 3, (2, 2)).matrix((6, 6)))


@pytest.mark.parametrize("phase", [(0, 0), (1, 2)])
def test_convention_a_centered_delta_keeps_the_sample_of_the_phase(phase):
    hr = torch.randn(6, 9, dtype=torch.float64)
    delta = torch.zeros(3, 5)
    delta[1, 2] = 1
    near(BlurDownsample(delta, 3, phase)(hr), hr[phase[0] :: 3, phase[1] :: 3].numpy(), 1e-14)


def test_convention_convolution_turns_the_kernel_around():
    hr = torch.zeros(4, 4, dtype=torch.float64)
    hr[1, 1] = 1
    kernel = torch.arange(9.0).reshape(3, 3)
    near(BlurDownsample(kernel, 1)(hr)[:3, :3], kernel.numpy(), 1e-14)


def test_condition_number_by_hand():
    values = BlurDownsample(torch.tensor([[1.0, 3.0, 1.0]]), 1)  # transfer 3 + 2 cos w, from 1 to 5
    assert values.condition_number == pytest.approx(5, rel=1e-12)
    assert BlurDownsample(torch.tensor([[2.0]]), 4).condition_number == pytest.approx(1, rel=1e-12)
    assert BlurDownsample(torch.tensor([[1.0, 1.0]]), 1).condition_number == float("inf")


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_condition_number_bounds_that_of_pictures_that_divide(scale):
    A = BlurDownsample(torch.rand(3, 4, dtype=torch.float64), scale, rcond=0.1)
    for sides in [(2, 4), (8, 8), (1, 16)]:
        values = A.singular_values((sides[0] * scale, sides[1] * scale))
        assert values[0] / values[-1] <= A.condition_number * (1 + 1e-9)


def test_condition_number_is_that_of_a_large_picture():
    kernel = torch.rand(3, 3, dtype=torch.float64)
    values = BlurDownsample(kernel, 2).singular_values((512, 512))
    assert BlurDownsample(kernel, 2).condition_number == pytest.approx((values[0] / values[-1]).item(), rel=1e-12)


def test_matrix_operator_by_default_takes_and_makes_one_row():
    matrix = torch.randn(3, 5, dtype=torch.float64)
    A, hr = MatrixOperator(matrix), torch.randn(5, dtype=torch.float64)
    assert A.lr_size((1, 5)) == (1, 3)
    assert A.hr_size((1, 3)) == (1, 5)
    near(A(hr[None])[0], (matrix @ hr).numpy(), 1e-14)


def test_operators_keep_their_own_copy_of_the_numbers():
    matrix, kernel = torch.randn(3, 5, dtype=torch.float64), torch.randn(2, 2, dtype=torch.float64)
    A, B = MatrixOperator(matrix), BlurDownsample(kernel, 2)
    expected, fresh = matrix.clone(), BlurDownsample(kernel.clone(), 2).matrix((2, 2))
    matrix.zero_()
    kernel.zero_()
    assert torch.equal(A.matrix((1, 5)), expected)
    assert torch.equal(B.matrix((2, 2)), fresh)
