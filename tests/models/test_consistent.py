"""ConsistentSR: its pictures agree with the LR picture, and a network that agrees already is left alone."""

import pytest
import torch
from torch import nn

from srtheory.models import EDSR, ConsistentSR, RRDBNet
from srtheory.operators import BlurDownsample, MatrixOperator, Resize

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}


def picture(*shape, dtype=torch.float64):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)


def smooth(scale):
    line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0] if scale < 4 else [1.0, 3.0, 5.0, 7.0, 5.0, 3.0, 1.0])
    kernel = torch.outer(line, line)
    return BlurDownsample(kernel / kernel.sum(), scale)


class Pinv(nn.Module):
    def __init__(self, A):
        super().__init__()
        self.A = A

    def forward(self, lr):
        return self.A.pinv(lr)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("degradation", [Resize, lambda s: Resize(s, "box"), lambda s: Resize(s, "lanczos3"), smooth])
@pytest.mark.parametrize("kind", [EDSR, RRDBNet])
def test_agrees(kind, degradation, scale, dtype):
    A = degradation(scale)
    net = kind.preset("tiny", scale).to(dtype)
    lr = picture(2, 3, 12, 9, dtype=dtype)
    with torch.no_grad():
        sr = ConsistentSR(net, A)(lr)
        assert sr.shape == (2, 3, 12 * scale, 9 * scale)
        assert sr.dtype == dtype
        assert (A(net(lr)) - lr).abs().max() > 0.01
        assert (A(sr) - lr).abs().max() < TOLERANCE[dtype]
        assert torch.allclose(A.project_null(sr), A.project_null(net(lr)), atol=10 * TOLERANCE[dtype])


def test_agrees_with_any_matrix():
    A = MatrixOperator(picture(6, 24) - 0.5, hr_size=(4, 6), lr_size=(2, 3))
    model = ConsistentSR(EDSR.preset("tiny", 2).double(), A)
    lr = picture(1, 3, 2, 3)
    assert (A(model(lr)) - lr).abs().max() < 1e-12
    assert model.scale == 2


def test_is_the_operators_own_correction():
    A, net, lr = Resize(3), EDSR.preset("tiny", 3).double(), picture(1, 3, 6, 7)
    expected = A.pinv(lr) + A.project_null(net(lr))  # COO Eq. 32
    assert torch.allclose(ConsistentSR(net, A)(lr), expected, rtol=0, atol=1e-12)


def test_consistent_network_is_unchanged():
    A, lr = Resize(4), picture(1, 3, 8, 8)
    once = ConsistentSR(EDSR.preset("tiny").double(), A)
    assert torch.allclose(ConsistentSR(once, A)(lr), once(lr), rtol=0, atol=1e-12)
    assert torch.allclose(ConsistentSR(Pinv(A), A)(lr), A.pinv(lr), rtol=0, atol=1e-12)


def test_never_farther_from_the_truth():
    A, hr = Resize(4), picture(2, 3, 32, 32)
    lr = A(hr)
    net = EDSR.preset("tiny").double()
    assert (ConsistentSR(net, A)(lr) - hr).norm() < (net(lr) - hr).norm()


def test_gradient_reaches_every_parameter_and_is_free_of_what_is_replaced():
    A, lr = Resize(2), picture(2, 3, 8, 8)
    model = ConsistentSR(EDSR.preset("tiny", 2).double(), A)
    seen = []
    model.net.register_forward_hook(lambda _, __, sr: sr.register_hook(seen.append) and None)
    (model(lr) - picture(2, 3, 16, 16)).square().mean().backward()
    assert all(parameter.grad.any() for parameter in model.parameters())
    assert A(seen[0]).abs().max() < 1e-10 * seen[0].abs().max()


def test_gradcheck_in_the_picture():
    model = ConsistentSR(RRDBNet(2, channels=2, blocks=1, growth=2, colors=1).double(), Resize(2))
    assert torch.autograd.gradcheck(model, picture(1, 1, 3, 4).requires_grad_())


def test_autocast_keeps_the_agreement():
    A, lr = Resize(4), picture(1, 3, 8, 8, dtype=torch.float32)
    model = ConsistentSR(RRDBNet.preset("tiny"), A)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        sr = model(lr)
    assert sr.dtype == torch.float32
    assert (A(sr) - lr).abs().max() < 1e-6


def test_weights_are_those_of_the_network():
    net = EDSR.preset("tiny")
    assert [f"net.{name}" for name in net.state_dict()] == list(ConsistentSR(net, Resize(4)).state_dict())
