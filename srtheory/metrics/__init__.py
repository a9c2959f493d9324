"""How near a picture is to the truth, measured as the field measures it."""

from srtheory.metrics.distribution import (
    Spectrum,
    gradient_distance,
    radial_spectrum,
    sliced_wasserstein,
    spectrum_distance,
    spectrum_gap,
    wavelet_distance,
)
from srtheory.metrics.fidelity import psnr, ssim
from srtheory.metrics.folders import Score, compare_folders
from srtheory.metrics.icoo import Icoo, icoo
from srtheory.metrics.perceptual import lpips

__all__ = [
    "Icoo",
    "Score",
    "Spectrum",
    "compare_folders",
    "gradient_distance",
    "icoo",
    "lpips",
    "psnr",
    "radial_spectrum",
    "sliced_wasserstein",
    "spectrum_distance",
    "spectrum_gap",
    "ssim",
    "wavelet_distance",
]
