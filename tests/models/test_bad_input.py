"""What the networks cannot take, and what they say then."""

import pytest
import torch
from torch import nn

from srtheory.models import EDSR, ConsistentSR, RRDBNet
from srtheory.operators import Resize

LR = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
NET, DENSE = EDSR.preset("tiny"), RRDBNet.preset("tiny")
AGREEING = ConsistentSR(NET, Resize(4))

ROWS = [
    ("not a tensor", lambda: NET([1.0]), TypeError, "lr must be a tensor of floats (B, C, h, w), not list"),
    ("integers", lambda: DENSE((255 * LR).byte()), TypeError, "not torch.uint8; divide 8-bit pictures by 255"),
    ("three dimensions", lambda: NET(LR[0]), ValueError, "(3, 8, 8); it must be (B, C, h, w), no side of it zero; one"),
    ("two dimensions", lambda: DENSE(LR[0, 0]), ValueError, "lr has shape (8, 8); it must be (B, C, h, w)"),
    ("empty", lambda: NET(LR[..., :0]), ValueError, "no side of it zero"),
    (
        "gray",
        lambda: NET(LR[:, :1]),
        ValueError,
        "the network takes 3 channels; pass that many, or make it with colors=1",
    ),
    ("colors", lambda: RRDBNet.preset("tiny", colors=1)(LR), ValueError, "the network takes 1 channel; pass that many"),
    ("channels last", lambda: NET(LR.permute(0, 2, 3, 1)), ValueError, "(B, C, h, w) with C = 8"),
    ("dtype", lambda: NET(LR.double()), TypeError, "lr is torch.float64, but the network torch.float32"),
    ("half", lambda: DENSE(LR.half()), TypeError, "use lr.to(torch.float32) or net.to(lr.dtype)"),
    ("scale", lambda: EDSR(scale=8), ValueError, "scale must be 2, 3 or 4, HR pixels per LR pixel, not 8"),
    ("scale of one", lambda: RRDBNet(scale=1), ValueError, "scale must be 2, 3 or 4"),
    ("broken scale", lambda: RRDBNet(scale=4.0), ValueError, "not 4.0"),
    ("channels", lambda: EDSR(channels=0), ValueError, "channels must be a positive whole number, not 0"),
    ("blocks", lambda: RRDBNet(blocks=1.5), ValueError, "blocks must be a positive whole number, not 1.5"),
    ("growth", lambda: RRDBNet(growth=-1), ValueError, "growth must be a positive whole number, not -1"),
    ("no colors", lambda: EDSR(colors=True), ValueError, "colors must be a positive whole number, not True"),
    ("residual", lambda: EDSR(residual_scale=float("nan")), ValueError, "residual_scale must be finite, not nan"),
    ("max_value", lambda: EDSR(max_value=0), ValueError, "max_value must be positive and finite, not 0"),
    ("mean", lambda: EDSR(mean=(0.5,)), ValueError, "mean has 1 numbers, but pictures have 3 channels"),
    ("mean NaN", lambda: EDSR(mean=(0, 0, float("nan"))), ValueError, "mean must be finite, not nan"),
    ("size", lambda: EDSR.preset("huge"), ValueError, "one of 'baseline', 'large', 'tiny', not 'huge'"),
    ("size of rrdb", lambda: RRDBNet.preset("large"), ValueError, "one of 'esrgan', 'tiny', not 'large'"),
    (
        "no network",
        lambda: ConsistentSR(lambda lr: lr, Resize(4)),
        TypeError,
        "net must be a torch module, not function",
    ),
    ("no operator", lambda: ConsistentSR(NET, NET), TypeError, "A must be a linear operator of srtheory.operators"),
    (
        "scales",
        lambda: ConsistentSR(NET, Resize(2)),
        ValueError,
        "net has scale 4, but Resize(scale=2, kernel='bicubic')",
    ),
    (
        "scale unsaid",
        lambda: ConsistentSR(nn.Upsample(scale_factor=3), Resize(2))(LR),
        ValueError,
        "net makes 24x24 of",
    ),
    ("pictures of A", lambda: AGREEING(LR[0]), ValueError, "one picture is lr[None]"),
    ("integers of A", lambda: AGREEING((255 * LR).byte()), TypeError, "divide 8-bit pictures by 255"),
    ("output", lambda: ConsistentSR(Tuple(), Resize(4))(LR), TypeError, "the output of net must be a torch tensor"),
    ("channels of A", lambda: ConsistentSR(Gray(), Resize(4))(LR), ValueError, "batch and channels must be the same"),
]


class Tuple(nn.Module):
    def forward(self, lr):
        return lr, lr


class Gray(nn.Module):
    def forward(self, lr):
        return NET(lr)[:, :1]


@pytest.mark.parametrize(("call", "error", "message"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_bad_input(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
