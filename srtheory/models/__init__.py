"""Networks that make an SR picture of an LR picture, one that makes any of them agree with it, and one that judges."""

from srtheory.models.consistent import ConsistentSR
from srtheory.models.discriminator import VGGDiscriminator
from srtheory.models.edsr import EDSR
from srtheory.models.rrdb import RRDBNet

__all__ = ["EDSR", "ConsistentSR", "RRDBNet", "VGGDiscriminator"]
