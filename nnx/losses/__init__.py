"""Losses: a mean over the batch of the sum over the features, and its gradient.

With weights w (one for each row, or class) the mean over a batch is sum(w e) / sum(w), as in scikit-learn and PyTorch:
in batches of a few rows weights therefore count for less than in large ones. Only the ratios of weights count, and a
batch in which all are 0 has the loss 0 and no gradient. The letters: z is the network's output
(..., n, k), e its loss for each element, s = w / sum(w) the share of each row in the mean (1/n without weights).
"""

from ..contract import Loss
from .cross_entropy import BinaryCrossEntropy, SoftmaxCrossEntropy, holds_labels, one_hot
from .ensemble import EnsembleLoss
from .positions import PositionLoss, of_position
from .regression import AbsoluteError, Huber, Poisson, Quantile, SquaredError
from .scaled import ClampedLoss, ScaledLoss, without_scale

LOSSES: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
    "poisson": Poisson,
    "binary_cross_entropy": BinaryCrossEntropy,
    "softmax_cross_entropy": SoftmaxCrossEntropy,
}
KINDS: tuple[type[Loss], ...] = (*LOSSES.values(), EnsembleLoss, PositionLoss, ScaledLoss, ClampedLoss)

__all__ = [
    "KINDS",
    "LOSSES",
    "AbsoluteError",
    "BinaryCrossEntropy",
    "ClampedLoss",
    "EnsembleLoss",
    "Huber",
    "Poisson",
    "PositionLoss",
    "Quantile",
    "ScaledLoss",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "holds_labels",
    "of_position",
    "one_hot",
    "without_scale",
]
