"""The first stage: a network trained with the L1 loss."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from srtheory.training.recipes.base import Recipe


@dataclass(frozen=True)
class Sisr(Recipe):
    """Single-image SR trained with L1, the first stage of both DECLoss papers.

    Presets: "smoke" and "demo" train the tiny EDSR on a laptop, "gpu" the baseline EDSR in one sitting. "paper" is
    COO's first stage (RRDB, 32 crops of 128, 200 epochs of 1000 steps, 5 of them warm-up), "paper-v1" that of COO-v1
    (EDSR, crops of 192).
    """

    NAME: ClassVar[str] = "sisr"
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "network": "edsr-tiny",
            "crop": 48,
            "batch": 4,
            "steps": 40,
            "learning_rate": 2e-3,
            "warmup": 5,
            "log_every": 10,
            "save_every": 20,
        },
        "demo": {
            "network": "edsr-tiny",
            "crop": 96,
            "batch": 16,
            "steps": 9000,
            "learning_rate": 2e-3,
            "warmup": 200,
            "validate_every": 1500,
        },
        "gpu": {
            "network": "edsr-baseline",
            "crop": 192,
            "batch": 32,
            "steps": 20_000,
            "learning_rate": 4e-4,
            "warmup": 500,
            "validate_every": 2000,
        },
        "paper": {
            "network": "rrdb-esrgan",
            "crop": 128,
            "batch": 32,
            "steps": 200_000,
            "learning_rate": 1e-4,
            "warmup": 5000,
            "validate_every": 10_000,
        },
        "paper-v1": {
            "network": "edsr-baseline",
            "crop": 192,
            "batch": 32,
            "steps": 200_000,
            "learning_rate": 1e-4,
            "warmup": 5000,
            "validate_every": 10_000,
        },
    }
