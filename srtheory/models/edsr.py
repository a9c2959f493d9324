"""EDSR: residual blocks without normalization, and pixel shuffling at the end."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Generator, Tensor, nn

from srtheory.models.base import (
    check_counts,
    check_lr,
    check_number,
    check_scale,
    conv,
    initialize,
    preset_of,
    stages_of,
)

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)


class EDSR(nn.Module):
    r"""Super-resolve with residual blocks, a long skip connection, and pixel shuffling.

    Each block adds to its input x

    $$r\,W_2 * \max(W_1 * x, 0)$$

    with 3 x 3 convolutions (zero padding) and the residual scale r. The upsampling is one stage of convolution and
    pixel shuffle for x2 and x3, two stages of x2 for x4. The mean color of the training set is subtracted first and
    added last.

    Sizes, and what training changes in them:

    - "baseline", 16 blocks of 64 channels, r = 1: 1,369,859 numbers for x2, 1,554,499 for x3, 1,517,571 for x4
    - "large", 32 blocks of 256 channels, r = 0.1: 40,729,603, 43,680,003 and 43,089,923
    - "tiny", 4 blocks of 16 channels, r = 1, for laptops: 31,043, 42,643 and 40,323

    The mean color is a fixed buffer and not among them. The authors' code writes it as two 1 x 1 convolutions of 12
    frozen numbers each, so that counts which include those are larger by 24. Parameters have the names of that code,
    whose weights are for pictures up to 255: take `max_value=255`, and `load_state_dict(weights, strict=False)`, since
    its mean color is stored otherwise.

    Args:
        scale: 2, 3 or 4, HR pixels per LR pixel on each axis.
        channels: features in each layer.
        blocks: number of residual blocks.
        residual_scale: r, the factor of what a block adds.
        colors: C, channels of the pictures.
        mean: the color that is subtracted, one number for each channel, for pictures in [0, 1]. By default that of
            DIV2K, (0.4488, 0.4371, 0.4040); where C is not 3, the average of these.
        max_value: the largest intensity of the pictures; it multiplies the mean.
        generator: where the first weights are drawn from, on the CPU; by default torch's own, as `torch.manual_seed`
            sets it. The distribution is torch's default for convolutions.

    Raises:
        ValueError: a scale other than 2, 3, 4; a count that is no positive whole number; a residual scale that is not
            finite; a mean that is not C finite numbers; a max_value that is not positive.

    References:
        Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPR Workshops 2017.
    """

    PRESETS: ClassVar[Mapping[str, Mapping[str, float]]] = {
        "baseline": {"channels": 64, "blocks": 16, "residual_scale": 1.0},
        "large": {"channels": 256, "blocks": 32, "residual_scale": 0.1},
        "tiny": {"channels": 16, "blocks": 4, "residual_scale": 1.0},
    }

    def __init__(
        self,
        scale: int = 4,
        channels: int = 64,
        blocks: int = 16,
        residual_scale: float = 1.0,
        colors: int = 3,
        mean: Sequence[float] | None = None,
        *,
        max_value: float = 1.0,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        check_scale(scale)
        check_counts(channels=channels, blocks=blocks, colors=colors)
        check_number("residual_scale", residual_scale)
        check_number("max_value", max_value, positive=True)
        if mean is None:
            mean = DIV2K_MEAN if colors == 3 else [sum(DIV2K_MEAN) / 3] * colors
        if len(mean) != colors:
            raise ValueError(f"mean has {len(mean)} numbers, but pictures have {colors} channels; pass one for each")
        for value in mean:
            check_number("mean", value)
        self.scale = scale
        self.colors = colors
        self.head = nn.Sequential(conv(colors, channels))
        residual = [_Block(channels, residual_scale) for _ in range(blocks)]
        self.body = nn.Sequential(*residual, conv(channels, channels))
        upsampling: list[nn.Module] = []
        for factor in stages_of(scale):
            upsampling += [conv(channels, channels * factor**2), nn.PixelShuffle(factor)]
        self.tail = nn.Sequential(nn.Sequential(*upsampling), conv(channels, colors))
        self.mean: Tensor
        self.register_buffer("mean", max_value * torch.tensor([float(value) for value in mean])[:, None, None])
        initialize(self, generator)

    @classmethod
    def preset(cls, name: str, scale: int = 4, **changes: Any) -> Self:
        """Make a size by its name.

        Args:
            name: "baseline", "large" or "tiny".
            scale: 2, 3 or 4.
            changes: other arguments of `EDSR`, which go before those of the preset.

        Raises:
            ValueError: an unknown name, or a value that `EDSR` does not take.
        """
        return cls(scale, **{**preset_of(cls.PRESETS, name), **changes})

    def forward(self, lr: Tensor) -> Tensor:
        """Super-resolve a batch of pictures.

        Args:
            lr: (B, C, h, w), floats in [0, max_value], of the dtype of the network.

        Returns:
            (B, C, scale * h, scale * w), not clipped to a range.

        Raises:
            TypeError: `lr` is not a tensor of floats, or of another dtype than the network outside autocast.
            ValueError: it is not (B, C, h, w) with the network's C, or a side of it is zero.
        """
        check_lr(lr, self.colors, self.mean)
        x = self.head(lr - self.mean)
        return self.tail(x + self.body(x)) + self.mean


class _Block(nn.Module):
    def __init__(self, channels: int, residual_scale: float) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(channels, channels), nn.ReLU(), conv(channels, channels))
        self.residual_scale = residual_scale

    def forward(self, x: Tensor) -> Tensor:
        return x + self.residual_scale * self.body(x)

    def extra_repr(self) -> str:
        return f"residual_scale={self.residual_scale:g}"
