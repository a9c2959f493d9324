"""The second stage: an L1-trained network trained on with DECLoss."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from srtheory.losses import DECLoss, HighFrequencyEnhancement
from srtheory.training.recipes.base import CHOICES, Recipe, Terms

PAPER = {"crop": 128, "batch": 32, "steps": 200_000, "learning_rate": 2e-5, "l1_weight": 1e-2, "perceptual_weight": 1.0}


@dataclass(frozen=True)
class Decloss(Recipe):
    r"""An L1-trained network trained on with L1, DECLoss and, where asked for, the perceptual and the GAN loss.

    $$L = \omega_1 L_1 + \omega_2 L_p + \omega_3 L_d$$

    The weights are COO's unless a preset says otherwise; the perceptual loss is left out unless `perceptual_weight` is
    given, since it needs VGG's weights.

    Presets: "smoke" and "demo" start from the shipped tiny network; "gpu" trains the baseline EDSR, and `start` must
    name what it begins as. These three have a tenth of COO's weight of DECLoss, with which L1 keeps the upper hand.
    "paper" has COO's weights (0.01, 1, 0.01) and crops, "paper-v1" those of COO-v1 (0.01, 1, 3e-5, with summed L1 and
    high-frequency enhancement); neither paper tells how long its second stage is, and these take as many steps as the
    first.

    Args:
        decloss_weight: $\omega_3$.
        patch_size: of DECLoss, as are all that follow.
        threshold: in dB.
        t_pos: temperature of positive pairs.
        t_neg: temperature of negative pairs.
        similarity: "l2" as printed, or "psnr".
        temperature: "outside" the exponential as printed, or "inside".
        center: what is removed from each patch first: "none" as printed, "patch" or "channel".
        anchor: "hr" as in COO, or "sr" as in COO-v1.
        enhancement: apply high-frequency enhancement first, as COO-v1 does, with our width.

    References:
        COO Eq. 45; COO-v1 Eq. 26; chapter ch11_training_with_decloss.
    """

    NAME: ClassVar[str] = "decloss"
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "network": "edsr-tiny",
            "start": "tiny",
            "crop": 48,
            "batch": 4,
            "steps": 20,
            "decloss_weight": 1e-3,
            "learning_rate": 2e-4,
            "log_every": 5,
            "save_every": 10,
        },
        "demo": {
            "network": "edsr-tiny",
            "start": "tiny",
            "crop": 96,
            "batch": 8,
            "steps": 500,
            "decloss_weight": 1e-3,
            "learning_rate": 2e-4,
            "warmup": 20,
        },
        "gpu": {
            "network": "edsr-baseline",
            "crop": 128,
            "batch": 32,
            "steps": 10_000,
            "decloss_weight": 1e-3,
            "learning_rate": 1e-4,
            "warmup": 100,
        },
        "paper": {**PAPER, "network": "rrdb-esrgan", "decloss_weight": 1e-2},
        "paper-v1": {
            **PAPER,
            "network": "edsr-baseline",
            "crop": 192,
            "decloss_weight": 3e-5,
            "l1_reduction": "sum",
            "anchor": "sr",
            "enhancement": True,
        },
    }

    l1_weight: float = 1e-2
    decloss_weight: float = 1e-2
    patch_size: int = 8
    threshold: float = 34.0
    t_pos: float = 0.5
    t_neg: float = 1.5
    similarity: str = "l2"
    temperature: str = "outside"
    center: str = "none"
    anchor: str = "hr"
    enhancement: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.decloss_weight < float("inf"):
            raise ValueError(f"decloss_weight must be zero or more, and finite, not {self.decloss_weight}")
        if math.isnan(self.threshold):
            raise ValueError("threshold must be a number of dB, not nan")
        for name in ("t_pos", "t_neg"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be positive and finite, not {getattr(self, name)}")
        if self.patch_size < 1 or self.crop % self.patch_size:
            raise ValueError(f"patch_size={self.patch_size} must divide crop={self.crop}")

    @classmethod
    def choices(cls) -> dict[str, tuple[str, ...]]:
        return {
            **CHOICES,
            "similarity": ("l2", "psnr"),
            "temperature": ("outside", "inside"),
            "center": ("none", "patch", "channel"),
            "anchor": ("hr", "sr"),
        }

    def make_losses(self, device: torch.device, ranks: int) -> dict[str, Any]:
        losses = super().make_losses(device, ranks)
        losses["decloss"] = DECLoss(
            self.patch_size,
            self.threshold,
            self.t_pos,
            self.t_neg,
            similarity=self.similarity,
            temperature=self.temperature,
            center=self.center,
            anchor=self.anchor,
            enhancement=HighFrequencyEnhancement() if self.enhancement else None,
            gather=ranks > 1,
        )
        return losses

    def terms(self, sr: Tensor, hr: Tensor, losses: Mapping[str, Any]) -> Terms:
        terms = super().terms(sr, hr, losses)
        if self.decloss_weight:
            terms["decloss"] = self.decloss_weight * losses["decloss"](sr, hr)
        return terms
