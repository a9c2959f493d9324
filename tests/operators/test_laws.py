"""What holds for every shape, scale, phase and dtype."""

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from srtheory.operators import BlurDownsample, LinearOperator, MatrixOperator, Resize

from .oracles import KERNELS, blur_dense, flat, resize_dense

sides = st.integers(1, 13)
batches = st.lists(st.integers(1, 3), max_size=2).map(tuple)
scales = st.sampled_from([1, 2, 3, 4, 2.5, 1.5, 0.5, 1 / 3])
seeds = st.integers(0, 10**6)
dtypes = st.sampled_from([torch.float64, torch.float32])


def rand(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@st.composite
def resizes(draw: st.DrawFn) -> tuple[LinearOperator, tuple[int, int], np.ndarray]:
    size, scale = (draw(sides), draw(sides)), draw(scales)
    kernel, antialias = draw(st.sampled_from(KERNELS)), draw(st.booleans())
    return Resize(scale, kernel, antialias), size, resize_dense(size, scale, kernel, antialias)


@st.composite
def blurs(draw: st.DrawFn) -> tuple[LinearOperator, tuple[int, int], np.ndarray]:
    scale = draw(st.integers(1, 3))
    size = (scale * draw(st.integers(1, 3)), scale * draw(st.integers(1, 4)))
    phase = (draw(st.integers(0, scale - 1)), draw(st.integers(0, scale - 1)))
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    kernel = rand(draw(seeds), *shape)
    return BlurDownsample(kernel, scale, phase), size, blur_dense(size, kernel.numpy(), scale, phase)


@st.composite
def matrices(draw: st.DrawFn) -> tuple[LinearOperator, tuple[int, int], np.ndarray]:
    hr, lr = (draw(st.integers(1, 4)), draw(st.integers(1, 4))), (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    matrix = rand(draw(seeds), math.prod(lr), math.prod(hr))
    return MatrixOperator(matrix, hr, lr), hr, matrix.numpy()


operators = st.one_of(resizes(), blurs(), matrices())


@settings(max_examples=120)
@given(drawn=operators, batch=batches, dtype=dtypes, seed=seeds)
def test_is_its_matrix(drawn, batch, dtype, seed):
    A, size, dense = drawn
    lr_size = A.lr_size(size)
    assert math.prod(lr_size) == len(dense)
    hr, lr = rand(seed, *batch, *size, dtype=dtype), rand(seed + 1, *batch, *lr_size, dtype=dtype)
    forward, adjoint = A(hr), A.adjoint(lr, size)
    assert (forward.shape, forward.dtype) == ((*batch, *lr_size), dtype)
    assert (adjoint.shape, adjoint.dtype) == ((*batch, *size), dtype)
    allowed = 100 * torch.finfo(dtype).eps * (1 + np.abs(dense).max())
    np.testing.assert_allclose(flat(forward), flat(hr) @ dense.T, rtol=0, atol=allowed)
    np.testing.assert_allclose(flat(adjoint), flat(lr) @ dense, rtol=0, atol=allowed)


@settings(max_examples=120)
@given(drawn=operators, seed=seeds)
def test_the_pseudo_inverse_undoes_what_can_be_undone(drawn, seed):
    A, size, dense = drawn
    hr, sr = rand(seed, *size), rand(seed + 1, *size)
    singular = np.linalg.svd(dense, compute_uv=False)
    condition = singular[0] / singular[singular > 1e-12 * singular[0]].min()
    allowed = 1e-14 * condition * (1 + np.linalg.norm(hr)) * max(1, singular[0])
    lr, mended = A(hr), A.consistent(sr, A(hr))
    assert (A(A.pinv(lr, size)) - lr).norm() <= 10 * allowed
    assert (A(mended) - lr).norm() <= 10 * allowed * max(1, 1 / singular[0])
    assert (mended - hr).norm() <= (sr - hr).norm() + 10 * allowed
    assert (A.pinv(lr, size)).norm() <= hr.norm() * (1 + 1e-9) + 10 * allowed


@given(drawn=operators, seed=seeds, factor=st.floats(-5, 5))
def test_is_linear(drawn, seed, factor):
    A, size, _ = drawn
    a, b = rand(seed, *size), rand(seed + 1, *size)
    expected = A(a) + factor * A(b)
    torch.testing.assert_close(A(a + factor * b), expected, rtol=1e-11, atol=1e-11 * (1 + expected.abs().max().item()))


@given(size=st.tuples(sides, sides), scale=scales, kernel=st.sampled_from(KERNELS), level=st.floats(-10, 10))
def test_resizing_keeps_constants(size, scale, kernel, level):
    A = Resize(scale, kernel)
    expected = torch.full(A.lr_size(size), level, dtype=torch.float64)
    torch.testing.assert_close(A(torch.full(size, level, dtype=torch.float64)), expected, rtol=1e-12, atol=0)


@given(drawn=blurs(), steps=st.tuples(st.integers(0, 3), st.integers(0, 3)), seed=seeds)
def test_blur_moves_with_the_picture(drawn, steps, seed):
    A, size, _ = drawn
    hr = rand(seed, *size)
    scaled = tuple(step * A.scale for step in steps)
    torch.testing.assert_close(A(hr.roll(scaled, (0, 1))), A(hr).roll(steps, (0, 1)), rtol=0, atol=1e-12)
