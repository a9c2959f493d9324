"""Files of tensors: whole or not at all, put back as they were, and found by the name that was given."""

import errno
import os
import re

import pytest
import torch
from safetensors.torch import save_file

from srtheory.data import photograph
from srtheory.metrics import psnr
from srtheory.models import EDSR
from srtheory.training import load_network, train
from srtheory.training.checkpoint import (
    CHECKPOINT,
    SHIPPED,
    alone,
    load_weights,
    part_of,
    read_tensors,
    restore,
    state_of,
    weights_at,
    write_tensors,
    write_whole,
)
from srtheory.training.engine import settings_of
from srtheory.training.pairs import bicubic, degrade

from .runs import ARMS, FULL, differences, log_of, planted

ONE = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(3, dtype=torch.int64)}
OTHER = {"a": torch.zeros(1000)}


def net_of(seed, **changes):
    return EDSR.preset("tiny", 2, generator=torch.Generator().manual_seed(seed), **changes)


# Writing and reading.


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool]
)
def test_round_trip(tmp_path, dtype):
    tensor = torch.tensor([[0.1, -2, 3], [4, 0, 1e30 if dtype.is_floating_point else 7]]).to(dtype)
    about = {"step": 3, "scores": {"0": {"psnr": 0.1 + 0.2}}, "window": [[1e-300, float("inf")]], "name": "é"}
    given = {"plain": tensor, "turned": tensor.clone().mT, "scalar": tensor[0, 0].clone()}
    write_tensors(tmp_path / "x.safetensors", given, about)
    tensors, found = read_tensors(tmp_path / "x.safetensors")
    assert found == about
    assert set(tensors) == set(given)
    for name, tensor in tensors.items():
        assert tensor.dtype == dtype
        assert torch.equal(tensor, given[name])


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_at_any_point_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "x.safetensors"
    write_tensors(path, ONE, {"step": 1})
    content = path.read_bytes()

    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(f"{'os.fsync' if call == 'fsync' else 'pathlib.Path.replace'}", fail)
    with pytest.raises(OSError, match=r"x\.safetensors could not be written \(Input/output error, 0\.0 MiB\); the one"):
        write_tensors(path, OTHER, {"step": 2})
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["x.safetensors"]


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
def test_a_full_disk(tmp_path):
    path = tmp_path / "x.safetensors"
    for before in (False, True):
        if before:
            write_tensors(path, ONE, {"step": 1})
        (tmp_path / "x.safetensors.part").symlink_to(FULL)
        with pytest.raises(OSError, match=r"No space left on device, 4\.0 MiB") as caught:
            write_whole(path, bytes(2**22))
        assert caught.value.errno == errno.ENOSPC
        assert ("; the one before it is intact" in str(caught.value)) == before
        assert os.listdir(tmp_path) == ["x.safetensors"] * before


def test_where_no_file_can_be(tmp_path):
    with pytest.raises(OSError, match=r"nowhere/x could not be written \(No such file or directory"):
        write_whole(tmp_path / "nowhere" / "x", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"folder could not be written \(Is a directory"):
        write_whole(tmp_path / "folder", b"")
    assert os.listdir(tmp_path) == ["folder"]


def test_a_leftover_of_a_killed_run_is_no_matter(tmp_path):
    (tmp_path / "x.safetensors.part").write_bytes(b"half of")
    write_tensors(tmp_path / "x.safetensors", ONE, {})
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_a_file_cut_anywhere_is_named(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, ONE, {"step": 1})
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"x\.safetensors: not a whole safetensors file"):
            read_tensors(path)
    with pytest.raises(FileNotFoundError, match=r"y\.safetensors: no such file"):
        read_tensors(tmp_path / "y.safetensors")


# Weights of networks.


def test_all_weights_are_loaded():
    net, other = net_of(0), net_of(1)
    load_weights(net, other.state_dict(), "here")
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True))


def missing(weights):
    del weights["tail.1.weight"]


def unknown(weights):
    weights["more"] = torch.zeros(1)


def shaped(weights):
    weights["tail.1.bias"] = torch.zeros(4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (missing, "tail.1.weight is missing there"),
        (unknown, "more is unknown here"),
        (shaped, "tail.1.bias is (4,) there, and (3,) here"),
    ],
)
def test_other_weights_are_refused_and_none_loaded(change, message):
    net, weights = net_of(0), dict(net_of(1).state_dict())
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    change(weights)
    with pytest.raises(ValueError, match=r"file\.safetensors holds the weights of another network") as caught:
        load_weights(net, weights, "file.safetensors")
    assert message in str(caught.value)
    assert "give the same network, size and scale" in str(caught.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


# What Adam keeps.


def moved(net, optimizer, steps, seed):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        optimizer.zero_grad()
        net(torch.rand(1, 3, 6, 6, generator=generator)).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("fused", [True, False])
def test_adam_goes_on_bit_for_bit(tmp_path, layout, fused):
    def made():
        net = net_of(0).to(memory_format=layout)
        return net, torch.optim.Adam(net.parameters(), lr=1e-2, fused=fused)

    net, optimizer = made()
    moved(net, optimizer, 3, 0)
    write_tensors(tmp_path / "x", state_of({"net": net}, {"net": optimizer}), {})
    again, its_optimizer = made()
    restore(read_tensors(tmp_path / "x")[0], {"net": again}, {"net": its_optimizer}, tmp_path / "x")
    for here, there in zip(net.parameters(), again.parameters(), strict=True):
        assert torch.equal(here, there)
        for key in ("exp_avg", "exp_avg_sq", "step"):
            a, b = optimizer.state[here][key], its_optimizer.state[there][key]
            assert torch.equal(a, b)
            assert a.stride() == b.stride()  # fused Adam goes through memory in order
    moved(net, optimizer, 2, 1)
    moved(again, its_optimizer, 2, 1)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))


