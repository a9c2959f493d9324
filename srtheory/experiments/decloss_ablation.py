"""COO Table 1 and COO-v1 Table 1: which losses do what, with the controls that the tables lack."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from srtheory.experiments.base import CONTROL, Arms, Experiment, Row, Scale, Testing
from srtheory.metrics import psnr
from srtheory.training import load_network
from srtheory.training.pairs import eight_bits

OURS = {"similarity": "psnr", "center": "channel", "temperature": "inside", "t_pos": 0.5, "t_neg": 0.5}
V1 = {"l1_reduction": "sum", "decloss_weight": 3e-5, "anchor": "sr", "enhancement": True}
MATCHED = ("L1 + DEC", "L1 + ours")  # whose PSNR the controls without training are brought to


def arms(scale: Scale) -> Arms:
    base = {"l1_weight": 1e-2, "decloss_weight": 0.0}
    dec, tenth, ours = {"decloss_weight": 1e-2}, {"decloss_weight": 1e-3}, {"decloss_weight": 1e-2, **OURS}
    gan, lp = {"gan_weight": 5e-3}, {"perceptual_weight": 1.0}
    return {
        CONTROL: base,
        "L1 + DEC": {**base, **dec},
        "L1 + DEC / 10": {**base, **tenth},
        "norm + DEC": {**base, **dec, "l1_reduction": "picture"},
        "v1: sum + DEC": {**base, **V1},
        "L1 + ours": {**base, **ours},
        "L1 + ours / 10": {**base, **OURS, **tenth},
        "L1 + GAN": {**base, **gan},
        "L1 + GAN + DEC": {**base, **gan, **dec},
        "L1 + GAN + DEC / 10": {**base, **gan, **tenth},
        "L1 + GAN + ours": {**base, **gan, **ours},
        "L1 + VGG": {**base, **lp},
        "L1 + VGG + DEC": {**base, **lp, **dec},
        "L1 + VGG + ours": {**base, **lp, **ours},
        "L1 + VGG + GAN": {**base, **lp, **gan},
        "L1 + VGG + GAN + DEC": {**base, **lp, **gan, **dec},
    }


def unsharp(picture: Tensor, amount: float, sigma: float = 1.0) -> Tensor:
    """Add `amount` times what a Gaussian blur of `sigma` pixels takes away."""
    reach = 3
    line = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * sigma**2)).to(picture)
    line = line / line.sum()
    x = pad(picture[None], [reach] * 4, mode="replicate")[0][:, None]
    blurred = conv2d(conv2d(x, line.view(1, 1, -1, 1)), line.view(1, 1, 1, -1))[:, 0]
    return eight_bits(picture + amount * (picture - blurred))


def contrast(picture: Tensor, amount: float) -> Tensor:
    """Stretch by the factor 1 + `amount` about the picture's mean color."""
    mean = picture.mean((-2, -1), keepdim=True)
    return eight_bits(mean + (1 + amount) * (picture - mean))


def brought_to(testing: Testing, made: list[Tensor], change: Callable[[Tensor, float], Tensor], wanted: float) -> float:
    """Find the amount at which the mean PSNR has fallen to what is wanted, by halving."""

    def reached(amount: float) -> float:
        pairs = zip(made, testing.hr, strict=True)
        return sum(float(psnr(change(sr, amount), hr)) for sr, hr in pairs) / len(made)

    low, high = 0.0, 0.02
    while reached(high) > wanted and high < 20:
        low, high = high, 2 * high
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) > wanted else (low, middle)
    return (low + high) / 2


def controls(testing: Testing, done: list[Row], folders: Mapping[tuple[str, int], Path]) -> list[Row]:
    """Sharpen, or stretch, the control's results until their PSNR is that of an arm."""
    rows: list[Row] = []
    for row in [row for row in done if row.arm in MATCHED]:
        net, _ = load_network(folders[CONTROL, row.seed], testing.device)
        made = testing.made_by(net)
        wanted = sum(row.values["psnr"]) / len(row.values["psnr"])
        for name, change in (("unsharp", unsharp), ("contrast", contrast)):
            amount = brought_to(testing, made, change, wanted)
            values = testing.measure([change(sr, amount) for sr in made])
            rows.append(Row(f"{name} to {row.arm}", row.seed, values, {"amount": round(amount, 4)}))
    return rows


EXPERIMENT = Experiment(
    "decloss-ablation", "COO Table 1, COO-v1 Table 1: L1, DECLoss, perceptual, GAN, and controls", arms, controls
)
