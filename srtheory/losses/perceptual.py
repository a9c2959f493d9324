"""Perceptual loss: how far two pictures are apart in the features of VGG-19, which was trained to name what it sees."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from srtheory.losses.base import check_choice, check_max_value, check_pair

VGG19 = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"  # the name ends with the first digits of its SHA-256
BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # channels, number of convolutions; pooling after each block
LAYERS = [f"conv{block}_{i}" for block, (_, count) in enumerate(BLOCKS, start=1) for i in range(1, count + 1)]
PLACES = {layer: 2 * k + int(layer[4]) - 1 for k, layer in enumerate(LAYERS)}  # in `features`, as torchvision counts
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, for colors in [0, 1]
CRITERIA = ("l1", "l2", "norm")


class PerceptualLoss(nn.Module):
    r"""Compare pictures by their features in VGG-19.

    With $\varphi$ the features of one layer, the papers print

    $$L_p = \lVert \varphi(\hat I_y) - \varphi(I_y) \rVert_2$$

    and name no layer; that is `criterion="norm"`. COO uses it "as used in ESRGAN", which is another distance and the
    default here: the mean absolute difference in the last convolution, before its activation.

    The features are those of torchvision's `vgg19`, without torchvision. Colors are normalized as there, with the mean
    and standard deviation of ImageNet. The weights are frozen and kept in single precision, up to the wanted layer. The
    HR picture is a constant: no gradient reaches it.

    Args:
        weights: by default torchvision's published ones, 548 MiB, from the address
            `srtheory.losses.perceptual.VGG19`: here, and nowhere else, they are downloaded, once, to
            `torch.hub.get_dir()`, and compared with their SHA-256. Or a file, .safetensors or what `torch.load` reads;
            or the tensors by name, which are copied. Names are `features.N.weight` and `features.N.bias`; others than
            those of features are ignored.
        layer: "conv1_1" to "conv5_4", block and number of the convolution.
        before_activation: True: what the convolution makes. False: what the ReLU after it leaves.
        criterion: over the features, "l1", the mean absolute difference, or "l2", the mean squared one, both over the
            batch too; or "norm", as printed: the root of the sum of squares of each pair of pictures, and the mean of
            that over the batch, so that COO-v1's sum over the pictures is B times as large.
        max_value: the largest intensity, which becomes 1.

    Raises:
        TypeError: `weights` is neither a path nor tensors by name.
        ValueError: an unknown layer or criterion, a max_value that is not positive; a file that is cut off or of
            another network, or whose hash is wrong.
        FileNotFoundError: there is no such file.
        ConnectionError: the weights are not here, and cannot be downloaded; it says how to bring them.

    References:
        COO Eq. 44; COO-v1 Eq. 25; chapter ch11_training_with_decloss.
        Johnson et al., Perceptual Losses for Real-Time Style Transfer and Super-Resolution, ECCV 2016. Simonyan and
        Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015.
    """

    def __init__(
        self,
        weights: str | Path | Mapping[str, Tensor] | None = None,
        layer: str = "conv5_4",
        before_activation: bool = True,
        criterion: str = "l1",
        max_value: float = 1.0,
    ) -> None:
        super().__init__()
        check_choice("layer", layer, LAYERS)
        check_choice("criterion", criterion, CRITERIA)
        check_max_value(max_value)
        self.layer, self.before_activation = layer, before_activation
        self.criterion, self.max_value = criterion, max_value
        self.features = _vgg19(PLACES[layer] + (1 if before_activation else 2))
        self.load_state_dict(_weights_of(weights, self), assign=True)
        self.requires_grad_(False).train(False)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Compare a batch with the truth.

        Args:
            sr: (B, C, H, W), the network's output. C is 3, or 1: gray is taken as three equal channels. H and W are at
                least 2^(k-1) for a layer of block k, 16 for "conv5_4".
            hr: (B, C, H, W), the truth, in [0, max_value].

        Returns:
            A scalar, in the wider of the dtypes of both. Half precision is computed in single precision, under autocast
            too. NaN in, NaN out.

        Raises:
            TypeError: not tensors of floats.
            ValueError: shapes that differ or are not (B, C, H, W) with C = 1 or 3, pictures that are too small for the
                layer, far beyond max_value or far below it, or on another device than the weights.
        """
        check_pair(sr, hr, self.max_value)
        self._check(sr)
        kept = torch.promote_types(sr.dtype, hr.dtype)
        exact = torch.promote_types(kept, torch.float32)
        with torch.autocast(sr.device.type, enabled=False):
            with torch.no_grad():
                target = self._phi(hr.to(exact))
            difference = self._phi(sr.to(exact)) - target  # (B, channels, h, w)
            if self.criterion == "l1":
                loss = difference.abs().mean()
            elif self.criterion == "l2":
                loss = difference.square().mean()
            else:
                loss = torch.linalg.vector_norm(difference.flatten(1), dim=1).mean()  # COO Eq. 44
        return loss.to(kept)

    def extra_repr(self) -> str:
        return (
            f"layer={self.layer!r}, before_activation={self.before_activation}, criterion={self.criterion!r}, "
            f"max_value={self.max_value:g}"
        )

    def _phi(self, x: Tensor) -> Tensor:
        colors = x.expand(-1, 3, -1, -1).unbind(1)
        x = torch.stack([(c / self.max_value - m) / s for c, m, s in zip(colors, MEAN, STD, strict=True)], dim=1)
        for layer in self.features:
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                x = F.conv2d(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype), padding=1)
            else:
                x = layer(x)
        return x

    def _check(self, sr: Tensor) -> None:
        if sr.shape[1] not in (1, 3):
            raise ValueError(f"sr and hr have shape {tuple(sr.shape)}, (B, C, H, W); C must be 3, or 1 for gray")
        smallest = 2 ** (int(self.layer[4]) - 1)
        if min(sr.shape[-2:]) < smallest:
            H, W = sr.shape[-2:]
            raise ValueError(f"pictures of {H}x{W} are too small for {self.layer}; it needs {smallest}x{smallest}")
        if (device := next(self.parameters()).device) != sr.device:
            raise ValueError(f"sr is on {sr.device}, but the loss on {device}; use loss.to(sr.device)")


