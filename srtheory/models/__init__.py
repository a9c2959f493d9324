"""Networks that make an SR picture of an LR picture, and one that makes any of them agree with it."""

from srtheory.models.consistent import ConsistentSR
from srtheory.models.edsr import EDSR
from srtheory.models.rrdb import RRDBNet

__all__ = ["EDSR", "ConsistentSR", "RRDBNet"]
