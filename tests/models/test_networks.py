"""EDSR and RRDBNet against their published sizes and against their layers written out one by one."""

import io

import pytest
import torch
from safetensors.torch import load, save
from torch import nn
from torch.nn import functional as F

from srtheory.models import EDSR, RRDBNet

COUNTS = [
    (EDSR, "baseline", 2, 1_369_859),
    (EDSR, "baseline", 3, 1_554_499),
    (EDSR, "baseline", 4, 1_517_571),
    (EDSR, "large", 2, 40_729_603),
    (EDSR, "large", 3, 43_680_003),
    (EDSR, "large", 4, 43_089_923),
    (EDSR, "tiny", 2, 31_043),
    (EDSR, "tiny", 3, 42_643),
    (EDSR, "tiny", 4, 40_323),
    (RRDBNet, "esrgan", 2, 16_661_059),
    (RRDBNet, "esrgan", 3, 16_661_059),
    (RRDBNet, "esrgan", 4, 16_697_987),
    (RRDBNet, "tiny", 2, 97_987),
    (RRDBNet, "tiny", 3, 97_987),
    (RRDBNet, "tiny", 4, 100_307),
]
NETS = [EDSR, RRDBNet]
SCALES = [2, 3, 4]


def tiny(kind, scale=4, seed=0, **changes):
    return kind.preset("tiny", scale, generator=torch.Generator().manual_seed(seed), **changes)


def picture(*shape, dtype=torch.float32):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)


def conv(x, weights, name):
    """The 3 x 3 convolution as a sum of nine shifted products."""
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    h, w = x.shape[-2:]
    padded = F.pad(x, (1, 1, 1, 1))
    parts = (
        torch.einsum("oc,bchw->bohw", weight[:, :, i, j], padded[..., i : i + h, j : j + w])
        for i in range(3)
        for j in range(3)
    )
    return sum(parts) + bias[:, None, None]


