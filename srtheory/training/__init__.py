"""Training: one loop for every recipe, runs that can be stopped and resumed, and what is done with trained networks."""

from srtheory.training.engine import NonFinite, Outcome, load_network, train
from srtheory.training.evaluation import Measured, evaluate
from srtheory.training.recipes import Decloss, Recipe, Sisr
from srtheory.training.recipes.base import l1
from srtheory.training.upscaling import upscale_file, upscale_tensor

__all__ = [
    "Decloss",
    "Measured",
    "NonFinite",
    "Outcome",
    "Recipe",
    "Sisr",
    "evaluate",
    "l1",
    "load_network",
    "train",
    "upscale_file",
    "upscale_tensor",
]
