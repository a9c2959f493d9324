"""VGGDiscriminator against its published size and against its layers written out one by one."""

import io

import pytest
import torch
from safetensors.torch import load, save
from torch import nn
from torch.nn import functional as F

from srtheory.models import VGGDiscriminator
from tests.models.test_networks import conv, leaky, picture

WIDTHS = [64, 128, 256, 512, 512]


def tiny(size=32, seed=0, **changes):
    return VGGDiscriminator.preset("tiny", size, generator=torch.Generator().manual_seed(seed), **changes)


def lively(net):
    """With normalizations that are not the identity, and weights that keep the spread of what they are given."""
    generator = torch.Generator().manual_seed(5)
    for name, value in net.state_dict().items():
        if value.ndim > 1:
            nn.init.kaiming_normal_(value, generator=generator)
        elif name.startswith("bn") and value.is_floating_point():
            nn.init.uniform_(value, 0.5, 1.5, generator=generator)
    return net


def halving(x, weight):
    """The 4 x 4 convolution of stride 2 as a sum of sixteen shifted products."""
    h, w = x.shape[-2] // 2, x.shape[-1] // 2
    padded = F.pad(x, (1, 1, 1, 1))
    return sum(
        torch.einsum("oc,bchw->bohw", weight[:, :, i, j], padded[..., i : i + 2 * h : 2, j : j + 2 * w : 2])
        for i in range(4)
        for j in range(4)
    )


def normalized(x, weights, name, training):
    mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
    if training:
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
    mean, variance, gain, shift = (
        v[:, None, None] for v in (mean, variance, weights[f"{name}.weight"], weights[f"{name}.bias"])
    )
    return (x - mean) / (variance + 1e-5).sqrt() * gain + shift


def by_hand(weights, x, training):
    x = leaky(conv(x, weights, "conv0_0"))
    x = leaky(normalized(halving(x, weights["conv0_1.weight"]), weights, "bn0_1", training))
    for stage in (1, 2, 3, 4):
        wide = conv(x, {**weights, f"conv{stage}_0.bias": x.new_zeros(1)}, f"conv{stage}_0")
        x = leaky(normalized(wide, weights, f"bn{stage}_0", training))
        small = halving(x, weights[f"conv{stage}_1.weight"])
        x = leaky(normalized(small, weights, f"bn{stage}_1", training))
    numbers = torch.stack([one.reshape(-1) for one in x])
    x = leaky(numbers @ weights["linear1.weight"].T + weights["linear1.bias"])
    return x @ weights["linear2.weight"].T + weights["linear2.bias"]


def counted(size, widths, colors=3):
    count = 3 * 3 * colors * widths[0] + widths[0]
    for stage, outputs in enumerate(widths):
        if stage:
            count += 3 * 3 * widths[stage - 1] * outputs + 2 * outputs
        count += 4 * 4 * outputs * outputs + 2 * outputs
    return count + 100 * (widths[-1] * (size // 32) ** 2 + 1) + 100 + 1


@pytest.mark.parametrize(("name", "count"), [("esrgan", 14_499_401), ("tiny", 317_177)])
def test_parameter_count(name, count):
    with torch.device("meta"):
        net = VGGDiscriminator.preset(name)
        same = repr(VGGDiscriminator()) == repr(net)
    assert sum(parameter.numel() for parameter in net.parameters() if parameter.requires_grad) == count
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert same == (name == "esrgan")


@pytest.mark.parametrize(("size", "channels", "colors"), [(128, 64, 3), (32, 64, 1), (256, 16, 3), (96, 5, 4)])
def test_parameter_count_from_the_layers(size, channels, colors):
    with torch.device("meta"):
        net = VGGDiscriminator(size, channels, colors)
    widths = [channels * width // 64 for width in WIDTHS]
    assert sum(parameter.numel() for parameter in net.parameters()) == counted(size, widths, colors)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("size", "colors"), [(32, 3), (64, 1), (96, 3)])
def test_discriminator_is_its_layers(size, colors, training):
    net = lively(tiny(size, colors=colors).double()).train(training)
    x = picture(3, colors, size, size, dtype=torch.float64)
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    logits = net(x)
    assert logits.shape == (3, 1)
    assert logits.std() > 0.01
    assert torch.allclose(logits, by_hand(weights, x, training), rtol=1e-10, atol=1e-10)


def test_running_statistics_follow_the_batches():
    net = tiny().double()
    x = picture(2, 3, 32, 32, dtype=torch.float64)
    small = halving(leaky(conv(x, net.state_dict(), "conv0_0")), net.conv0_1.weight)
    net(x)
    assert torch.allclose(net.bn0_1.running_mean, 0.1 * small.mean((0, 2, 3)))
    assert torch.allclose(net.bn0_1.running_var, 0.9 + 0.1 * small.var((0, 2, 3)))


def test_a_picture_is_judged_alone_in_eval_only():
    net = tiny().double()
    x = picture(3, 3, 32, 32, dtype=torch.float64)
    assert not torch.allclose(net(x)[:2], net(x[:2]))
    net.eval()
    assert torch.allclose(net(x)[:1], net(x[:1]), rtol=0, atol=1e-12)
    assert net(x[:0]).shape == (0, 1)


@pytest.mark.parametrize("size", [32, 64])
def test_start_is_set_by_a_seed(size):
    def weights(net):
        return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])

    assert torch.equal(weights(tiny(size)), weights(tiny(size)))
    assert not torch.equal(weights(tiny(size)), weights(tiny(size, seed=1)))
    first, second = (torch.manual_seed(3) and weights(VGGDiscriminator.preset("tiny", size)) for _ in range(2))
    assert torch.equal(first, second)
    torch.manual_seed(7)
    assert torch.equal(weights(tiny(size)), weights(tiny(size)))  # torch's own generator has no part in it


