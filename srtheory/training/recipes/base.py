"""What every recipe has: its settings, its networks, and what a step is."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import torch
from torch import Generator, Tensor, nn

from srtheory.losses import PerceptualLoss, RelativisticGANLoss
from srtheory.models import EDSR, RRDBNet, VGGDiscriminator

Terms = dict[str, Tensor]
NETWORKS: dict[str, tuple[type[EDSR] | type[RRDBNet], str]] = {
    "edsr-tiny": (EDSR, "tiny"),
    "edsr-baseline": (EDSR, "baseline"),
    "edsr-large": (EDSR, "large"),
    "rrdb-tiny": (RRDBNet, "tiny"),
    "rrdb-esrgan": (RRDBNet, "esrgan"),
}
CHOICES = {
    "network": tuple(NETWORKS),
    "precision": ("auto", "float32", "bfloat16", "float16", "float64"),
    "l1_reduction": ("mean", "picture", "sum"),
    "perceptual_criterion": ("l1", "l2", "norm"),
}


@dataclass(frozen=True)
class Recipe:
    r"""Settings of a run, and what a step of it is.

    The learning rate rises linearly over the warm-up and then falls along half a cosine to zero at the last step. The
    optimizer is Adam. LR pictures are MATLAB's bicubic of the HR picture around the crop, rounded to 8 bits.

    Args:
        network: "edsr-tiny", "edsr-baseline", "edsr-large", "rrdb-tiny" or "rrdb-esrgan".
        scale: 2, 3 or 4, HR pixels per LR pixel.
        start: what the network begins as: a run's folder, a file of weights, the name of a shipped run, or "" for
            random weights.
        crop: side of the HR crops, in pixels.
        batch: crops in a step, over all processes together.
        steps: how many there are.
        learning_rate: after the warm-up.
        warmup: steps.
        seed: of the first weights and of the crops.
        l1_weight: weight of the L1 loss.
        l1_reduction: "mean" over all values; "picture", the norm of each picture's error, averaged over the batch; or
            "sum" over the batch.
        perceptual_weight: weight of the perceptual loss; 0 leaves it out.
        perceptual_criterion: see `PerceptualLoss`.
        vgg: file of VGG-19's weights; "" downloads them.
        gan_weight: weight of the relativistic average GAN loss; 0 leaves it out.
        precision: of the networks: "bfloat16" and "float16" are autocast; "auto" is bfloat16 on a GPU that has it,
            float16 on another, float32 elsewhere.
        channels_last: memory layout of the convolutions.
        compile: let `torch.compile` fuse the network.
        deterministic: choose only operations that give the same bits each time; on a CPU they always do.
        log_every: steps between lines of the log; on a GPU also between looks at whether the loss is finite.
        save_every: steps between checkpoints.
        validate_every: steps between measurements on the validation pictures; 0 measures at the beginning and the end.

    Raises:
        ValueError: a setting out of range; it is named.
    """

    NAME: ClassVar[str] = ""
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    network: str = "edsr-baseline"
    scale: int = 4
    start: str = ""
    crop: int = 192
    batch: int = 16
    steps: int = 200_000
    learning_rate: float = 1e-4
    warmup: int = 0
    seed: int = 0
    l1_weight: float = 1.0
    l1_reduction: str = "mean"
    perceptual_weight: float = 0.0
    perceptual_criterion: str = "l1"
    vgg: str = ""
    gan_weight: float = 0.0
    precision: str = "auto"
    channels_last: bool = True
    compile: bool = False
    deterministic: bool = False
    log_every: int = 50
    save_every: int = 1000
    validate_every: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            kind: type = type(field.default)
            if kind is float and type(value) is int:
                object.__setattr__(self, field.name, value := float(value))
            if type(value) is not kind:
                raise ValueError(f"{field.name} must be of type {kind.__name__}, not {value!r}")
        for name, choices in self.choices().items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}")
        for name in ("crop", "batch", "steps", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("warmup", "seed", "validate_every", "l1_weight", "perceptual_weight", "gan_weight"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be zero or more, and finite, not {getattr(self, name)}")
        if self.seed >= 2**63:
            raise ValueError(f"seed must be below 2**63, not {self.seed}")
        if not any(getattr(self, field.name) for field in fields(self) if field.name.endswith("_weight")):
            raise ValueError("l1_weight, or another weight, must be positive: there is nothing to minimize")
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate must be positive and finite, not {self.learning_rate}")
        if self.scale not in (2, 3, 4):
            raise ValueError(f"scale must be 2, 3 or 4, not {self.scale}")
        if self.crop % self.scale:
            raise ValueError(
                f"crop must be a multiple of scale={self.scale}, as {self.crop // self.scale * self.scale} is, "
                f"not {self.crop}"
            )
        if self.gan_weight and self.crop % 32:
            raise ValueError(
                f"crop={self.crop} must be a multiple of 32 where gan_weight is not 0: the discriminator halves it "
                "five times"
            )
        if self.gan_weight and self.batch * self.crop < 64:
            raise ValueError(f"batch must be at least 2 where gan_weight is not 0 and crop is {self.crop}, not 1")

    @classmethod
    def choices(cls) -> dict[str, tuple[str, ...]]:
        """The settings that are one of a few words, and these words."""
        return CHOICES

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """Return the settings of a preset, some of them changed.

        Raises:
            ValueError: there is no preset, or no setting, of that name.
        """
        if name not in cls.PRESETS:
            raise ValueError(f"preset must be one of {', '.join(cls.PRESETS)}, not {name!r}")
        return cls(**{**cls.PRESETS[name], **cls.known(changes)})

    @classmethod
    def known(cls, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        names = [field.name for field in fields(cls)]
        for name in changes:
            if name not in names:
                raise ValueError(f"{cls.NAME} has no setting {name!r}; it has {', '.join(names)}")
        return changes

    @classmethod
    def parsed(cls, words: Sequence[str]) -> dict[str, Any]:
        """Read settings written as key=value.

        Raises:
            ValueError: a word without =, an unknown key, or a value that does not fit.
        """
        kinds: dict[str, type] = {field.name: type(field.default) for field in fields(cls)}
        changes: dict[str, Any] = {}
        for word in words:
            key, equals, text = word.partition("=")
            if not equals:
                raise ValueError(f"a setting is written key=value, not {word!r}")
            kind = kinds[next(iter(cls.known({key: text})))]
            try:
                changes[key] = {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
            except (KeyError, ValueError):
                what = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
                raise ValueError(f"{key} must be {what}, not {text!r}") from None
        return changes

    def changed(self, **changes: Any) -> Self:
        """Return the settings with some changed."""
        return replace(self, **self.known(changes))

    def make_network(self) -> nn.Module:
        """Make the SR network, with random weights drawn from the seed."""
        kind, size = NETWORKS[self.network]
        return kind.preset(size, self.scale, generator=Generator().manual_seed(self.seed))

    def make_players(self) -> dict[str, nn.Module]:
        """Make all networks that are trained, the SR network first, under the name "net"."""
        players: dict[str, nn.Module] = {"net": self.make_network()}
        if self.gan_weight:
            size = "tiny" if self.network.endswith("tiny") else "esrgan"
            generator = Generator().manual_seed(self.seed + 1)
            players["discriminator"] = VGGDiscriminator.preset(size, self.crop, generator=generator)
        return players

    def make_losses(self, device: torch.device, ranks: int) -> dict[str, Any]:
        """Make what the terms need beyond the pictures, once, before the first step."""
        losses: dict[str, Any] = {"ranks": ranks}
        if self.perceptual_weight:
            losses["perceptual"] = PerceptualLoss(self.vgg or None, criterion=self.perceptual_criterion).to(device)
        if self.gan_weight:
            losses["gan"] = RelativisticGANLoss(gather=ranks > 1)
        return losses

    def terms(self, sr: Tensor, hr: Tensor, losses: Mapping[str, Any]) -> Terms:
        """Return the weighted terms that the SR network minimizes, those of a GAN aside."""
        terms = {}
        if self.l1_weight:
            terms["l1"] = self.l1_weight * l1(sr, hr, self.l1_reduction, losses["ranks"])
        if self.perceptual_weight:
            terms["perceptual"] = self.perceptual_weight * losses["perceptual"](sr, hr)
        return terms

    def turns(
        self, players: Mapping[str, Any], lr: Tensor, hr: Tensor, losses: Mapping[str, Any]
    ) -> Iterator[tuple[str, Terms]]:
        """Yield who moves and what it minimizes: the sum of the terms. The engine moves it before it asks for the next.

        Args:
            players: the networks, callable.
            lr: (B, 3, h, w), in [0, 1].
            hr: (B, 3, scale * h, scale * w).
            losses: from `make_losses`.
        """
        sr = players["net"](lr)
        terms = self.terms(sr, hr, losses)
        if not self.gan_weight:
            yield "net", terms
            return
        judge = players["discriminator"]
        with frozen(judge.module):
            terms["gan"] = self.gan_weight * losses["gan"].generator(judge.alone(hr).detach(), judge.alone(sr))
        yield "net", terms
        yield "discriminator", {"discriminator": losses["gan"].discriminator(judge(hr), judge(sr.detach()))}


def l1(sr: Tensor, hr: Tensor, reduction: str = "mean", ranks: int = 1) -> Tensor:
    r"""Return the L1 loss in one of its readings.

    $$L_1 = \lVert \hat y - y \rVert_1$$

    Args:
        sr: (B, C, H, W).
        hr: likewise.
        reduction: "mean" over all B * C * H * W values, as code usually has it; "picture", the norm of each picture,
            averaged over the batch; or "sum", the norms added up over the batch, as COO-v1 prints it.
        ranks: processes that share the batch; gradients are averaged over them, so that a sum must be multiplied.

    Raises:
        ValueError: shapes that differ, or another reduction.

    References:
        COO Eq. 43; COO-v1 Eq. 24; chapter ch11_training_with_decloss.
    """
    if sr.shape != hr.shape:
        raise ValueError(f"sr has shape {tuple(sr.shape)}, but hr {tuple(hr.shape)}; they must be the same")
    if reduction not in CHOICES["l1_reduction"]:
        raise ValueError(f"reduction must be one of {', '.join(CHOICES['l1_reduction'])}, not {reduction!r}")
    error = (sr - hr).abs()
    if reduction == "mean":
        return error.mean()
    total = error.flatten(1).sum(1)  # (B,)
    return total.mean() if reduction == "picture" else ranks * total.sum()


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Keep the parameters of a network out of the gradients that are recorded inside."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)
