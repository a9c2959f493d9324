"""High-frequency enhancement against the printed equations, written with explicit matrices."""

import cmath
import math

import pytest
import torch

from srtheory.data import photograph
from srtheory.losses import HighFrequencyEnhancement, decloss

SIZES = [(8, 8), (9, 12), (15, 7), (1, 6)]
each_size = pytest.mark.parametrize("size", SIZES, ids=str)
each_center = pytest.mark.parametrize("center", ["symmetric", "printed"])
each_inverse = pytest.mark.parametrize("inverse", ["dft", "hartley", "unweighted"])


def noise(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def F(N):
    """COO-v1 Eq. 13."""
    rows = [[cmath.exp(-2j * math.pi * j * k / N) for k in range(N)] for j in range(N)]
    return torch.tensor(rows, dtype=torch.complex128)


def transcribed(Y, alpha, mu, center, inverse):
    """COO-v1 Eqs. 12-17 of one picture (H, W), complex; mu in samples times the side."""
    H, W = Y.shape
    Y_f = F(H) @ Y.to(torch.complex128) @ F(W)  # Eq. 12
    middle = {"printed": lambda N: (N - 1) / 2, "symmetric": lambda N: N / 2}[center]
    K = {
        N: [alpha * math.exp(-((i - middle(N)) ** 2) / (2 * (mu * N) ** 2)) for i in range(N)] for N in (H, W)
    }  # Eq. 15
    outer = [[K[H][i] * K[W][k] for k in range(W)] for i in range(H)]
    weighted = torch.tensor(outer, dtype=torch.float64) * Y_f  # Eq. 14
    back = F(H).conj().T, F(W).conj().T
    if inverse == "hartley":
        back = tuple((F(N).real - F(N).imag).T.to(torch.complex128) for N in (H, W))  # Eq. 17
    return back[0] @ (Y_f if inverse == "unweighted" else weighted) @ back[1] / (H * W)  # Eq. 16


@each_size
@each_center
@each_inverse
def test_against_the_transcription(size, center, inverse):
    Y = noise(2, 3, *size)
    enhance = HighFrequencyEnhancement(1.3, 0.4, center=center, inverse=inverse)
    expected = torch.stack([transcribed(y, 1.3, 0.4, center, inverse) for y in Y.reshape(-1, *size)]).reshape(Y.shape)
    assert torch.allclose(enhance(Y), expected.real, rtol=0, atol=1e-12)
    assert torch.allclose(enhance.imaginary(Y), expected.imag, rtol=0, atol=1e-12)


@each_size
def test_symmetric_center_leaves_nothing_imaginary(size):
    Y = noise(*size)
    for mu in (0.1, 0.25, 1.0):
        assert HighFrequencyEnhancement(mu=mu).imaginary(Y).abs().max() < 1e-14
    assert HighFrequencyEnhancement(inverse="unweighted").imaginary(Y).abs().max() < 1e-14


def test_printed_center_leaves_an_imaginary_part():
    """It falls with the side for a kernel as wide in sides, and is no rounding."""
    shares = []
    for side in (16, 32, 64, 128):
        enhance = HighFrequencyEnhancement(mu=0.25, center="printed")
        Y = noise(side, side)
        shares.append(float(enhance.imaginary(Y).norm() / enhance(Y).norm()))
    assert 0.9 < shares[0] * 16 / (shares[3] * 128) < 1.1
    assert shares[3] > 0.01


@each_size
def test_real_part_of_the_printed_center_is_a_symmetric_filter(size):
    enhance = HighFrequencyEnhancement(mu=0.3, center="printed")
    gain = enhance.response(size)
    mirrored = gain.flip(0, 1).roll((1, 1), (0, 1))
    Y = noise(*size)
    expected = torch.fft.ifft2(torch.fft.fft2(Y) * (gain + mirrored) / 2)
    assert expected.imag.abs().max() < 1e-14
    assert torch.allclose(enhance(Y), expected.real, rtol=0, atol=1e-14)


@each_size
def test_printed_inverse_is_the_mean_of_two_mirror_images(size):
    Y = noise(*size)
    plain = HighFrequencyEnhancement(mu=0.3)(Y)
    upside_down, left_right = plain.flip(0).roll(1, 0), plain.flip(1).roll(1, 1)
    mirrored = HighFrequencyEnhancement(mu=0.3, inverse="hartley")
    assert torch.allclose(mirrored(Y), (upside_down + left_right) / 2, rtol=0, atol=1e-14)
    turned = plain.flip(0, 1).roll((1, 1), (0, 1))
    assert torch.allclose(mirrored.imaginary(Y), (turned - plain) / 2, rtol=0, atol=1e-14)


@each_center
def test_unweighted_inverse_is_the_identity(center):
    Y = noise(2, 9, 12)
    for mu in (0.05, 1.0):
        assert torch.allclose(HighFrequencyEnhancement(7.0, mu, center=center, inverse="unweighted")(Y), Y, atol=1e-14)


@pytest.mark.parametrize("mu", [0.1, 0.25, 1.0])
def test_gains_at_zero_on_the_axes_and_at_the_corner(mu):
    enhance, N = HighFrequencyEnhancement(2.0, mu), 16
    row = torch.arange(N, dtype=torch.float64)
    flat, stripes = torch.ones(N, N, dtype=torch.float64), (-1.0) ** row.expand(N, N)
    corner = 2.0**2
    for Y, gain in (
        (flat, math.exp(-1 / (4 * mu**2))),
        (stripes, math.exp(-1 / (8 * mu**2))),
        (stripes.T, math.exp(-1 / (8 * mu**2))),
        (stripes * stripes.T, 1.0),
    ):
        assert torch.allclose(enhance(Y), corner * gain * Y, rtol=0, atol=1e-14)
    gains = enhance.response((N, N))
    assert math.isclose(gains[0, 0] / gains.max(), math.exp(-(N**2) / (4 * (mu * N) ** 2)))


@each_center
@each_inverse
def test_linear_and_differentiable(center, inverse):
    enhance = HighFrequencyEnhancement(0.7, 0.3, center=center, inverse=inverse)
    a, b = noise(1, 2, 5, 6), noise(1, 2, 5, 6, seed=1)
    assert torch.allclose(enhance(2 * a - b), 2 * enhance(a) - enhance(b), rtol=0, atol=1e-14)
    assert torch.autograd.gradcheck(enhance, a.clone().requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtype_and_batch_are_kept(dtype):
    Y = noise(2, 3, 10, 12).to(dtype)
    enhance = HighFrequencyEnhancement()
    found = enhance(Y)
    assert found.dtype == dtype
    assert found.shape == Y.shape
    assert torch.allclose(found.double(), enhance(Y.double()), rtol=0, atol=4 * torch.finfo(dtype).eps)
    assert torch.allclose(found[1, 2], enhance(Y[1, 2]), rtol=0, atol=4 * torch.finfo(dtype).eps)


def test_nan_in_nan_out():
    Y = noise(4, 4)
    Y[1, 2] = math.nan
    assert HighFrequencyEnhancement()(Y).isnan().any()


@each_center
def test_as_the_enhancement_of_decloss(center):
    hr = torch.stack([photograph("astronaut")[:, :32, 200:232], photograph("chelsea")[:, 60:92, :32]])
    sr = torch.nn.functional.avg_pool2d(hr, 3, 1, 1).requires_grad_()
    enhance = HighFrequencyEnhancement(center=center)
    settings = {"similarity": "psnr", "threshold": 40.0}
    value = decloss(sr, hr, enhancement=enhance, **settings)
    (gradient,) = torch.autograd.grad(value, sr)
    assert torch.allclose(value, decloss(enhance(sr), enhance(hr), **settings), rtol=1e-12)
    assert gradient.norm() > 0
    assert not torch.allclose(value, decloss(sr, hr, **settings), rtol=1e-3)


def test_says_its_settings():
    assert repr(HighFrequencyEnhancement(2.0)).endswith("(alpha=2.0, mu=0.25, center='symmetric', inverse='dft')")
