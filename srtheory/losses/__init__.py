"""Losses: functions first, modules thin over them."""

from srtheory.losses.decloss import DECLoss, decloss
from srtheory.losses.frequency import HighFrequencyEnhancement

__all__ = ["DECLoss", "HighFrequencyEnhancement", "decloss"]
