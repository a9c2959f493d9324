"""DECLoss against a slow transcription, its two backends against each other, its positives against float64."""

import importlib
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from srtheory.data import photograph
from srtheory.losses import DECLoss, decloss
from tests.losses import oracles

module = importlib.import_module("srtheory.losses.decloss")
BACKENDS = ("dense", "tiled")
READINGS = [
    {},
    {"similarity": "psnr"},
    {"similarity": "psnr", "temperature": "inside"},
    {"anchor": "sr"},
    {"anchor": "sr", "temperature": "inside", "similarity": "psnr"},
    {"center": "patch", "similarity": "psnr"},
    {"center": "channel", "temperature": "inside", "anchor": "sr"},
    {"center": "channel", "similarity": "psnr"},
    {"similarity": "psnr", "threshold": 20.0},
    {"similarity": "psnr", "threshold": 26.0, "t_pos": 2.0, "t_neg": 0.7, "temperature": "inside"},
    {"temperature": "inside", "t_pos": 0.005, "t_neg": 0.005, "similarity": "psnr", "threshold": 20.0},
    {"patch_size": 4, "similarity": "psnr", "threshold": 30.0},
]
each_backend = pytest.mark.parametrize("backend", BACKENDS)
each_reading = pytest.mark.parametrize("reading", READINGS, ids=lambda r: "-".join(map(str, r.values())) or "printed")


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Tiles that do not divide the number of patches, so that several of every kind occur."""
    monkeypatch.setitem(module.TILE, "cpu", 5)


def real_batch(side=32, dtype=torch.float64):
    """Two crops of photographs with smooth and textured parts, and blurred, noisy versions of them."""
    hr = torch.stack(
        [photograph("astronaut")[:, :side, 200 : 200 + side], photograph("chelsea")[:, 60 : 60 + side, :side]]
    )
    sr = torch.nn.functional.avg_pool2d(hr, 3, 1, 1)
    noise = torch.randn(hr.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (sr + 0.02 * noise).to(dtype), hr.to(dtype)


def value_and_gradient(loss, sr):
    sr = sr.clone().requires_grad_()
    value = loss(sr)
    (gradient,) = torch.autograd.grad(value, sr)
    return value.detach(), gradient


def close(found, expected, tolerance):
    return (found.double() - expected).norm() <= tolerance * expected.norm()


def transcribed(reading):
    names = {"patch_size": "P", "threshold": "eta"}
    return {names.get(name, name): value for name, value in reading.items()}


@each_backend
@each_reading
def test_against_the_transcription(backend, reading):
    sr, hr = real_batch()
    value, gradient = value_and_gradient(
        lambda x: oracles.decloss(x, hr, norm_floor=1 / 255, no_negative="skip", **transcribed(reading)), sr
    )
    for dtype, of_value, of_gradient in ((torch.float64, 1e-10, 1e-10), (torch.float32, 1e-5, 1e-4)):
        found = value_and_gradient(lambda x: decloss(x, hr.to(x.dtype), backend=backend, **reading), sr.to(dtype))
        assert close(found[0], value, of_value)
        assert close(found[1], gradient, of_gradient)


@each_backend
def test_as_printed_without_a_floor(backend):
    sr, hr = real_batch()
    expected = oracles.decloss(sr, hr)
    assert close(decloss(sr, hr, norm_floor=0.0, no_negative="printed", backend=backend), expected, 1e-12)


@each_backend
@pytest.mark.parametrize("reading", [READINGS[0], READINGS[4], READINGS[5]], ids=["printed", "inside", "center"])
def test_gradcheck(backend, reading):
    sr, hr = real_batch(16)
    sr = sr.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: decloss(x, hr, backend=backend, **reading), sr)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 4]), st.floats(10, 50), st.integers(1, 9))
def test_backends_agree(seed, patch_size, threshold, tile):
    sr, hr = real_batch(16)
    generator = torch.Generator().manual_seed(seed)
    sr = sr[:, :, :8, :8] + 0.1 * torch.rand(2, 3, 8, 8, generator=generator, dtype=torch.float64)
    before, module.TILE["cpu"] = module.TILE["cpu"], tile
    given_ = {"patch_size": patch_size, "threshold": threshold, "similarity": "psnr"}
    found = [value_and_gradient(lambda x, b=b: decloss(x, hr[:, :, :8, :8], backend=b, **given_), sr) for b in BACKENDS]
    module.TILE["cpu"] = before
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-12)


def mask_of(patches, radius):
    """The positives that the library finds, in the order of the patches."""
    order = patches.mean(1, dtype=torch.float64).argsort()
    mask = torch.zeros(len(order), len(order), dtype=torch.bool)
    for rows, columns, positive in module._Positives(patches[order], radius).tiles():
        if positive is not None:
            mask[rows, columns], mask[columns, rows] = positive, positive.mT
    unsorted = torch.empty_like(mask)
    unsorted[order[:, None], order] = mask
    return unsorted


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("threshold", [34.0, 20.0, -math.inf, math.inf])
def test_positives_are_those_of_float64(dtype, threshold, monkeypatch):
    """A million real pairs; 10,000 within 1e-3 dB of the threshold, 10,000 nearly equal; equal and constant patches."""
    monkeypatch.setitem(module.TILE, "cpu", 256)
    real = module._patches(photograph("coffee")[None, :, :256, :256], 8)[:1010]
    generator = torch.Generator().manual_seed(0)
    d = real.shape[1]
    radius = 10 ** (-threshold / 20) if math.isfinite(threshold) else (0.0 if threshold > 0 else math.inf)
    reach = radius if math.isfinite(threshold) else 10 ** (-34.0 / 20)
    # Two sets of unit vectors, orthogonal to each other: each pair across them is the root of two apart.
    first, second = torch.zeros(100, d, dtype=torch.float64), torch.zeros(100, d, dtype=torch.float64)
    first[:, : d // 2] = torch.randn(100, d // 2, generator=generator, dtype=torch.float64)
    second[:, d // 2 :] = torch.randn(100, d // 2, generator=generator, dtype=torch.float64)
    about = [10 ** (5e-4 * (2 * torch.rand(100, 1, generator=generator, dtype=torch.float64) - 1) / 20) for _ in "ab"]
    across = [
        x / x.norm(dim=1, keepdim=True) * reach / math.sqrt(2) * a for x, a in zip((first, second), about, strict=True)
    ]
    patches = torch.cat(
        [
            real,
            *(real[7] + x for x in across),
            real[300] + 1e-7 * torch.randn(101, d, generator=generator, dtype=torch.float64),
            real[:10],
            torch.linspace(0, 1, 10, dtype=torch.float64)[:, None].expand(10, d),
        ]
    ).to(dtype)
    exact = patches.double()
    squared = torch.stack([(row - exact).square().sum(1) for row in exact])
    found = mask_of(patches.to(torch.promote_types(dtype, torch.float32)), radius)
    assert (found == (squared <= radius**2)).all()
    if threshold == 34.0 and dtype == torch.float64:
        near = (20 * torch.log10(squared.sqrt() / radius)).abs() <= 1e-3
        assert near.sum() >= 10_000
        assert found[near].any()
        assert not found[near].all()
        assert ((squared > 0) & (squared < 1e-10)).sum() >= 10_000


@each_backend
def test_autocast_changes_nothing(backend):
    sr, hr = (x.float() for x in real_batch())
    plain = value_and_gradient(lambda x: decloss(x, hr, backend=backend), sr)

    def inside(x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return decloss(x, hr, backend=backend)

    torch.testing.assert_close(value_and_gradient(inside, sr), plain, rtol=0, atol=0)


@each_backend
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtype_is_kept(backend, dtype):
    sr, hr = real_batch(dtype=dtype)
    value, gradient = value_and_gradient(lambda x: decloss(x, hr, backend=backend), sr)
    assert value.dtype == gradient.dtype == dtype
    exact = decloss(sr.double(), hr.double())
    assert close(value, exact, 2 * torch.finfo(dtype).eps + 1e-6)


@each_backend
def test_outside_temperatures_have_no_gradient(backend):
    """A knob connected to nothing: the printed temperatures add log(t_pos / t_neg) to the loss."""
    sr, hr = real_batch()
    (first, gradient), (second, same) = (
        value_and_gradient(lambda x, t=t: decloss(x, hr, t_pos=t, t_neg=1.5, backend=backend), sr) for t in (0.5, 8.0)
    )
    torch.testing.assert_close(gradient, same, rtol=1e-12, atol=0)
    assert (second - first).item() == pytest.approx(math.log(8.0 / 0.5))


def test_blind_to_the_scale_of_each_patch():
    sr, hr = real_batch()
    value, gradient = value_and_gradient(lambda x: decloss(x, hr), sr)
    assert decloss(1.3 * sr, hr).item() == pytest.approx(value.item(), rel=1e-12)
    radial = (module._patches(gradient, 8) * module._patches(sr, 8)).sum(1)
    assert radial.abs().max() <= 1e-12 * gradient.norm() * sr.norm()


@each_backend
def test_rows_without_negatives(backend):
    sr, hr = real_batch(16)
    whole = decloss(sr, hr, threshold=-math.inf, backend=backend)  # all pairs are positive
    assert whole == 0
    assert value_and_gradient(lambda x: decloss(x, hr, threshold=-math.inf, backend=backend), sr)[1].abs().max() == 0
    assert decloss(sr, hr, threshold=-math.inf, no_negative="printed", backend=backend) == -math.inf
    # One patch far from two equal ones: with such a threshold the far one still has negatives, and so have they.
    flat = torch.cat([torch.full((1, 1, 4, 8), 0.2), torch.full((1, 1, 4, 4), 0.9)], dim=3).double()
    value = decloss(flat * 0.9, flat, patch_size=4, similarity="psnr", backend=backend)
    assert close(value, oracles.decloss(flat * 0.9, flat, P=4, similarity="psnr"), 1e-12)


@each_backend
def test_one_patch_and_equal_patches_are_zero(backend):
    one = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for hr in (one, one.repeat(2, 1, 2, 2)):
        value, gradient = value_and_gradient(lambda x, hr=hr: decloss(x, hr, backend=backend), hr * 0.9)
        assert value == 0
        assert gradient.abs().max() == 0


@each_backend
def test_black_patches(backend):
    """As printed a black patch makes the loss NaN; with the floor value and gradient are finite."""
    sr, hr = real_batch(16)
    sr[:, :, :8], hr[:, :, :8] = 0, 0
    assert decloss(sr, hr, norm_floor=0.0, backend=backend).isnan()
    value, gradient = value_and_gradient(lambda x: decloss(x, hr, backend=backend), sr)
    assert value.isfinite()
    assert gradient.isfinite().all()
    assert close(value, oracles.decloss(sr, hr, norm_floor=1 / 255, no_negative="skip"), 1e-12)


@each_backend
@pytest.mark.parametrize("where", ["sr", "hr"])
def test_nan_in_nan_out(backend, where):
    sr, hr = real_batch(16)
    (sr if where == "sr" else hr)[0, 0, 0, 0] = math.nan
    assert decloss(sr, hr, backend=backend).isnan()
    assert decloss(sr[:1, :, :8, :8], hr[:1, :, :8, :8], backend=backend).isnan()  # one patch, without negatives


@each_backend
def test_infinite_threshold_takes_equal_patches_only(backend):
    sr, hr = real_batch(16)
    hr[:, :, :8, :8] = hr[:, :, 8:, 8:]
    value = decloss(sr, hr, threshold=math.inf, backend=backend)
    assert close(value, oracles.decloss(sr, hr, eta=math.inf, norm_floor=1 / 255), 1e-12)


@each_backend
def test_range(backend):
    """In [0, 255] with max_value=255 the same loss."""
    sr, hr = real_batch()
    assert close(decloss(255 * sr, 255 * hr, max_value=255.0, backend=backend), decloss(sr, hr), 1e-12)


def test_enhancement_comes_first():
    sr, hr = real_batch()
    assert decloss(sr, hr, enhancement=torch.sqrt) == decloss(sr.sqrt(), hr.sqrt())


def test_auto_takes_both_backends(monkeypatch):
    sr, hr = real_batch()
    for small, backend in ((10, "tiled"), (1000, "dense")):
        monkeypatch.setattr(module, "SMALL", small)
        assert torch.equal(decloss(sr, hr), decloss(sr, hr, backend=backend))


def test_module_is_the_function():
    sr, hr = real_batch()
    loss = DECLoss(patch_size=4, threshold=30.0, similarity="psnr", center="channel")
    assert loss(sr, hr) == decloss(sr, hr, 4, 30.0, similarity="psnr", center="channel")
    assert "similarity='psnr'" in repr(loss)


def test_no_gradient_reaches_the_truth():
    sr, hr = real_batch(16)
    hr.requires_grad_()
    decloss(sr.requires_grad_(), hr).backward()
    assert hr.grad is None
    assert sr.grad is not None


def test_tiled_memory_does_not_grow_with_the_square(monkeypatch):
    """No tensor of the tiled backend, forward or backward, has as many entries as there are pairs."""
    monkeypatch.setitem(module.TILE, "cpu", 32)
    sr, hr = real_batch(128, torch.float32)
    sizes: dict[str, list[int]] = {"forward": [], "backward": []}
    phase = ["forward"]

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            sizes[phase[0]] += [x.numel() for x in torch.utils._pytree.tree_leaves(out) if isinstance(x, torch.Tensor)]
            return out

    for backend, most in (("tiled", 2 * sr.numel()), ("dense", 512**2)):
        for found in sizes.values():
            found.clear()
        with Watch():
            phase[0] = "forward"
            value = decloss(sr.requires_grad_(), hr, backend=backend)
            phase[0] = "backward"
            value.backward()
        assert all(len(found) > 10 for found in sizes.values())
        largest = max(max(found) for found in sizes.values())
        assert largest <= most if backend == "tiled" else largest >= most
    assert 2 * sr.numel() < 512**2


def test_tiled_has_no_second_derivative_and_says_so():
    sr, hr = real_batch(16)
    sr = sr.clone().requires_grad_()
    value = decloss(sr, hr, backend="tiled")
    with pytest.raises(RuntimeError, match="no second derivative; pass backend="):
        torch.autograd.grad(value, sr, create_graph=True)
    (gradient,) = torch.autograd.grad(decloss(sr, hr, backend="dense"), sr, create_graph=True)
    assert torch.autograd.grad(gradient.square().sum(), sr)[0].abs().max() > 0


def test_tiled_backward_inside_autocast_is_exact():
    sr, hr = (x.float() for x in real_batch())
    plain = value_and_gradient(lambda x: decloss(x, hr, backend="tiled"), sr)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = value_and_gradient(lambda x: decloss(x, hr, backend="tiled"), sr)
    torch.testing.assert_close(inside, plain, rtol=0, atol=0)


@each_backend
def test_color_is_removed_with_the_mean_of_each_channel(backend):
    sr, hr = real_batch()
    tinted = sr + torch.tensor([0.1, -0.05, 0.02], dtype=torch.float64)[:, None, None]
    by_channel, by_patch = (
        decloss(tinted, hr, center=c, backend=backend) - decloss(sr, hr, center=c, backend=backend)
        for c in ("channel", "patch")
    )
    assert abs(by_channel) < 1e-12
    assert abs(by_patch) > 1e-4


def half_angle(t):
    """theta*: below this half-angle of two modes their center is a minimum of the attraction, with t inside."""
    low, high = 0.0, 1.0  # cosines; the bracket grows from below zero to one
    for _ in range(60):
        c = (low + high) / 2
        alone, other = math.exp(1 / t), 2 * math.exp(c / t)
        low, high = (c, high) if c < (1 - c**2) / t * alone / (alone + other) else (low, c)
    return math.acos(low)


@each_backend
@pytest.mark.parametrize(("t", "degrees"), [(0.5, 51.27), (1.0, 66.40), (1.5, 73.99)])
def test_the_center_of_two_modes(backend, t, degrees):
    """The theorem of chapter 10: along the way from mode to mode a minimum below theta*, a maximum above; across, a
    minimum on both sides. A huge t_neg inside leaves the attraction alone."""
    assert math.degrees(half_angle(t)) == pytest.approx(degrees, abs=0.005)
    center, way, across = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1]], dtype=torch.float64) / 4
    other = torch.tensor([0.7, 0.1, 0.1, 0.2], dtype=torch.float64)  # the one negative, which is as it should be

    def picture(patch):
        return torch.cat([x.reshape(2, 2) for x in (0.5 * patch, 0.5 * other)], 1)[None, None]

    def attraction(angle, half, direction):
        sr = picture(math.cos(angle) * center + math.sin(angle) * direction)
        modes = [picture(math.cos(half) * center + side * math.sin(half) * way) for side in (1, -1)]
        inside = {"temperature": "inside", "t_pos": t, "t_neg": 1e9, "backend": backend}
        return sum(decloss(sr, hr, 2, **inside).item() for hr in modes)

    def curvature(half, direction, h=1e-2):
        at = [attraction(angle, half, direction) for angle in (-h, 0.0, h)]
        return (at[0] - 2 * at[1] + at[2]) / h**2

    for side in (-1, 1):
        half = math.radians(math.degrees(half_angle(t)) + 0.5 * side)
        assert curvature(half, across) > 0.01
        assert -side * curvature(half, way) > 1e-4


@pytest.mark.parametrize(("center", "most"), [("none", 1), ("channel", 2)])
def test_the_value_is_within_one_of_the_counts(center, most):
    """-log(Q_pos / Q_neg) = log(n_neg / n_pos) + log(t_pos / t_neg) + r, with r within 1; 2 with negative values."""
    generator = torch.Generator().manual_seed(0)
    hr = torch.rand(1, 1, 4, 16, generator=generator, dtype=torch.float64)
    for sr in (hr, torch.rand(hr.shape, generator=generator, dtype=torch.float64), 1 - hr):
        rest = decloss(sr, hr, 4, center=center).item() - math.log(3 / 1) - math.log(0.5 / 1.5)
        assert abs(rest) <= most
