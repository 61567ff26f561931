"""Training: the one step, the loop over epochs, the data in batches, what watches it."""

from .callbacks import CSVLogger, JSONLinesLogger, TensorBoardLogger
from .data import split
from .loop import fit
from .result import EarlyStopping, Fit, Report

__all__ = [
    "CSVLogger",
    "EarlyStopping",
    "Fit",
    "JSONLinesLogger",
    "Report",
    "TensorBoardLogger",
    "fit",
    "split",
]
