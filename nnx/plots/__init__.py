"""Pictures of a training and of what came out of it. matplotlib is imported when one is drawn.

Each function returns a matplotlib Figure, which shows itself in a notebook, and writes it into a file if it is given a
path; no window and no global state is involved. `report` puts the usual ones on one page.
"""

from .animation import animate
from .boundary import decision_boundaries, decision_boundary
from .columns import importance
from .confusion import confusion_matrix
from .history import curves
from .layers import histograms, layer_values
from .network import network
from .population import population
from .rates import rate_finder, rates
from .regression import predicted_against_true, residuals
from .reliability import calibration, reliability
from .report import report
from .search import search

__all__ = [
    "animate",
    "calibration",
    "confusion_matrix",
    "curves",
    "decision_boundaries",
    "decision_boundary",
    "histograms",
    "importance",
    "layer_values",
    "network",
    "population",
    "predicted_against_true",
    "rate_finder",
    "rates",
    "reliability",
    "report",
    "residuals",
    "search",
]