@pytest.mark.parametrize("seeded", [True, False])
def test_first_weights_have_their_spread(seeded):
    net = VGGDiscriminator(64, 32, generator=torch.Generator().manual_seed(0) if seeded else None)
    layers = [(net.conv0_0, 9 * 3), (net.conv2_0, 9 * 64), (net.conv3_1, 16 * 256), (net.linear1, 1024)]
    for layer, inputs in layers:
        bound = inputs**-0.5  # torch's default: uniform
        assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.02)
        assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    for layer, inputs in (layers[0], layers[-1], (net.linear2, 100)):
        assert 0 < layer.bias.abs().max() <= inputs**-0.5
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all()
            assert not module.bias.any()


def test_gradient_reaches_every_parameter():
    net, x = tiny(64), picture(2, 3, 64, 64).requires_grad_()
    net(x).square().sum().backward()
    for name, parameter in [*net.named_parameters(), ("picture", x)]:
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name
        assert parameter.grad.isfinite().all(), name


def test_weights_travel():
    net, other, third = lively(tiny()).eval(), tiny(seed=1).eval(), tiny(seed=2).eval()
    x = picture(2, 3, 32, 32)
    assert not torch.equal(net(x), other(x))
    other.load_state_dict(load(save(net.state_dict())))
    assert torch.equal(net(x), other(x))
    buffer = io.BytesIO()
    torch.save(net.state_dict(), buffer)
    buffer.seek(0)
    third.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(net(x), third(x))


def test_parameters_have_the_names_of_basicsr():
    names = ["conv0_0.weight", "conv0_0.bias", "conv0_1.weight", "bn0_1.weight", "bn0_1.bias"]
    for stage in (1, 2, 3, 4):
        for i in (0, 1):
            names += [f"conv{stage}_{i}.weight", f"bn{stage}_{i}.weight", f"bn{stage}_{i}.bias"]
    names += ["linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"]
    assert [name for name, _ in tiny().named_parameters()] == names


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_dtype_is_kept(dtype):
    net = tiny().to(dtype).eval()
    x = picture(2, 3, 32, 32, dtype=dtype)
    logits = net(x)
    assert logits.dtype == dtype
    assert torch.allclose(logits.double(), tiny().double().eval()(x.double()), atol=20 * torch.finfo(dtype).eps)


def test_autocast():
    net, x = tiny().eval(), picture(2, 3, 32, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = net(x)
    assert torch.allclose(logits.float(), net(x), atol=0.01)


def test_channels_last_changes_nothing():
    net, x = lively(tiny(64).double()).eval(), picture(2, 3, 64, 64, dtype=torch.float64)
    plain = net(x)
    last = net.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    assert torch.allclose(plain, last, rtol=0, atol=1e-12)


X = picture(2, 3, 32, 32)
ROWS = [
    ("not a tensor", lambda: tiny()([1.0]), TypeError, "picture must be a tensor of floats (B, C, h, w), not list"),
    ("integers", lambda: tiny()((255 * X).byte()), TypeError, "not torch.uint8; divide 8-bit pictures by 255"),
    ("one picture", lambda: tiny()(X[0]), ValueError, "picture has shape (3, 32, 32); it must be (B, C, h, w)"),
    ("hint", lambda: tiny()(X[0]), ValueError, "one picture is picture[None]"),
    ("gray", lambda: tiny()(X[:, :1]), ValueError, "the network takes 3 channels; pass that many, or make it with"),
    ("dtype", lambda: tiny()(X.double()), TypeError, "use picture.to(torch.float32) or net.to(picture.dtype)"),
    ("size", lambda: tiny(64)(X), ValueError, "picture is 32x32, but the network takes 64x64; crop, or make it with"),
    ("not square", lambda: tiny()(X[..., :16]), ValueError, "picture is 32x16, but the network takes 32x32"),
    ("one while training", lambda: tiny()(X[:1]), ValueError, "a batch of 1 has no variance to normalize with"),
    ("none while training", lambda: tiny(64)(picture(0, 3, 64, 64)), ValueError, "a batch of 0 has no variance"),
    ("side", lambda: VGGDiscriminator(100), ValueError, "size must be a multiple of 32, in pixels, not 100"),
    ("no side", lambda: VGGDiscriminator(0), ValueError, "multiple of 32, in pixels, not 0"),
    ("broken side", lambda: VGGDiscriminator(64.0), ValueError, "not 64.0"),
    ("channels", lambda: VGGDiscriminator(channels=0), ValueError, "channels must be a positive whole number, not 0"),
    ("colors", lambda: VGGDiscriminator(colors=-3), ValueError, "colors must be a positive whole number, not -3"),
    ("name", lambda: VGGDiscriminator.preset("large"), ValueError, "one of 'esrgan', 'tiny', not 'large'"),
]


@pytest.mark.parametrize(("call", "error", "message"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_bad_input(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


def test_one_picture_of_64_may_train():
    assert tiny(64)(picture(1, 3, 64, 64)).isfinite().all()
