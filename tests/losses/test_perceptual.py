"""The perceptual loss against VGG-19 written out in float64, and where its weights come from."""

import copy
import functools
import hashlib
import http.server
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from srtheory.losses import PerceptualLoss, perceptual

# Places of the convolutions in torchvision's vgg19().features, with their channels; P is a pooling.
VGG19 = [
    *((0, 3, 64), (2, 64, 64), "P"),
    *((5, 64, 128), (7, 128, 128), "P"),
    *((10, 128, 256), (12, 256, 256), (14, 256, 256), (16, 256, 256), "P"),
    *((19, 256, 512), (21, 512, 512), (23, 512, 512), (25, 512, 512), "P"),
    *((28, 512, 512), (30, 512, 512), (32, 512, 512), (34, 512, 512), "P"),
]
CONVOLUTIONS = [layer for layer in VGG19 if layer != "P"]
EARLY = {"conv1_1": 1, "conv1_2": 2, "conv2_1": 3, "conv2_2": 4}  # number of convolutions
each_criterion = pytest.mark.parametrize("criterion", ["l1", "l2", "norm"])


@functools.cache
def random_weights(count):
    """As many convolutions of VGG-19, with weights that keep the spread of what they are given."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for place, inputs, outputs in CONVOLUTIONS[:count]:
        spread = (2 / (9 * inputs)) ** 0.5
        tensors[f"features.{place}.weight"] = spread * torch.randn(outputs, inputs, 3, 3, generator=generator)
        tensors[f"features.{place}.bias"] = 0.1 * torch.randn(outputs, generator=generator)
    return tensors


def early(layer="conv2_2", **settings):
    return PerceptualLoss(random_weights(4), layer, **settings)


def pair(*shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    hr = torch.rand(shape, generator=generator, dtype=torch.float64)
    sr = (hr + 0.3 * torch.randn(shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
    return sr.to(dtype), hr.to(dtype)


def convolved(x, weight, bias):
    """One picture after the other, the neighborhoods as columns of a matrix."""
    columns = F.unfold(x, 3, padding=1)  # (B, 9 C, H * W)
    maps = [weight.reshape(len(weight), -1) @ one + bias[:, None] for one in columns]
    return torch.stack(maps).reshape(len(x), len(weight), *x.shape[-2:])


def phi(x, tensors, count, after=False):
    """Features in float64 of the convolution that comes as number `count`."""
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], dtype=torch.float64)[:, :, None, None]
    x = (x.double().expand(-1, 3, -1, -1) - mean) / std
    for layer in VGG19:
        if layer == "P":
            B, C, H, W = x.shape
            x = x[..., : H // 2 * 2, : W // 2 * 2].reshape(B, C, H // 2, 2, W // 2, 2).amax((3, 5))
            continue
        x = convolved(x, *(tensors[f"features.{layer[0]}.{kind}"].double() for kind in ("weight", "bias")))
        count -= 1
        if count == 0:
            return x.clamp(min=0) if after else x
        x = x.clamp(min=0)


def compared(a, b, criterion):
    per_picture = []
    for x, y in zip(a, b, strict=True):
        d = (x - y).reshape(-1)
        per_picture.append({"l1": d.abs().mean(), "l2": (d * d).mean(), "norm": (d * d).sum().sqrt()}[criterion])
    return sum(per_picture) / len(per_picture)


@each_criterion
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("layer", "count"), EARLY.items())
def test_against_the_transcription(layer, count, after, criterion):
    sr, hr = pair(2, 3, 9, 12)
    loss = early(layer, before_activation=not after, criterion=criterion)
    expected = compared(*(phi(x, random_weights(4), count, after) for x in (sr, hr)), criterion)
    found = loss(sr, hr)
    assert found.shape == ()
    assert abs(found - expected) <= 1e-10 * expected
    assert expected > 0.01


@pytest.mark.parametrize("layer", ["conv3_3", "conv4_4", "conv5_4"])
def test_deep_layers_against_the_transcription(layer):
    names = [f"conv{b}_{i}" for b, last in enumerate((2, 2, 4, 4, 4), start=1) for i in range(1, last + 1)]
    tensors, count = random_weights(16), names.index(layer) + 1
    sr, hr = pair(1, 3, 33, 18)
    expected = compared(*(phi(x, tensors, count) for x in (sr, hr)), "l1")
    loss = PerceptualLoss(tensors, layer)
    assert abs(loss(sr, hr) - expected) <= 1e-10 * expected
    assert abs(loss(sr.float(), hr.float()) - expected) <= 1e-5 * expected
    assert len(list(loss.parameters())) == 2 * count
    assert len(loss.features) == CONVOLUTIONS[count - 1][0] + 1


def test_defaults_are_those_of_esrgan():
    loss = PerceptualLoss(random_weights(16))
    assert repr(loss).startswith(
        "PerceptualLoss(\n  layer='conv5_4', before_activation=True, criterion='l1', max_value=1\n"
    )
    assert sum(parameter.numel() for parameter in loss.parameters()) == 20_024_384


@each_criterion
def test_gradcheck(criterion):
    sr, hr = pair(2, 3, 4, 5)
    loss = early("conv1_2", criterion=criterion)
    assert torch.autograd.gradcheck(lambda x: loss(x, hr), sr.clone().requires_grad_())


@each_criterion
@pytest.mark.parametrize("layer", ["conv1_1", "conv2_1"])
def test_gradient_against_the_transcription(layer, criterion):
    sr, hr = pair(2, 3, 8, 6)
    sr.requires_grad_()
    expected = compared(*(phi(x, random_weights(4), EARLY[layer]) for x in (sr, hr)), criterion)
    (expected,) = torch.autograd.grad(expected, sr)
    (found,) = torch.autograd.grad(early(layer, criterion=criterion)(sr, hr), sr)
    assert torch.allclose(found, expected, rtol=1e-10, atol=1e-12)


@each_criterion
def test_range_batch_and_order(criterion):
    sr, hr = pair(3, 3, 8, 8)
    loss = early(criterion=criterion)
    value = loss(sr, hr)
    many = early(criterion=criterion, max_value=255)
    assert torch.allclose(many(255 * sr, 255 * hr), value, rtol=1e-12)
    assert torch.allclose(loss(sr.flip(0), hr.flip(0)), value, rtol=1e-12)
    assert torch.allclose(loss(hr, sr), value, rtol=1e-12)
    alone = torch.stack([loss(sr[i : i + 1], hr[i : i + 1]) for i in range(3)])
    assert torch.allclose(alone.mean(), value, rtol=1e-12)


def test_norm_is_the_root_of_all_squares():
    sr, hr = pair(1, 3, 8, 8)
    numbers = 128 * 4 * 4
    assert torch.allclose(early(criterion="norm")(sr, hr), (numbers * early(criterion="l2")(sr, hr)).sqrt())


@each_criterion
def test_equal_pictures_are_at_distance_zero(criterion):
    _, hr = pair(2, 3, 8, 8)
    sr = hr.clone().requires_grad_()
    value = early(criterion=criterion)(sr, hr)
    value.backward()
    assert value.detach() == 0
    assert not sr.grad.any()  # NaN would be any


@each_criterion
def test_gray_is_three_equal_channels(criterion):
    sr, hr = pair(2, 1, 8, 8)
    loss, rgb = early(criterion=criterion), sr.expand(-1, 3, -1, -1)
    assert torch.allclose(loss(sr, hr), loss(rgb, hr.expand(-1, 3, -1, -1)), rtol=1e-12)
    sr.requires_grad_()
    (gray,) = torch.autograd.grad(loss(sr, hr), sr)
    rgb = rgb.detach().requires_grad_()
    (colored,) = torch.autograd.grad(loss(rgb, hr.expand(-1, 3, -1, -1)), rgb)
    assert torch.allclose(gray, colored.sum(1, keepdim=True), rtol=1e-10)


def test_only_the_sr_picture_has_a_gradient():
    sr, hr = pair(2, 3, 8, 8, dtype=torch.float32)
    sr.requires_grad_()
    hr.requires_grad_()
    loss = early()
    loss(sr, hr).backward()
    assert sr.grad.any()
    assert hr.grad is None
    assert not any(parameter.requires_grad for parameter in loss.parameters())
    assert not loss.training
    assert torch.equal(loss.train()(sr, hr), loss.eval()(sr, hr))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@each_criterion
def test_dtype_is_kept_and_halves_are_computed_in_single(dtype, criterion):
    sr, hr = pair(2, 3, 8, 8, dtype=dtype)
    loss = early(criterion=criterion)
    value = loss(sr, hr)
    assert value.dtype == dtype
    assert torch.allclose(value, loss(sr.float(), hr.float()).to(dtype), rtol=1e-6)
    assert loss(sr, hr.double()).dtype == torch.float64
    assert next(loss.parameters()).dtype == torch.float32


def test_autocast_changes_nothing():
    sr, hr = pair(2, 3, 8, 8, dtype=torch.float32)
    sr.requires_grad_()
    loss = early()
    (plain,) = torch.autograd.grad(loss(sr, hr), sr)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(sr, hr)
        assert torch.equal(value, loss(sr, hr))
    assert torch.equal(value, loss(sr, hr))
    assert torch.equal(torch.autograd.grad(value, sr)[0], plain)


def test_a_network_cast_with_its_loss_still_computes_in_single():
    sr, hr = pair(1, 3, 8, 8, dtype=torch.bfloat16)
    loss = early().to(torch.bfloat16)
    rounded = {name: tensor.bfloat16().float() for name, tensor in random_weights(4).items()}
    assert torch.equal(loss(sr, hr), PerceptualLoss(rounded, "conv2_2")(sr, hr))


def test_nan_in_nan_out():
    sr, hr = pair(1, 3, 8, 8)
    sr[0, 1, 2, 3] = float("nan")
    assert early()(sr, hr).isnan()


def test_memory_format_changes_nothing():
    sr, hr = pair(2, 3, 8, 8)
    last = torch.channels_last
    assert torch.allclose(early()(sr.to(memory_format=last), hr), early()(sr, hr), rtol=1e-12)


def test_no_random_number_is_drawn():
    before = torch.get_rng_state()
    early()
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_are_copied_and_travel():
    sr, hr = pair(1, 3, 8, 8)
    tensors = {name: tensor.clone() for name, tensor in random_weights(4).items()}
    loss = PerceptualLoss(tensors, "conv2_2")
    value = loss(sr, hr)
    for tensor in tensors.values():
        tensor.zero_()
    assert torch.equal(loss(sr, hr), value)
    assert torch.equal(copy.deepcopy(loss)(sr, hr), value)
    other = PerceptualLoss(tensors, "conv2_2")
    other.load_state_dict(loss.state_dict())
    assert torch.equal(other(sr, hr), value)


# --- files ---


def everything():
    """The small weights in a file like torchvision's, with a classifier that is not read."""
    return {**random_weights(4), "classifier.0.weight": torch.zeros(4, 4), "classifier.0.bias": torch.zeros(4)}


