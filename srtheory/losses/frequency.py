"""High-frequency enhancement: a picture's spectrum weighted by an inverse Gaussian kernel before a loss sees it."""

import math

import torch
from torch import Tensor, nn

from srtheory.losses.base import check_choice

CHOICES = {"center": ("symmetric", "printed"), "inverse": ("dft", "hartley", "unweighted")}


class HighFrequencyEnhancement(nn.Module):
    r"""Suppress the low frequencies of a picture, as DECLoss does in COO-v1 to both pictures that it compares.

    Along an axis of N pixels the kernel is

    $$K^{(N)}_i = \alpha \exp\Bigl(-\frac{(i - c)^2}{2 (\mu N)^2}\Bigr), \qquad i = 0, \dots, N - 1$$

    with frequency zero at i = 0 and the highest near the center c. The spectrum is multiplied, element by element, with
    the outer product of the kernels of the two axes, and transformed back.

    With these defaults the gain is 1 at the corner, where both frequencies are highest; $e^{-1/(8 \mu^2)}$ on the axes,
    that is for stripes however fine; and $e^{-1/(4 \mu^2)}$ at frequency zero.

    The papers give no value of $\alpha$ or $\mu$; the defaults are ours. Their $\mu$ is in samples: it is ours times N.

    Args:
        alpha: $\alpha$, which counts twice, once for each axis.
        mu: width of the kernel, in sides of the picture.
        center: where c is. "symmetric": N/2, so that the gain of a frequency and of its negative agree, and the result
            is real. "printed": (N - 1)/2, where they differ, and the result has an imaginary part, which is dropped;
            `imaginary` returns it.
        inverse: "dft": the inverse transform of the weighted spectrum, which is meant. "hartley": with the matrix as
            printed in COO-v1 Eq. 17, real part minus imaginary part without i, whose real part is the mean of two
            mirror images of the result. "unweighted": COO-v1 Eq. 16 as printed, which transforms the spectrum before it
            was weighted, and returns the picture.

    References:
        COO-v1 Eqs. 12-17, repeated in COO's Appendix B as Eqs. 46-51; chapter ch09_low_frequency_tendency.
    """

    def __init__(
        self, alpha: float = 1.0, mu: float = 0.25, *, center: str = "symmetric", inverse: str = "dft"
    ) -> None:
        super().__init__()
        for name, value in (("alpha", alpha), ("mu", mu)):
            if not 0 < value < math.inf:
                raise ValueError(f"{name} must be positive and finite, not {value!r}")
        for name, choice in (("center", center), ("inverse", inverse)):
            check_choice(name, choice, CHOICES[name])
        self.alpha, self.mu, self.center, self.inverse = alpha, mu, center, inverse

    def forward(self, picture: Tensor) -> Tensor:
        """Return the enhanced picture.

        Args:
            picture: (..., H, W), floats. The picture is taken as periodic, as the discrete Fourier transform does.

        Returns:
            Like `picture`, in shape, dtype and device; with values below zero, since little is left of the mean. Half
            precision is computed in single precision.

        Raises:
            TypeError: not a tensor of floats.
            ValueError: fewer than two dimensions, or an empty one.
        """
        return self._transformed(picture).real.to(picture.dtype)

    def imaginary(self, picture: Tensor) -> Tensor:
        """Return the imaginary part that `forward` drops, like `picture`: rounding, unless `center` is "printed" or
        `inverse` is "hartley"."""
        return self._transformed(picture).imag.to(picture.dtype)

    def response(self, size: tuple[int, int]) -> Tensor:
        """Return the gain of every frequency of an H x W picture, (H, W), float64, in the order of `torch.fft.fft2`."""
        H, W = size
        return self._kernel(H)[:, None] * self._kernel(W)  # COO-v1 Eq. 14

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}, mu={self.mu}, center={self.center!r}, inverse={self.inverse!r}"

    def _kernel(self, N: int) -> Tensor:
        c = N / 2 if self.center == "symmetric" else (N - 1) / 2
        i = torch.arange(N, dtype=torch.float64)
        return self.alpha * torch.exp(-((i - c) ** 2) / (2 * (self.mu * N) ** 2))  # COO-v1 Eq. 15

    def _transformed(self, picture: Tensor) -> Tensor:
        if not isinstance(picture, Tensor) or not picture.is_floating_point():
            kind = picture.dtype if isinstance(picture, Tensor) else type(picture).__name__
            raise TypeError(f"picture must be a tensor of floats (..., H, W), not {kind}; divide 8-bit pictures by 255")
        if picture.ndim < 2 or 0 in picture.shape:
            raise ValueError(f"picture has shape {tuple(picture.shape)}; it must be (..., H, W), none of them zero")
        y = picture.to(torch.promote_types(picture.dtype, torch.float32))
        Y_f = torch.fft.fft2(y)  # COO-v1 Eqs. 12-13
        if self.inverse == "unweighted":
            return torch.fft.ifft2(Y_f)
        H, W = y.shape[-2:]
        weighted = Y_f * self.response((H, W)).to(y)
        if self.inverse == "dft":
            return torch.fft.ifft2(weighted)  # COO-v1 Eq. 16
        for axis in (-2, -1):  # COO-v1 Eq. 17: C + S, where the transform is F = C - iS
            with_F = torch.fft.fft(weighted, dim=axis, norm="forward")
            with_conjugate = torch.fft.ifft(weighted, dim=axis)
            weighted = (1 + 1j) / 2 * with_F + (1 - 1j) / 2 * with_conjugate
        return weighted
