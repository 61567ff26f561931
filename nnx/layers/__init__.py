"""The layers, and the one table of their names: what files and commands may ask for."""

from ..contract import Layer
from ..errors import SettingError, unknown
from .activation import (
    ELU,
    GELU,
    SELU,
    GELUTanh,
    Identity,
    LeakyReLU,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from .attention import MultiHeadAttention
from .augmentation import Cutout, RandomFlip, RandomShift
from .combine import Chain, Concat, Residual
from .convolution import Conv1D, Conv2D
from .dense import Dense
from .dropout import Dropout
from .embedding import Embedding
from .ensemble import BatchEnsemble, DenseEnsemble, EnsembleView, ScaleEnsemble
from .group_norm import GroupNorm
from .gru import GRU
from .masked import Masked
from .monotone import MonotoneActivation, MonotoneDense
from .networks import Committee, Ensemble
from .norm import BatchNorm, LayerNorm
from .periodic import PBLDEmbedding, PLREmbedding
from .piecewise import PiecewiseLinear, PiecewiseLinearEmbedding
from .pooling import AvgPool, GlobalPool, MaxPool
from .realmlp import NTPDense, ParametricActivation, Scale
from .rescale import Rescale
from .reshape import Flatten, Reshape
from .rms_norm import RMSNorm
from .squeeze_excite import SqueezeExcite
from .tokens import LearnedPositions, TokenEmbedding

ACTIVATIONS: dict[str, type[Layer]] = {
    "identity": Identity,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "selu": SELU,
    "gelu": GELU,
    "gelu_tanh": GELUTanh,
    "silu": SiLU,
    "mish": Mish,
    "softplus": Softplus,
}


def activation(name: str) -> Layer:
    """The activation of this name, such as "relu". Raises SettingError with the nearest known name."""
    if name not in ACTIVATIONS:
        raise SettingError(unknown("activation", name, list(ACTIVATIONS)))
    return ACTIVATIONS[name]()


__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "GRU",
    "SELU",
    "AvgPool",
    "BatchEnsemble",
    "BatchNorm",
    "Chain",
    "Committee",
    "Concat",
    "Conv1D",
    "Conv2D",
    "Cutout",
    "Dense",
    "DenseEnsemble",
    "Dropout",
    "Embedding",
    "Ensemble",
    "EnsembleView",
    "Flatten",
    "GELUTanh",
    "GlobalPool",
    "GroupNorm",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "LearnedPositions",
    "Masked",
    "MaxPool",
    "Mish",
    "MonotoneActivation",
    "MonotoneDense",
    "MultiHeadAttention",
    "NTPDense",
    "PBLDEmbedding",
    "PLREmbedding",
    "ParametricActivation",
    "PiecewiseLinear",
    "PiecewiseLinearEmbedding",
    "RMSNorm",
    "RandomFlip",
    "RandomShift",
    "ReLU",
    "Rescale",
    "Reshape",
    "Residual",
    "Scale",
    "ScaleEnsemble",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "SqueezeExcite",
    "Tanh",
    "TokenEmbedding",
    "activation",
]

_own = dict(globals())
LAYERS: dict[str, type[Layer]] = {name: kind for name in __all__ if isinstance(kind := _own[name], type)}
