"""Recipes: each says what a step of training is; the engine owns the loop."""

from srtheory.training.recipes.base import NETWORKS, Recipe
from srtheory.training.recipes.decloss import Decloss
from srtheory.training.recipes.sisr import Sisr

RECIPES: dict[str, type[Recipe]] = {"sisr": Sisr, "decloss": Decloss}

__all__ = ["NETWORKS", "RECIPES", "Decloss", "Recipe", "Sisr"]
