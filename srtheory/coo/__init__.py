"""The theory of center-oriented optimization: centers, entropies, and the pictures behind one LR picture as a law."""

from srtheory.coo.capacity import MLP, TwoGaussians, fit_mlp
from srtheory.coo.centers import coordinate_median, geometric_median, heaviest_point, mean_center
from srtheory.coo.entropy import discrete_entropy, entropy_power_bound, gaussian_entropy, segment_function
from srtheory.coo.posterior import GaussianPosterior, expected_norm, null_basis

__all__ = [
    "MLP",
    "GaussianPosterior",
    "TwoGaussians",
    "coordinate_median",
    "discrete_entropy",
    "entropy_power_bound",
    "expected_norm",
    "fit_mlp",
    "gaussian_entropy",
    "geometric_median",
    "heaviest_point",
    "mean_center",
    "null_basis",
    "segment_function",
]