def _vgg19(depth: int) -> nn.Sequential:
    """Return the first of VGG-19's features, without memory for the weights, and without a draw of random ones."""
    layers: list[nn.Module] = []
    inputs = 3
    for channels, count in BLOCKS:
        for _ in range(count):
            layers += [nn.Conv2d(inputs, channels, kernel_size=3, padding=1, device="meta"), nn.ReLU()]
            inputs = channels
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers[:depth])


def _weights_of(given: str | Path | Mapping[str, Tensor] | None, loss: PerceptualLoss) -> dict[str, Tensor]:
    """Return the weights that the loss needs, checked, in single precision."""
    if given is None:
        source, tensors = VGG19, _download()
    elif isinstance(given, str | Path):
        source, tensors = str(given), _read(Path(given))
    else:
        source, tensors = "weights", given
        if not isinstance(given, Mapping):
            raise TypeError(f"weights must be None, a path, or tensors by name, not {type(given).__name__}")
    if not isinstance(tensors, Mapping):
        raise ValueError(f"{source} holds a {type(tensors).__name__}, not tensors by name")
    known = {f"features.{place}.{kind}" for place in PLACES.values() for kind in ("weight", "bias")}
    for key in tensors:
        if str(key).startswith("features.") and key not in known:
            raise ValueError(f"{source} is of another network: it has {key}, which VGG-19 has not")
    found = {}
    for key, place in loss.state_dict().items():
        if key not in tensors:
            names = ", ".join(map(str, list(tensors)[:3])) or "nothing"
            raise ValueError(f"{source} has no {key}, which {loss.layer} of VGG-19 needs; it begins with {names}")
        tensor = tensors[key]
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
            raise ValueError(f"{source}: {key} must be a tensor of floats, not {kind}")
        if tensor.shape != place.shape:
            raise ValueError(f"{source}: {key} has shape {tuple(tensor.shape)}, but {tuple(place.shape)} in VGG-19")
        found[key] = tensor.detach().to(torch.float32, copy=True)
    return found


def _read(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; the published weights of VGG-19 are at {VGG19}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        raise ValueError(f"{path} holds no weights, or is cut off: {_first_line(error)}") from error


def _download() -> Mapping[str, Tensor]:
    try:
        return torch.hub.load_state_dict_from_url(VGG19, map_location="cpu", check_hash=True, weights_only=True)
    except OSError as error:
        raise ConnectionError(
            f"the weights of VGG-19 cannot be downloaded ({error}); get {VGG19} where there is a network, and pass the "
            "file: PerceptualLoss(weights='vgg19-dcbb9e9d.pth')"
        ) from error
    except Exception as error:
        file = Path(torch.hub.get_dir()) / "checkpoints" / VGG19.rsplit("/", 1)[1]
        raise ValueError(
            f"{VGG19} did not give the weights of VGG-19 ({_first_line(error)}); delete {file} if it is there, and try "
            "again"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
