"""LPIPS without the package: a stand-in sees what it is given; and what is said where there is no package."""

import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from srtheory.metrics import lpips
from srtheory.metrics.perceptual import _network


@pytest.fixture(autouse=True)
def no_network_is_kept():
    _network.cache_clear()
    yield
    _network.cache_clear()


class StandIn(nn.Module):
    """Has the face of `lpips.LPIPS`: (N, 3, H, W) in [-1, 1] twice, and (N, 1, 1, 1) back; its value is an l1 norm."""

    made: list["StandIn"] = []  # noqa: RUF012 # one list for all, emptied by the fixture

    def __init__(self, net: str = "alex", verbose: bool = True):
        super().__init__()
        self.net, self.verbose, self.given = net, verbose, []
        self.weight = nn.Parameter(torch.ones(()))
        self.made.append(self)

    def forward(self, in0: torch.Tensor, in1: torch.Tensor) -> torch.Tensor:
        self.given.append((in0, in1))
        assert not torch.is_autocast_enabled("cpu")
        assert not self.training
        return self.weight * (in0 - in1).abs().mean((1, 2, 3), keepdim=True)


@pytest.fixture
def made(monkeypatch) -> list[StandIn]:
    module = ModuleType("lpips")
    module.LPIPS = StandIn
    monkeypatch.setitem(sys.modules, "lpips", module)
    monkeypatch.setattr(StandIn, "made", [])
    return StandIn.made


def test_the_network_sees_rgb_from_minus_one_to_one(made):
    sr, hr = torch.rand(2, 3, 40, 36), torch.rand(2, 3, 40, 36)
    sr[0, 0, 0, :2] = torch.tensor([0.0, 1.0])
    found = lpips(sr, hr)
    (network,) = made
    assert (network.net, network.verbose) == ("alex", False)
    assert [(a.shape, b.shape) for a, b in network.given] == 2 * [2 * ((1, 3, 40, 36),)]
    assert network.given[0][0][0, 0, 0, :2].tolist() == [-1, 1]
    torch.testing.assert_close(torch.cat([a for a, _ in network.given]), 2 * sr - 1)
    torch.testing.assert_close(torch.cat([b for _, b in network.given]), 2 * hr - 1)
    torch.testing.assert_close(found, 2 * (sr - hr).abs().mean((1, 2, 3)))


def test_a_range_of_255_is_scaled_too(made):
    sr, hr = torch.rand(3, 32, 32, dtype=torch.float64), torch.rand(3, 32, 32, dtype=torch.float64)
    assert lpips(255 * sr, 255 * hr, max_value=255).item() == pytest.approx(lpips(sr, hr).item(), rel=1e-6)
    torch.testing.assert_close(made[0].given[0], made[0].given[1])


def test_gray_becomes_three_equal_channels(made):
    sr, hr = torch.rand(2, 1, 32, 33), torch.rand(2, 1, 32, 33)
    lpips(sr, hr)
    for n, (a, b) in enumerate(made[0].given):
        torch.testing.assert_close(a, (2 * sr[n : n + 1] - 1).repeat(1, 3, 1, 1))
        torch.testing.assert_close(b, (2 * hr[n : n + 1] - 1).repeat(1, 3, 1, 1))


def test_border_is_cropped_and_nothing_else(made):
    sr, hr = torch.rand(3, 40, 44), torch.rand(3, 40, 44)
    lpips(sr, hr, border=4)
    torch.testing.assert_close(made[0].given[0][0][0], 2 * sr[:, 4:-4, 4:-4] - 1)
    lpips(sr + 1, hr - 0.4)  # not clipped either
    torch.testing.assert_close(made[0].given[1][0][0], 2 * sr + 1)


def test_one_network_a_backbone(made):
    x = torch.rand(3, 32, 32)
    for backbone in ("alex", "vgg", "alex", "squeeze", "vgg"):
        lpips(x, x, backbone)
    assert [network.net for network in made] == ["alex", "vgg", "squeeze"]


@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 2)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_one_value_per_picture_of_the_dtype_of_sr(made, batch, dtype):
    sr, hr = torch.rand(*batch, 3, 32, 32).to(dtype), torch.rand(*batch, 3, 32, 32).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = lpips(sr.requires_grad_(), hr)
    assert found.shape == batch
    assert found.dtype == dtype
    assert not found.requires_grad
    assert made[0].given[0][0].dtype == torch.float32
    torch.testing.assert_close(found, 2 * (sr - hr).double().abs().mean((-3, -2, -1)).to(dtype), rtol=0.01, atol=0)
    assert (lpips(hr, hr) == 0).all()


def test_arrays_are_taken_as_tensors_are(made):
    sr, hr = torch.rand(3, 32, 32), torch.rand(3, 32, 32)
    array = np.ascontiguousarray(sr.numpy()[:, ::-1])[:, ::-1]
    assert torch.equal(lpips(array, hr.numpy()), lpips(sr, hr))


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lpips", None)  # as if it were not installed
    with pytest.raises(ImportError, match=r'pip install "srtheory\[perceptual\]".*lpips') as caught:
        lpips(torch.rand(3, 32, 32), torch.rand(3, 32, 32))
    assert isinstance(caught.value.__cause__, ImportError)


@pytest.mark.parametrize("text", ["raise RuntimeError('operator torchvision::nms does not exist')", "LPIPS_ = 1"])
def test_a_broken_package_is_told_with_its_cause(tmp_path, monkeypatch, text):
    (tmp_path / "lpips.py").write_text(text)
    monkeypatch.delitem(sys.modules, "lpips", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    cause = "torchvision::nms does not exist" if "raise" in text else "no attribute 'LPIPS'"
    with pytest.raises(ImportError, match=cause) as caught:
        lpips(torch.rand(3, 32, 32), torch.rand(3, 32, 32))
    assert 'pip install "srtheory[perceptual]"' in str(caught.value)
    sys.modules.pop("lpips", None)


def test_weights_that_cannot_be_had_are_told_and_tried_again(made, monkeypatch):
    def unreachable(net, verbose):
        raise OSError("<urlopen error>")

    monkeypatch.setattr(sys.modules["lpips"], "LPIPS", unreachable)
    x = torch.rand(3, 32, 32)
    with pytest.raises(RuntimeError, match=r"'vgg'.*urlopen error.*network.*srtheory\[perceptual\]") as caught:
        lpips(x, x, "vgg")
    assert isinstance(caught.value.__cause__, OSError)
    monkeypatch.setattr(sys.modules["lpips"], "LPIPS", StandIn)
    assert lpips(x, x, "vgg").item() == 0


def test_the_smallest_picture(made):
    assert lpips(torch.rand(3, 32, 40), torch.rand(3, 32, 40)).isfinite()
    with pytest.raises(ValueError, match="at least 32x32"):
        lpips(torch.rand(3, 31, 40), torch.rand(3, 31, 40))


def test_the_package_itself():
    """Not where it, or what it needs, is not installed, or its backbone cannot be downloaded."""
    package = pytest.importorskip("lpips", reason="the package lpips is not installed", exc_type=ImportError)
    try:
        network = package.LPIPS(net="alex", verbose=False)
    except Exception as error:
        pytest.skip(f"the package lpips cannot make its network here: {error!r}")
    sr, hr = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        expected = network(sr, hr, normalize=True).flatten()
    torch.testing.assert_close(lpips(sr, hr), expected, rtol=1e-4, atol=1e-6)
    assert (lpips(hr, hr) == 0).all()


def test_the_package_is_imported_only_when_it_is_used():
    code = "import sys, srtheory.metrics; print({'lpips', 'scipy', 'skimage', 'torchvision'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