def test_adam_before_its_first_step(tmp_path):
    net = net_of(0)
    optimizer = torch.optim.Adam(net.parameters())
    tensors = state_of({"net": net}, {"net": optimizer})
    assert set(part_of(tensors, "net")) == set(net.state_dict())
    assert len(tensors) == len(net.state_dict())
    restore(tensors, {"net": net}, {"net": optimizer}, tmp_path)
    assert not optimizer.state


def test_players_are_kept_apart():
    players = {"net": net_of(0), "network": net_of(1)}
    tensors = state_of(players, {name: torch.optim.Adam(net.parameters()) for name, net in players.items()})
    for name, net in players.items():
        found = part_of(tensors, name)
        assert set(found) == set(net.state_dict())
        assert all(torch.equal(found[key], tensor) for key, tensor in net.state_dict().items())


# Where weights are found.


def test_weights_are_found_in_a_run_a_file_or_the_package(tmp_path, monkeypatch):
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    monkeypatch.setattr("srtheory.training.checkpoint.SHIPPED", shipped)
    monkeypatch.chdir(tmp_path)

    def found(source):
        weights, about, path = weights_at(source)
        assert set(weights) == {"w"}
        return weights["w"].item(), about.get("step"), path.resolve()

    write_tensors(shipped / "tiny.safetensors", {"net/w": torch.tensor(1.0)}, {"step": 1})
    assert found("tiny") == (1, 1, shipped / "tiny.safetensors")
    save_file({"w": torch.tensor(2.0)}, tmp_path / "tiny")  # a file without settings, of another program
    assert found("tiny") == (2, None, tmp_path / "tiny")
    (tmp_path / "tiny").unlink()
    (tmp_path / "tiny").mkdir()
    assert found("tiny") == (1, 1, shipped / "tiny.safetensors")  # a folder that holds no run
    tensors = {"net/w": torch.tensor(3.0), "discriminator/w": torch.tensor(4.0), "adam.net/w/step": torch.tensor(5.0)}
    write_tensors(tmp_path / "tiny" / CHECKPOINT, tensors, {"step": 3})
    assert found("tiny") == (3, 3, tmp_path / "tiny" / CHECKPOINT)
    assert found(tmp_path / "tiny" / CHECKPOINT) == (3, 3, tmp_path / "tiny" / CHECKPOINT)
    with pytest.raises(FileNotFoundError, match=r"other is no run: .* none of the shipped runs \(tiny\)"):
        weights_at("other")


def test_shipped_runs_are_small_and_work():
    paths = sorted(SHIPPED.glob("*.safetensors"))
    if not paths:
        pytest.skip("no run is shipped yet")
    for path in paths:
        assert path.stat().st_size < 1_000_000
        net, recipe = load_network(path.stem)
        assert "/" not in recipe.start
        hr = photograph("coffee")[None, :, 100:196, 200:296]
        lr = degrade(hr, recipe.scale)
        sr, enlarged = net(lr.float()), bicubic(lr, recipe.scale)
        assert sr.shape == hr.shape
        assert sr.isfinite().all()
        if path.stem in ("tiny", "tiny-decloss"):  # others may show what goes wrong
            assert psnr(sr.double(), hr, border=4) > psnr(enlarged, hr, border=4) + 1, path


def test_load_network(tmp_path, pictures, undisturbed):
    for source in (undisturbed("gan"), str(undisturbed("gan") / CHECKPOINT)):
        net, recipe = load_network(source)
        assert recipe == ARMS["gan"]
        assert not net.training
        assert not any(parameter.requires_grad for parameter in net.parameters())
        weights = part_of(read_tensors(undisturbed("gan") / CHECKPOINT)[0], "net")
        assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in weights.items())


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({}, "does not say which network it is of: it was not written by srtheory train"),
        ({"settings": {"recipe": "alchemy"}}, "recipe must be one of sisr, decloss, not 'alchemy'"),
        ({"settings": {"network": "edsr-tiny"}}, "recipe must be one of sisr, decloss, not None"),
        ({"settings": {"recipe": "sisr", "gold": 1}}, "sisr has no setting 'gold'; it has network, scale"),
        ({"settings": settings_of(ARMS["sisr"].changed(scale=4))}, "holds the weights of another network"),
        ({"settings": settings_of(ARMS["sisr"].changed(network="rrdb-tiny"))}, "holds the weights of another network"),
    ],
)
def test_load_network_of_another_file(tmp_path, about, message):
    weights = {f"net/{name}": tensor for name, tensor in net_of(0).state_dict().items()}
    write_tensors(tmp_path / "x.safetensors", weights, about)
    with pytest.raises(ValueError, match=re.escape(message)):
        load_network(tmp_path / "x.safetensors")


# One process at a time.


def test_two_trainings_in_one_folder(tmp_path, pictures, undisturbed):
    """The second is refused, and does not touch the log of the first."""
    recipe, refused = ARMS["sisr"], []

    def again(*_):
        with pytest.raises(BlockingIOError, match=r"another process is at work in .*run; wait for it") as caught:
            train(recipe, pictures, tmp_path / "run", validation=pictures, resume=True)
        refused.append(caught)

    train(planted(recipe, at=7, plant=again), pictures, tmp_path / "run", validation=pictures)
    assert len(refused) == 1
    assert log_of(tmp_path / "run") == log_of(undisturbed("sisr"))
    assert differences(tmp_path / "run", undisturbed("sisr")) == []
    with alone(tmp_path / "run" / ".lock"):
        pass
