"""The photographs that scikit-image carries: real, free to publish, and there without a download."""

import torch
from torch import Tensor

PHOTOGRAPHS = {  # name: terms
    "astronaut": "NASA, public domain",
    "brick": "CC0Textures, CC0",
    "camera": "Lav Varshney, CC0",
    "chelsea": "Stefan van der Walt, CC0",
    "coffee": "Rachel Michetti, CC0",
    "coins": "Brooklyn Museum, no known copyright restrictions",
    "grass": "linolafett, CC0",
    "gravel": "CC0Textures, CC0",
}


def photograph(name: str, gray: bool = False) -> Tensor:
    """Return one of scikit-image's photographs.

    Args:
        name: one of `PHOTOGRAPHS`.
        gray: mix color to one channel with the BT.601 luma weights (0.299, 0.587, 0.114).

    Returns:
        (3, H, W), or (1, H, W) if `gray`; float64 in [0, 1]. Photographs without color come as three equal channels.

    Raises:
        ValueError: there is no photograph of that name.
    """
    if name not in PHOTOGRAPHS:
        raise ValueError(f"name must be one of {', '.join(PHOTOGRAPHS)}, not {name!r}")
    import skimage.data

    pixels = torch.from_numpy(getattr(skimage.data, name)()).double() / 255
    picture = pixels.movedim(-1, 0) if pixels.ndim == 3 else pixels.expand(3, *pixels.shape)
    if gray:
        weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
        picture = torch.einsum("c,chw->hw", weights, picture)[None]
    return picture.contiguous()