def shuffled(x, s):
    """Channel c s^2 + i s + j of the input is pixel (i, j) of each s x s cell of channel c."""
    B, C, h, w = x.shape
    out = x.new_zeros(B, C // s**2, h * s, w * s)
    for channel in range(C):
        out[:, channel // s**2, channel // s % s :: s, channel % s :: s] = x[:, channel]
    return out


def leaky(x):
    return torch.where(x > 0, x, 0.2 * x)


def edsr_by_hand(weights, lr, scale, blocks, residual_scale):
    mean = torch.tensor([0.4488, 0.4371, 0.4040])[:, None, None].to(lr)
    head = x = conv(lr - mean, weights, "head.0")
    for i in range(blocks):
        x = x + residual_scale * conv(conv(x, weights, f"body.{i}.body.0").clamp(min=0), weights, f"body.{i}.body.2")
    x = head + conv(x, weights, f"body.{blocks}")
    if scale == 4:
        x = shuffled(conv(shuffled(conv(x, weights, "tail.0.0"), 2), weights, "tail.0.2"), 2)
    else:
        x = shuffled(conv(x, weights, "tail.0.0"), scale)
    return conv(x, weights, "tail.1") + mean


def rrdb_by_hand(weights, lr, scale, blocks):
    first = x = conv(lr, weights, "conv_first")
    for i in range(blocks):
        outer = x
        for j in (1, 2, 3):
            name = f"body.{i}.rdb{j}"
            x1 = leaky(conv(x, weights, f"{name}.conv1"))
            x2 = leaky(conv(torch.cat([x, x1], 1), weights, f"{name}.conv2"))
            x3 = leaky(conv(torch.cat([x, x1, x2], 1), weights, f"{name}.conv3"))
            x4 = leaky(conv(torch.cat([x, x1, x2, x3], 1), weights, f"{name}.conv4"))
            x = x + 0.2 * conv(torch.cat([x, x1, x2, x3, x4], 1), weights, f"{name}.conv5")
        x = outer + 0.2 * x
    x = first + conv(x, weights, "conv_body")
    for stage, s in enumerate([2, 2] if scale == 4 else [scale], start=1):
        x = x.repeat_interleave(s, 2).repeat_interleave(s, 3)
        x = leaky(conv(x, weights, f"conv_up{stage}"))
    return conv(leaky(conv(x, weights, "conv_hr")), weights, "conv_last")


@pytest.mark.parametrize(("kind", "name", "scale", "count"), COUNTS)
def test_parameter_count(kind, name, scale, count):
    with torch.device("meta"):
        net = kind.preset(name, scale)
    assert sum(parameter.numel() for parameter in net.parameters() if parameter.requires_grad) == count
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_defaults_are_the_published_networks():
    with torch.device("meta"):
        for net, name in ((EDSR(), "baseline"), (RRDBNet(), "esrgan")):
            assert repr(net) == repr(type(net).preset(name))
        assert EDSR.preset("baseline").body[0].residual_scale == 1
        assert EDSR.preset("large").body[0].residual_scale == 0.1


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", [(7, 5), (1, 1), (8, 8)])
@pytest.mark.parametrize("kind", NETS)
def test_shape(kind, size, scale):
    sr = tiny(kind, scale).eval()(picture(2, 3, *size))
    assert sr.shape == (2, 3, scale * size[0], scale * size[1])
    assert sr.isfinite().all()


@pytest.mark.parametrize("kind", NETS)
def test_other_colors_and_no_picture(kind):
    assert tiny(kind, colors=1)(picture(1, 1, 4, 4)).shape == (1, 1, 16, 16)
    assert tiny(kind)(picture(0, 3, 4, 4)).shape == (0, 3, 16, 16)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("residual_scale", [1.0, 0.1])
def test_edsr_is_its_layers(scale, residual_scale):
    net = tiny(EDSR, scale, residual_scale=residual_scale).double()
    lr = picture(2, 3, 5, 6, dtype=torch.float64)
    by_hand = edsr_by_hand(net.state_dict(), lr, scale, 4, residual_scale)
    assert torch.allclose(net(lr), by_hand, rtol=0, atol=1e-7)  # the mean is kept in float32
    net.mean.copy_(torch.tensor([0.4488, 0.4371, 0.4040])[:, None, None])
    assert torch.allclose(net(lr), by_hand, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", SCALES)
def test_rrdb_is_its_layers(scale):
    net = tiny(RRDBNet, scale).double()
    for parameter in net.parameters():  # away from the small first weights, where a residual hardly shows
        nn.init.normal_(parameter, std=0.1)
    lr = picture(2, 3, 5, 6, dtype=torch.float64)
    by_hand = rrdb_by_hand(net.state_dict(), lr, scale, 2)
    assert by_hand.std() > 0.1
    assert torch.allclose(net(lr), by_hand, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scale", SCALES)
def test_rrdb_has_the_names_of_basicsr(scale):
    layers = ["conv_first"]
    for block in range(2):
        layers += [f"body.{block}.rdb{j}.conv{k}" for j in (1, 2, 3) for k in (1, 2, 3, 4, 5)]
    layers += ["conv_body", "conv_up1", *(["conv_up2"] if scale == 4 else []), "conv_hr", "conv_last"]
    expected = [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]
    assert list(tiny(RRDBNet, scale).state_dict()) == expected


@pytest.mark.parametrize("scale", SCALES)
def test_edsr_has_the_names_of_its_authors_code(scale):
    """But for the shifts by the mean, which are layers of their own there."""
    layers = ["head.0", *(f"body.{i}.body.{k}" for i in range(4) for k in (0, 2)), "body.4", "tail.0.0"]
    layers += [*(["tail.0.2"] if scale == 4 else []), "tail.1"]
    expected = [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]
    assert [name for name in tiny(EDSR, scale).state_dict() if name != "mean"] == expected


def test_mean_is_fixed_and_in_range():
    net = tiny(EDSR, max_value=255)
    assert torch.allclose(net.mean.flatten(), 255 * torch.tensor([0.4488, 0.4371, 0.4040]))
    assert "mean" not in dict(net.named_parameters())
    assert "mean" in net.state_dict()
    assert tiny(EDSR, mean=(0.1, 0.2, 0.3)).mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert tiny(EDSR, colors=1).mean.tolist() == [[[pytest.approx(0.42997, abs=1e-5)]]]


def test_range_of_255_is_the_same_network():
    """With biases 255 times as large: a network of ReLUs is homogeneous."""
    one, many = tiny(EDSR).double(), tiny(EDSR, max_value=255).double()
    with torch.no_grad():
        for name, parameter in many.named_parameters():
            if name.endswith("bias"):
                parameter.mul_(255)
    lr = picture(1, 3, 6, 6, dtype=torch.float64)
    assert torch.allclose(many(255 * lr) / 255, one(lr), atol=1e-6)


@pytest.mark.parametrize("kind", NETS)
def test_weights_travel(kind):
    net, other, third = tiny(kind), tiny(kind, seed=1), tiny(kind, seed=2)
    lr = picture(1, 3, 6, 6)
    assert not torch.equal(net(lr), other(lr))
    other.load_state_dict(load(save(net.state_dict())))
    assert torch.equal(net(lr), other(lr))
    buffer = io.BytesIO()
    torch.save(net.state_dict(), buffer)
    buffer.seek(0)
    third.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(net(lr), third(lr))


@pytest.mark.parametrize("kind", NETS)
def test_start_is_set_by_a_seed(kind):
    def weights(net):
        return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])

    assert torch.equal(weights(tiny(kind)), weights(tiny(kind)))
    assert not torch.equal(weights(tiny(kind)), weights(tiny(kind, seed=1)))
    first, second = (torch.manual_seed(3) and weights(kind.preset("tiny")) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("seeded", [True, False])
def test_first_weights_have_their_spread(seeded):
    generator = torch.Generator().manual_seed(0) if seeded else None
    net = RRDBNet(blocks=1, generator=generator)
    for number, inputs in enumerate([64, 96, 128, 160, 192], start=1):
        layer = net.body[0].rdb2.get_submodule(f"conv{number}")
        assert layer.weight.std().item() == pytest.approx(0.1 * (2 / (9 * inputs)) ** 0.5, rel=0.02)  # He, times 0.1
        assert not layer.bias.any()
    for layer in (net.conv_body, EDSR(blocks=1, generator=generator).body[0].body[0]):
        bound = 1 / (9 * 64) ** 0.5  # torch's default: uniform
        assert layer.weight.abs().max().item() == pytest.approx(bound, rel=1e-3)
        assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)
        assert 0 < layer.bias.abs().max() <= bound


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kind", NETS)
def test_gradient_reaches_every_parameter(kind, scale):
    net = tiny(kind, scale)
    lr = picture(2, 3, 8, 8).requires_grad_()
    net(lr).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name
        assert parameter.grad.isfinite().all(), name
    assert lr.grad.any()


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_dtype_is_kept(kind, dtype):
    net = tiny(kind).to(dtype)
    lr = picture(1, 3, 6, 6, dtype=dtype)
    sr = net(lr)
    assert sr.dtype == dtype
    assert torch.allclose(sr.double(), tiny(kind).double()(lr.double()), atol=20 * torch.finfo(dtype).eps + 1e-7)


@pytest.mark.parametrize("kind", NETS)
def test_autocast(kind):
    net, lr = tiny(kind), picture(1, 3, 6, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        sr = net(lr)
    assert torch.allclose(sr.float(), net(lr), atol=0.05)


@pytest.mark.parametrize("kind", NETS)
def test_channels_last_changes_nothing(kind):
    net, lr = tiny(kind).double(), picture(2, 3, 7, 5, dtype=torch.float64)
    plain = net(lr)
    last = net.to(memory_format=torch.channels_last)(lr.to(memory_format=torch.channels_last))
    assert torch.allclose(plain, last, rtol=0, atol=1e-12)
