"""What the networks share: checks of their settings and of their input, the 3 x 3 convolution, and a seeded start."""

import math
from collections.abc import Mapping
from numbers import Real

import torch
from torch import Generator, Tensor, nn

from srtheory.operators.base import is_whole

SCALES = (2, 3, 4)


def conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)


def stages_of(scale: int) -> list[int]:
    """Return the factors of the upsampling stages: 4 goes in two steps."""
    return [2, 2] if scale == 4 else [scale]


def initialize(net: nn.Module, generator: Generator | None) -> None:
    """Draw all layers anew as torch does, from the given generator; without one, keep what torch drew."""
    if generator is None:
        return
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            for parameter in (layer.weight, layer.bias):
                if parameter is not None:
                    nn.init.uniform_(parameter, -bound, bound, generator=generator)


def preset_of(presets: Mapping[str, Mapping[str, float]], name: str) -> Mapping[str, float]:
    if name not in presets:
        raise ValueError(f"name must be one of {', '.join(map(repr, presets))}, not {name!r}")
    return presets[name]


def check_scale(scale: int) -> None:
    if not is_whole(scale) or scale not in SCALES:
        raise ValueError(f"scale must be 2, 3 or 4, HR pixels per LR pixel, not {scale!r}")


def check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if not is_whole(count) or count < 1:
            raise ValueError(f"{name} must be a positive whole number, not {count!r}")


def check_number(name: str, number: float, positive: bool = False) -> None:
    known = isinstance(number, Real) and not isinstance(number, bool) and math.isfinite(number)
    if not known or (positive and number <= 0):
        raise ValueError(f"{name} must be {'positive and ' if positive else ''}finite, not {number!r}")


def check_lr(lr: Tensor, colors: int | None = None, weight: Tensor | None = None, name: str = "lr") -> None:
    """Refuse what a network cannot take: any number of channels but `colors`, any dtype but that of `weight`."""
    if not isinstance(lr, Tensor) or not lr.is_floating_point():
        kind = lr.dtype if isinstance(lr, Tensor) else type(lr).__name__
        raise TypeError(f"{name} must be a tensor of floats (B, C, h, w), not {kind}; divide 8-bit pictures by 255")
    if lr.ndim != 4 or 0 in lr.shape[1:]:
        hint = f"; one picture is {name}[None]" if lr.ndim == 3 else ""
        raise ValueError(f"{name} has shape {tuple(lr.shape)}; it must be (B, C, h, w), no side of it zero{hint}")
    if colors is not None and lr.shape[1] != colors:
        raise ValueError(
            f"{name} has shape {tuple(lr.shape)}, (B, C, h, w) with C = {lr.shape[1]}, but the network takes "
            f"{colors} channel{'s' if colors > 1 else ''}; pass that many, or make it with colors={lr.shape[1]}"
        )
    if weight is not None and lr.dtype != weight.dtype and not torch.is_autocast_enabled(lr.device.type):
        raise TypeError(
            f"{name} is {lr.dtype}, but the network {weight.dtype}; "
            f"use {name}.to({weight.dtype}) or net.to({name}.dtype)"
        )
