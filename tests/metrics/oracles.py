"""The definitions again, by another library or by loops."""

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

# MATLAB's rgb2ycbcr, first row; its input in [0, 1] gives Y in [16, 235] / 255
RGB_TO_Y, Y_OFFSET = np.array([65.481, 128.553, 24.966]), 16.0


def luma(picture: np.ndarray) -> np.ndarray:
    """(3, H, W) in [0, 1] -> (1, H, W), as MATLAB's im2double(rgb2ycbcr(...)) has it, before rounding."""
    red, green, blue = picture
    return ((Y_OFFSET + RGB_TO_Y[0] * red + RGB_TO_Y[1] * green + RGB_TO_Y[2] * blue) / 255)[None]


def prepared(picture: np.ndarray, channel: str, border: int) -> np.ndarray:
    height, width = picture.shape[-2:]
    picture = picture[:, border : height - border, border : width - border]
    return luma(picture) if channel == "y" and len(picture) == 3 else picture


def expected_psnr(sr: np.ndarray, hr: np.ndarray, channel: str, border: int) -> float:
    sr, hr = prepared(sr, channel, border), prepared(hr, channel, border)
    return peak_signal_noise_ratio(hr, sr, data_range=1)


def expected_ssim(sr: np.ndarray, hr: np.ndarray, channel: str, border: int) -> float:
    sr, hr = prepared(sr, channel, border), prepared(hr, channel, border)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    return structural_similarity(hr, sr, channel_axis=0, **options)


def slow_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """One channel, window by window, with two-pass moments: Wang et al. 2004, Eqs. 13 to 16."""
    radius = np.arange(11) - 5
    window = np.exp(-(radius[:, None] ** 2 + radius[None, :] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = 0.01**2, 0.03**2
    values = []
    for i in range(a.shape[0] - 10):
        for j in range(a.shape[1] - 10):
            x, y = a[i : i + 11, j : j + 11], b[i : i + 11, j : j + 11]
            mean_x, mean_y = (window * x).sum(), (window * y).sum()
            var_x, var_y = (window * (x - mean_x) ** 2).sum(), (window * (y - mean_y) ** 2).sum()
            covariance = (window * (x - mean_x) * (y - mean_y)).sum()
            luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
            values.append(luminance * (2 * covariance + c2) / (var_x + var_y + c2))
    return float(np.mean(values))
