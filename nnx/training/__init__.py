"""Training: the one step, the loop over epochs, the data in batches, what watches it."""

from .callbacks import CSVLogger, JSONLinesLogger, TensorBoardLogger
from .checkpoint import Checkpoint
from .data import split
from .loop import fit
from .population import Member, Population, PopulationFit, PopulationReport
from .rate_range import RateRange, rate_range
from .result import EarlyStopping, Fit, Report

__all__ = [
    "CSVLogger",
    "Checkpoint",
    "EarlyStopping",
    "Fit",
    "JSONLinesLogger",
    "Member",
    "Population",
    "PopulationFit",
    "PopulationReport",
    "RateRange",
    "Report",
    "TensorBoardLogger",
    "fit",
    "rate_range",
    "split",
]
