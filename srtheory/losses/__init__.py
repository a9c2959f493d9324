"""Losses: functions first, modules thin over them."""

from srtheory.losses.decloss import DECLoss, decloss

__all__ = ["DECLoss", "decloss"]