def write(path, tensors, legacy=False):
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=not legacy)
    return path


@pytest.mark.parametrize("name", ["vgg.pth", "vgg.pt", "old.pth", "vgg.safetensors"])
def test_weights_from_a_file(tmp_path, name):
    path = write(tmp_path / name, everything(), legacy=name.startswith("old"))
    sr, hr = pair(1, 3, 8, 8)
    for given in (path, str(path)):
        assert torch.equal(PerceptualLoss(given, "conv2_2")(sr, hr), early()(sr, hr))


def test_other_precisions_of_a_file_are_kept_in_single(tmp_path):
    path = write(tmp_path / "vgg.pth", {name: tensor.double() for name, tensor in everything().items()})
    assert next(PerceptualLoss(path, "conv1_1").parameters()).dtype == torch.float32


@pytest.mark.parametrize("name", ["vgg.pth", "old.pth", "vgg.safetensors"])
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.5, 0.99])
def test_a_file_that_is_cut_off(tmp_path, name, kept):
    path = write(tmp_path / name, everything(), legacy=name.startswith("old"))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(ValueError, match=r"holds no weights, or is cut off") as caught:
        PerceptualLoss(path, "conv2_2")
    assert str(path) in str(caught.value)


class Stranger:
    pass


def wrong(**changes):
    tensors = {**everything(), **{name.replace("_", "."): tensor for name, tensor in changes.items()}}
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}


