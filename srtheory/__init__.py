"""srtheory: why super-resolution blurs, tested by running it.

Rooms: `srtheory.operators` (linear degradations with exact pseudo-inverses), `srtheory.coo` (centers and entropies of
the pictures behind one LR picture), `srtheory.losses` and `srtheory.models` (what networks are trained with, and the
networks), `srtheory.metrics` (fidelity and distributions), `srtheory.data` (pictures, crops, public sets),
`srtheory.training` (runs that can be stopped and resumed), `srtheory.experiments` (tables and figures of the papers),
`srtheory.plots` (the book's figures and sliders). The command `srtheory` is the door to most of it.
"""

__version__ = "0.1.0"
