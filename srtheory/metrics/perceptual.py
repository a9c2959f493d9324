"""LPIPS, by the published package and weights."""

import importlib
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from srtheory.metrics.fidelity import _prepared

BACKBONES = ("alex", "vgg", "squeeze")
SMALLEST = 32  # pixels a side, below which the deepest layers have nothing left


def lpips(
    sr: Tensor | np.ndarray,
    hr: Tensor | np.ndarray,
    backbone: str = "alex",
    border: int = 0,
    max_value: float = 1.0,
) -> Tensor:
    r"""Learned perceptual image patch similarity (LPIPS), one value per picture: lower is nearer.

    $$\sum_l \frac{1}{H_l W_l} \sum_{h, w} \bigl\| w_l \odot (\hat\phi^l_{hw}(I_{sr}) - \hat\phi^l_{hw}(I_{hr}))
      \bigr\|_2^2$$

    with the features $\hat\phi^l$ of layer l, of length 1 at each place, and learned weights $w_l$. Name the backbone
    with every number: numbers of different backbones are not comparable. Both "alex" and "vgg" are in use for
    super-resolution.

    Measured by the package `lpips`, which is not installed with srtheory: `pip install "srtheory[perceptual]"`. It
    downloads the weights of the backbone at the first call; later calls have the network at hand. Not tested here with
    the published weights: the tests have a stand-in for the package, and see what it is given.

    Args:
        sr: (..., C, H, W) with C = 1 or 3, floats in [0, max_value]; a tensor or an array. RGB, or gray, which becomes
            three equal channels. The package is given -1 for 0 and 1 for `max_value`, in float32, nothing clipped.
        hr: the truth, of the same shape.
        backbone: "alex", "vgg" or "squeeze".
        border: pixels cropped at each side first. Whole pictures are usual here.
        max_value: the largest value of the range.

    Returns:
        (...), 0 for equal pictures, the dtype and device of `sr`. Without a gradient.

    Raises:
        TypeError: not a tensor or array of floats.
        ValueError: shapes differ or do not fit, an unknown backbone, a border that leaves less than 32x32 pixels, a
            bad range.
        ImportError: the package is not installed, or does not work, as with a torchvision that does not fit torch.
        RuntimeError: the network cannot be made, as where its weights cannot be downloaded.

    References:
        Zhang, Isola, Efros, Shechtman, Wang, "The unreasonable effectiveness of deep features as a perceptual metric",
        CVPR 2018.
    """
    if backbone not in BACKBONES:
        raise ValueError(f"backbone must be one of {', '.join(map(repr, BACKBONES))}, not {backbone!r}")
    a, b, dtype = _prepared(sr, hr, "rgb", border, max_value, SMALLEST)
    network = _network(backbone, a.device)
    a, b = ((x / max_value * 2 - 1).float().expand(*x.shape[:-3], 3, -1, -1) for x in (a, b))
    pairs = zip(a.reshape(-1, 1, *a.shape[-3:]), b.reshape(-1, 1, *b.shape[-3:]), strict=True)
    with torch.no_grad(), torch.autocast(a.device.type, enabled=False):
        values = [network(x, y).reshape(()) for x, y in pairs]  # one at a time, as memory allows
    return torch.stack(values).reshape(a.shape[:-3]).to(dtype)


@lru_cache
def _network(backbone: str, device: torch.device) -> nn.Module:
    hint = 'pip install "srtheory[perceptual]"'
    try:
        make = importlib.import_module("lpips").LPIPS
    except Exception as error:  # not only ImportError: a torchvision that does not fit torch raises RuntimeError
        raise ImportError(f"LPIPS needs the package lpips: {hint}; importing it failed: {error!r}") from error
    try:
        return make(net=backbone, verbose=False).train(False).to(device)
    except Exception as error:
        raise RuntimeError(
            f"LPIPS cannot make its network {backbone!r}: {error!r}. The first call downloads the weights, or takes "
            f"them from torch's cache; it needs a network then, and a torchvision that fits torch: {hint}"
        ) from error
