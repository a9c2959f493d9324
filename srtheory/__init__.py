"""srtheory: why super-resolution blurs, tested by running it.

Rooms: `srtheory.operators` (linear degradations with exact pseudo-inverses), `srtheory.coo` (centers and entropies of
the pictures behind one LR picture), `srtheory.metrics` (PSNR and SSIM as the
field measures them), `srtheory.data` (pictures and photographs), `srtheory.plots` (the book's figures and sliders).
"""

__version__ = "0.1.0"
