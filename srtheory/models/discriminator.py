"""ESRGAN's discriminator: ten convolutions in the manner of VGG, and one logit for each picture."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from torch import Generator, Tensor, nn
from torch.nn import functional as F

from srtheory.models.base import check_counts, check_lr, conv, initialize, preset_of
from srtheory.operators.base import is_whole

SLOPE = 0.2  # of the leaky ReLU, below zero
WIDTHS = (1, 2, 4, 8, 8)  # of the five stages, in channels; each halves the sides
HIDDEN = 100


class VGGDiscriminator(nn.Module):
    """Tell HR pictures from SR pictures: one logit each, high for pictures that look real.

    Five stages of two convolutions: 3 x 3, which widens, and 4 x 4 with stride 2, which halves the sides. The first
    convolution has a bias; each other one has batch normalization instead. Two linear layers follow, by way of 100
    numbers. After every layer but the last comes a leaky ReLU of slope 0.2.

    Sizes, and all their parameters for pictures of 128 x 128:

    - "esrgan", 64 channels: 14,499,401
    - "tiny", 8 channels, for laptops: 317,177

    While it trains, a batch is normalized with its own mean and variance: pass HR and SR pictures in batches of their
    own, as ESRGAN does. On several GPUs that is the batch of each rank, unless
    `torch.nn.SyncBatchNorm.convert_sync_batchnorm` makes it that of all. In evaluation mode the running mean and
    variance serve instead.

    Parameters have the names of BasicSR, whose network for 128 x 128 this is; its network for 256 x 256 has a sixth
    stage.

    Args:
        size: side of the pictures in pixels, a multiple of 32.
        channels: features of the first stage; the last ones have eight times as many.
        colors: C, channels of the pictures.
        generator: where the first weights are drawn from, on the CPU; by default torch's own, as `torch.manual_seed`
            sets it. The distribution is torch's default.

    Raises:
        ValueError: a size that is no multiple of 32, or a count that is no positive whole number.

    References:
        Wang et al., ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks, ECCV Workshops 2018.
    """

    PRESETS: ClassVar[Mapping[str, Mapping[str, int]]] = {"esrgan": {"channels": 64}, "tiny": {"channels": 8}}

    def __init__(
        self, size: int = 128, channels: int = 64, colors: int = 3, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        if not is_whole(size) or size < 1 or size % 32:
            raise ValueError(f"size must be a multiple of 32, in pixels, not {size!r}")
        check_counts(channels=channels, colors=colors)
        self.size = size
        self.colors = colors
        inputs = colors
        for stage, width in enumerate(WIDTHS):
            outputs = width * channels
            if stage == 0:
                self.conv0_0 = conv(inputs, outputs)
            else:
                self.add_module(f"conv{stage}_0", nn.Conv2d(inputs, outputs, 3, padding=1, bias=False))
                self.add_module(f"bn{stage}_0", nn.BatchNorm2d(outputs))
            self.add_module(f"conv{stage}_1", nn.Conv2d(outputs, outputs, 4, stride=2, padding=1, bias=False))
            self.add_module(f"bn{stage}_1", nn.BatchNorm2d(outputs))
            inputs = outputs
        self.linear1 = nn.Linear(inputs * (size // 32) ** 2, HIDDEN)
        self.linear2 = nn.Linear(HIDDEN, 1)
        initialize(self, generator)

    @classmethod
    def preset(cls, name: str, size: int = 128, **changes: Any) -> Self:
        """Make a size by its name.

        Args:
            name: "esrgan" or "tiny".
            size: side of the pictures, a multiple of 32.
            changes: other arguments of `VGGDiscriminator`, which go before those of the preset.

        Raises:
            ValueError: an unknown name, or a value that `VGGDiscriminator` does not take.
        """
        return cls(size, **{**preset_of(cls.PRESETS, name), **changes})

    def forward(self, picture: Tensor) -> Tensor:
        """Judge a batch of pictures.

        Args:
            picture: (B, C, size, size), floats, usually in [0, 1], of the dtype of the network.

        Returns:
            (B, 1), logits.

        Raises:
            TypeError: `picture` is not a tensor of floats, or of another dtype than the network outside autocast.
            ValueError: it is not (B, C, size, size) with the network's C; or a batch without variance while training:
                no picture, or one of 32 x 32.
        """
        check_lr(picture, self.colors, self.conv0_0.weight, name="picture")
        B, _, h, w = picture.shape
        if (h, w) != (self.size, self.size):
            raise ValueError(
                f"picture is {h}x{w}, but the network takes {self.size}x{self.size}; crop, or make it with another size"
            )
        if self.training and B * (self.size // 32) ** 2 < 2:
            raise ValueError(
                f"a batch of {B} has no variance to normalize with while training; pass at least 2 pictures"
            )
        x = _leaky(self.conv0_0(picture))
        for stage, _ in enumerate(WIDTHS):
            for layer in (f"{stage}_0", f"{stage}_1"):
                if layer != "0_0":
                    x = self.get_submodule(f"conv{layer}")(x)
                    x = _leaky(self.get_submodule(f"bn{layer}")(x))
        return self.linear2(_leaky(self.linear1(x.flatten(1))))


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE)
