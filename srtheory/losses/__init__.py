"""Losses: functions first, modules thin over them."""

from srtheory.losses.adversarial import RelativisticGANLoss, ragan_discriminator_loss, ragan_generator_loss
from srtheory.losses.decloss import DECLoss, decloss
from srtheory.losses.frequency import HighFrequencyEnhancement
from srtheory.losses.perceptual import PerceptualLoss

__all__ = [
    "DECLoss",
    "HighFrequencyEnhancement",
    "PerceptualLoss",
    "RelativisticGANLoss",
    "decloss",
    "ragan_discriminator_loss",
    "ragan_generator_loss",
]
