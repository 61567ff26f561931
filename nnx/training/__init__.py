"""Training: one step, engines that run it over epochs, the judge of what comes out, the data in batches."""

from .averages import EMA, SWA
from .callbacks import CSVLogger, JSONLinesLogger, TensorBoardLogger
from .checkpoint import Checkpoint
from .data import split
from .fit import fit
from .parallel import ranks
from .population import Member, Population, PopulationFit, PopulationReport
from .rate_range import RateRange, rate_range
from .result import EarlyStopping, Fit, Report

__all__ = [
    "EMA",
    "SWA",
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
    "ranks",
    "rate_range",
    "split",
]
