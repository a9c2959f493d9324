"""RRDBNet, the generator of ESRGAN: dense blocks inside residual blocks."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from srtheory.models.base import check_counts, check_lr, check_scale, conv, initialize, preset_of, stages_of

RESIDUAL_SCALE = 0.2
SLOPE = 0.2  # of the leaky ReLU, below zero
FIRST = 0.1  # what the first weights of the dense blocks are multiplied by


class RRDBNet(nn.Module):
    r"""Super-resolve with residual-in-residual dense blocks, ESRGAN's generator.

    A dense block has five 3 x 3 convolutions, each of which sees the input and what those before it made; with g the
    leaky ReLU of slope 0.2,

    $$x_k = g(W_k * [x, x_1, \dots, x_{k-1}]),\ k = 1 \dots 4, \qquad
      D(x) = x + 0.2\, W_5 * [x, x_1, \dots, x_4]$$

    and an RRDB is three of them with a residual of their own, $x + 0.2\, D(D(D(x)))$. Upsampling is by nearest
    neighbor and a convolution: one stage for x2 and x3, two stages of x2 for x4.

    Sizes, and all their parameters:

    - "esrgan", 23 RRDBs, 64 channels, growth 32: 16,697,987 for x4, 16,661,059 for x2 and x3
    - "tiny", 2 RRDBs, 16 channels, growth 8, for laptops: 100,307, and 97,987

    There is no mean shift: nothing here depends on the range of the pictures. ESRGAN was published for x4 only.
    Parameters have the names of BasicSR, whose x4 is this network; its x2 is another one, which shuffles pixels into
    channels and then enlarges four times.

    Args:
        scale: 2, 3 or 4, HR pixels per LR pixel on each axis.
        channels: features between the dense blocks.
        blocks: number of RRDBs.
        growth: features that each of the first four convolutions of a dense block adds.
        colors: C, channels of the pictures.
        generator: where the first weights are drawn from, on the CPU; by default torch's own, as `torch.manual_seed`
            sets it. In the dense blocks they are He's normal ones times 0.1, and biases are zero, as in ESRGAN;
            the other layers have torch's default distribution.

    Raises:
        ValueError: a scale other than 2, 3, 4, or a count that is no positive whole number.

    References:
        Wang et al., ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks, ECCV Workshops 2018.
    """

    PRESETS: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "esrgan": {"channels": 64, "blocks": 23, "growth": 32},
        "tiny": {"channels": 16, "blocks": 2, "growth": 8},
    }

    def __init__(
        self,
        scale: int = 4,
        channels: int = 64,
        blocks: int = 23,
        growth: int = 32,
        colors: int = 3,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        check_scale(scale)
        check_counts(channels=channels, blocks=blocks, growth=growth, colors=colors)
        self.scale = scale
        self.colors = colors
        self.conv_first = conv(colors, channels)
        self.body = nn.Sequential(*(_RRDB(channels, growth) for _ in range(blocks)))
        self.conv_body = conv(channels, channels)
        for number, _ in enumerate(stages_of(scale), start=1):
            self.add_module(f"conv_up{number}", conv(channels, channels))
        self.conv_hr = conv(channels, channels)
        self.conv_last = conv(channels, colors)
        initialize(self, generator)
        for block in self.body.modules():
            if isinstance(block, _Dense):
                block.initialize(generator)

    @classmethod
    def preset(cls, name: str, scale: int = 4, **changes: Any) -> Self:
        """Make a size by its name.

        Args:
            name: "esrgan" or "tiny".
            scale: 2, 3 or 4.
            changes: other arguments of `RRDBNet`, which go before those of the preset.

        Raises:
            ValueError: an unknown name, or a value that `RRDBNet` does not take.
        """
        return cls(scale, **{**preset_of(cls.PRESETS, name), **changes})

    def forward(self, lr: Tensor) -> Tensor:
        """Super-resolve a batch of pictures.

        Args:
            lr: (B, C, h, w), floats, usually in [0, 1], of the dtype of the network.

        Returns:
            (B, C, scale * h, scale * w), not clipped to a range.

        Raises:
            TypeError: `lr` is not a tensor of floats, or of another dtype than the network outside autocast.
            ValueError: it is not (B, C, h, w) with the network's C, or a side of it is zero.
        """
        check_lr(lr, self.colors, self.conv_first.weight)
        x = self.conv_first(lr)
        x = x + self.conv_body(self.body(x))
        for number, factor in enumerate(stages_of(self.scale), start=1):
            enlarged = F.interpolate(x, scale_factor=factor, mode="nearest")
            x = _leaky(self.get_submodule(f"conv_up{number}")(enlarged))
        return self.conv_last(_leaky(self.conv_hr(x)))


class _RRDB(nn.Module):
    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = _Dense(channels, growth)
        self.rdb2 = _Dense(channels, growth)
        self.rdb3 = _Dense(channels, growth)

    def forward(self, x: Tensor) -> Tensor:
        return x + RESIDUAL_SCALE * self.rdb3(self.rdb2(self.rdb1(x)))


class _Dense(nn.Module):
    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.conv1 = conv(channels, growth)
        self.conv2 = conv(channels + growth, growth)
        self.conv3 = conv(channels + 2 * growth, growth)
        self.conv4 = conv(channels + 3 * growth, growth)
        self.conv5 = conv(channels + 4 * growth, channels)

    @torch.no_grad()
    def initialize(self, generator: Generator | None) -> None:
        for parameter in self.parameters():
            if parameter.ndim == 4:
                nn.init.kaiming_normal_(parameter, generator=generator).mul_(FIRST)
            else:
                parameter.zero_()

    def forward(self, x: Tensor) -> Tensor:
        seen = x  # (B, channels + k * growth, h, w)
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat([seen, _leaky(layer(seen))], dim=1)
        return x + RESIDUAL_SCALE * self.conv5(seen)


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE)
