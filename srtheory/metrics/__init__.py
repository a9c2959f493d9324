"""How near a picture is to the truth, measured as the field measures it."""

from srtheory.metrics.fidelity import psnr, ssim
from srtheory.metrics.folders import Score, compare_folders
from srtheory.metrics.icoo import Icoo, icoo

__all__ = ["Icoo", "Score", "compare_folders", "icoo", "psnr", "ssim"]
