"""How near a picture is to the truth, measured as the field measures it."""

from srtheory.metrics.fidelity import psnr, ssim
from srtheory.metrics.folders import Score, compare_folders

__all__ = ["Score", "compare_folders", "psnr", "ssim"]
