"""Linear degradations A with exact adjoint and pseudo-inverse, and the projectors on their range and null space."""

from srtheory.operators.base import LinearOperator
from srtheory.operators.blur import BlurDownsample
from srtheory.operators.matrix import MatrixOperator
from srtheory.operators.resize import Resize, resize_matrix

__all__ = ["BlurDownsample", "LinearOperator", "MatrixOperator", "Resize", "resize_matrix"]
