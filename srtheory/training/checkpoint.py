"""Checkpoints: one file of tensors, written whole or not at all, and weights of networks to begin from."""

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

CHECKPOINT = "checkpoint.safetensors"
SHIPPED = Path(__file__).with_name("shipped")
MOMENTS = ("exp_avg", "exp_avg_sq", "step")  # what Adam keeps of a parameter


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write a safetensors file: under another name first, then in one move, so that no reader finds half of it.

    Raises:
        OSError: the disk is full, or not writable; what was at `path` is left as it was.
    """
    whole = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    content = save(whole, {"srtheory": json.dumps(about)})
    write_whole(path, content)


def write_whole(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        kept = "; the one before it is intact" if path.exists() else ""
        raise unwritable(path, error, f", {len(content) / 2**20:.1f} MiB", kept) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError, size: str = "", kept: str = "") -> OSError:
    text = f"{path} could not be written ({error.strerror}{size}){kept}: make room, then go on with --resume"
    return OSError(error.errno, text)


@contextmanager
def alone(path: Path, wait: bool = False) -> Iterator[None]:
    """Keep other processes out by a lock on a file, which the system lifts if this process is killed.

    Args:
        path: the file, made if it is not there.
        wait: wait for the others, rather than to raise.

    Raises:
        BlockingIOError: another process holds the lock.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise BlockingIOError(errno.EAGAIN, f"another process is at work in {path.parent}; wait for it") from error
        except OSError:  # a file system without locks
            pass
        yield


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a safetensors file and what was written about it.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is not whole, or no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("srtheory", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118 - not a mapping
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{path}: not a whole safetensors file ({error})") from error


def load_weights(net: nn.Module, weights: Mapping[str, Tensor], source: str | Path) -> None:
    """Load weights into a network, all of them or none.

    Raises:
        ValueError: they are another network's; the first difference is named.
    """
    own = net.state_dict()
    missing, unknown = sorted(set(own) - set(weights)), sorted(set(weights) - set(own))
    other = [name for name in own if name in weights and own[name].shape != weights[name].shape]
    if other:
        name = other[0]
        what = f"{name} is {tuple(weights[name].shape)} there, and {tuple(own[name].shape)} here"
    elif missing or unknown:
        what = f"{missing[0]} is missing there" if missing else f"{unknown[0]} is unknown here"
    else:
        net.load_state_dict(weights)
        return
    raise ValueError(f"{source} holds the weights of another network: {what}; give the same network, size and scale")


def state_of(players: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Return all tensors of a run by name: those of the networks, and what Adam keeps of each parameter."""
    tensors: dict[str, Tensor] = {}
    for player, net in players.items():
        tensors |= {f"{player}/{name}": tensor for name, tensor in net.state_dict().items()}
        state = optimizers[player].state
        for name, parameter in net.named_parameters():
            tensors |= {f"adam.{player}/{name}/{key}": state[parameter][key] for key in MOMENTS if parameter in state}
    return tensors


def restore(
    tensors: Mapping[str, Tensor],
    players: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    source: Path,
) -> None:
    """Put the tensors of `state_of` back.

    Raises:
        ValueError: they are those of other networks.
    """
    for player, net in players.items():
        load_weights(net, part_of(tensors, player), source)
        optimizer = optimizers[player]
        state: dict[int, dict[str, Tensor]] = {}
        for number, (name, parameter) in enumerate(net.named_parameters()):
            begin = f"adam.{player}/{name}/"
            keys = {key: _laid_out(tensors[begin + key], parameter) for key in MOMENTS if begin + key in tensors}
            if keys:
                state[number] = keys
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _laid_out(tensor: Tensor, parameter: Tensor) -> Tensor:
    """Put what is kept of a parameter in its memory layout: fused Adam goes through both in the order of the bytes."""
    return torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else tensor


def part_of(tensors: Mapping[str, Tensor], player: str) -> dict[str, Tensor]:
    """Return the weights of one network of a run."""
    return {
        name.removeprefix(f"{player}/"): tensor for name, tensor in tensors.items() if name.startswith(f"{player}/")
    }


def weights_at(source: str | Path) -> tuple[dict[str, Tensor], dict[str, Any], Path]:
    """Find the weights of an SR network: in a run's folder, in a file of safetensors, or among the shipped runs.

    Returns:
        The weights, what was written about them, and the file.

    Raises:
        FileNotFoundError: there is nothing of that name.
        ValueError: it is not whole.
    """
    for path in (Path(source) / CHECKPOINT, Path(source), SHIPPED / f"{source}.safetensors"):
        if path.is_file():
            tensors, about = read_tensors(path)
            return part_of(tensors, "net") or tensors, about, path
    known = ", ".join(sorted(path.stem for path in SHIPPED.glob("*.safetensors")))
    raise FileNotFoundError(
        f"{source} is no run: no folder with a {CHECKPOINT}, no file of weights, and none of the shipped runs ({known})"
    )
