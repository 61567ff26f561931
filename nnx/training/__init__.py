"""Training: the one step, the loop over epochs, the data in batches, what watches it."""

from .data import split
from .loop import fit
from .result import EarlyStopping, Fit, Report

__all__ = ["EarlyStopping", "Fit", "Report", "fit", "split"]