FILES = [
    ("of classes", Stranger(), "holds no weights, or is cut off"),
    ("one tensor", torch.zeros(3), "holds a Tensor, not tensors by name"),
    ("a list", [1, 2], "holds a list, not tensors by name"),
    ("nothing", {}, "has no features.0.weight, which conv2_2 of VGG-19 needs; it begins with nothing"),
    (
        "wrapped",
        {"state_dict": random_weights(4)},
        "has no features.0.weight, which conv2_2 of VGG-19 needs; it begins",
    ),
    ("of a resnet", {"conv1.weight": torch.zeros(1), "fc.bias": torch.zeros(1)}, "begins with conv1.weight, fc.bias"),
    ("of vgg16", wrong(features_17_weight=torch.zeros(1)), "of another network: it has features.17.weight, which VGG"),
    ("with normalization", wrong(features_1_bias=torch.zeros(1)), "another network: it has features.1.bias"),
    ("too short", random_weights(3), "has no features.7.weight, which conv2_2 of VGG-19 needs"),
    ("no bias", wrong(features_5_bias=None), "has no features.5.bias"),
    ("shape", wrong(features_5_weight=torch.zeros(128, 64, 5, 5)), "features.5.weight has shape (128, 64, 5, 5), but"),
    ("gray", wrong(features_0_weight=torch.zeros(64, 1, 3, 3)), "(64, 1, 3, 3), but (64, 3, 3, 3) in VGG-19"),
    ("integers", wrong(features_2_bias=torch.zeros(64).int()), "features.2.bias must be a tensor of floats, not torch"),
    ("no tensor", wrong(features_2_bias=[0.0] * 64), "features.2.bias must be a tensor of floats, not list"),
]


