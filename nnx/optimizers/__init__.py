"""Optimizers: how parameters follow their gradients, each as one formula on arrays.

The letters: p a parameter, g its gradient, v and m what the optimizer remembers of it, t the number of this update
counted from 1. A setting is one number or one for each member of the population.
"""

from .gradients import ClipNorm, ClipValue, WeightDecay
from .rule import Rule, decays
from .rules import SGD, Adagrad, Adam, AdamW, Lion, Momentum, Nesterov, RMSProp

OPTIMIZERS: dict[str, type[Rule]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "rmsprop": RMSProp,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
    "lion": Lion,
}

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "ClipNorm",
    "ClipValue",
    "Lion",
    "Momentum",
    "Nesterov",
    "RMSProp",
    "WeightDecay",
    "decays",
]