@pytest.mark.parametrize(("content", "message"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_a_file_of_something_else(tmp_path, content, message):
    path = tmp_path / "given.pth"
    torch.save(content, path)
    with pytest.raises(ValueError, match=r"given\.pth") as caught:
        PerceptualLoss(path, "conv2_2")
    assert message in str(caught.value)


def test_another_network_in_safetensors(tmp_path):
    path = write(tmp_path / "given.safetensors", {"features.3.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"given\.safetensors is of another network: it has features\.3\.weight"):
        PerceptualLoss(path)


# --- the download ---


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A server on this machine, the folder that it shows, and the requests that it had; TORCH_HOME elsewhere."""
    shown, requests = tmp_path / "shown", []
    shown.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, form, *arguments):
            requests.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(shown)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def offer(digest=None):
        path = write(shown / "vgg.pth", everything(), legacy=True)
        digest = digest or hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        name = path.rename(shown / f"vgg19-{digest}.pth").name
        monkeypatch.setattr(perceptual, "VGG19", f"http://127.0.0.1:{server.server_port}/{name}")
        return tmp_path / "home" / "hub" / "checkpoints" / name

    yield offer, requests
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_download_is_checked_and_kept(site):
    offer, requests = site
    kept = offer()
    sr, hr = pair(1, 3, 8, 8)
    early()
    assert requests == []
    for _ in range(2):
        loss = PerceptualLoss(layer="conv2_2")
        assert torch.equal(loss(sr, hr), early()(sr, hr))
    assert requests == [f"/{kept.name}"]
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_a_wrong_hash_leaves_nothing(site):
    offer, _ = site
    kept = offer("0123abcd")
    with pytest.raises(ValueError, match=r'invalid hash value \(expected "0123abcd"') as caught:
        PerceptualLoss(layer="conv2_2")
    assert perceptual.VGG19 in str(caught.value)
    assert list(kept.parent.iterdir()) == []


def test_a_spoiled_copy_says_which_file_to_delete(site):
    offer, requests = site
    kept = offer()
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"half of it")
    with pytest.raises(ValueError, match="did not give the weights of VGG-19") as caught:
        PerceptualLoss(layer="conv2_2")
    assert f"delete {kept}" in str(caught.value)
    assert requests == []


@pytest.mark.parametrize("reason", ["not there", "no server"])
def test_without_a_network_it_says_what_to_bring(site, monkeypatch, reason):
    offer, _ = site
    kept = offer()
    address = {"not there": f"{perceptual.VGG19}x", "no server": "http://127.0.0.1:9/vgg19-dcbb9e9d.pth"}[reason]
    monkeypatch.setattr(perceptual, "VGG19", address)
    with pytest.raises(ConnectionError, match="cannot be downloaded") as caught:
        PerceptualLoss()
    assert f"get {address} where there is a network, and pass the file" in str(caught.value)
    assert "PerceptualLoss(weights='vgg19-dcbb9e9d.pth')" in str(caught.value)
    assert list(kept.parent.iterdir()) == []


def test_the_address_is_the_published_one():
    assert perceptual.VGG19 == "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"


SR, HR = pair(1, 3, 16, 16, dtype=torch.float32)
ROWS = [
    ("layer", lambda: early("relu5_4"), ValueError, "layer must be one of 'conv1_1', 'conv1_2', 'conv2_1'"),
    ("criterion", lambda: early(criterion="L1"), ValueError, "one of 'l1', 'l2', 'norm', not 'L1'"),
    ("max_value", lambda: early(max_value=0), ValueError, "max_value must be positive and finite, not 0"),
    ("weights", lambda: PerceptualLoss(True), TypeError, "weights must be None, a path, or tensors by name, not bool"),
    ("no file", lambda: PerceptualLoss("no/vgg19.pth"), FileNotFoundError, f"no file {Path('no/vgg19.pth')}; the publ"),
    (
        "a folder",
        lambda: PerceptualLoss(Path("tests")),
        FileNotFoundError,
        f"weights of VGG-19 are at {perceptual.VGG19}",
    ),
    ("names", lambda: PerceptualLoss({}, "conv1_1"), ValueError, "weights has no features.0.weight, which conv1_1 of"),
    ("not a tensor", lambda: early()([1.0], HR), TypeError, "sr must be a tensor of floats (B, C, H, W), not list"),
    ("integers", lambda: early()(SR, (255 * HR).byte()), TypeError, "divide 8-bit pictures by 255"),
    (
        "three dimensions",
        lambda: early()(SR[0], HR[0]),
        ValueError,
        "sr has shape (3, 16, 16); it must be (B, C, H, W)",
    ),
    ("no picture", lambda: early()(SR[:0], HR[:0]), ValueError, "none of them zero"),
    ("shapes", lambda: early()(SR[..., :8], HR), ValueError, "they must be of one shape"),
    ("channels", lambda: early()(SR[:, :2], HR[:, :2]), ValueError, "(1, 2, 16, 16), (B, C, H, W); C must be 3, or 1"),
    ("range", lambda: early()(255 * SR, 255 * HR), ValueError, "far beyond max_value=1; pass max_value=255 or divide"),
    ("dark", lambda: early(max_value=255)(SR, HR), ValueError, "far below max_value=255; pass max_value=1 or multiply"),
    (
        "device",
        lambda: early().to("meta")(SR, HR),
        ValueError,
        "sr is on cpu, but the loss on meta; use loss.to(sr.dev",
    ),
    ("small", lambda: early()(SR[..., :1], HR[..., :1]), ValueError, "16x1 are too small for conv2_2; it needs 2x2"),
]


@pytest.mark.parametrize(("call", "error", "message"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_bad_input(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


def test_the_smallest_picture_of_the_default_layer():
    loss = PerceptualLoss(random_weights(16))
    assert loss(*pair(1, 3, 16, 16)).isfinite()
    with pytest.raises(ValueError, match="15x16 are too small for conv5_4; it needs 16x16"):
        loss(*pair(1, 3, 15, 16))
