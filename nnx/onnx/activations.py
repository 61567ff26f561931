"""The activations in ONNX: the formulas are the layers' own."""

from collections.abc import Callable
from math import pi, sqrt
from typing import Any

from ..contract import Layer
from ..layers import ELU, GELU, SELU, GELUTanh, LeakyReLU, Mish, ReLU, Sigmoid, SiLU, Softplus, Tanh
from ..layers.activation import _ALPHA, _SCALE
from .place import Place


def _sigmoid(layer: Any, here: Place, x: str) -> str:
    return here.node("Sigmoid", x)


def _tanh(layer: Any, here: Place, x: str) -> str:
    return here.node("Tanh", x)


def _relu(layer: Any, here: Place, x: str) -> str:
    return here.node("Relu", x)


def _leaky_relu(layer: Any, here: Place, x: str) -> str:
    below = here.node("Mul", here.node("Min", x, 0.0), layer.negative)
    return here.node("Add", here.node("Relu", x), below)


def _expm1(here: Place, x: str) -> str:
    """exp(min(x, 0)) - 1."""
    return here.node("Sub", here.node("Exp", here.node("Min", x, 0.0)), 1.0)


def _elu(layer: Any, here: Place, x: str) -> str:
    below = here.node("Mul", _expm1(here, x), layer.alpha)
    return here.node("Add", here.node("Relu", x), below)


def _selu(layer: Any, here: Place, x: str) -> str:
    below = here.node("Mul", _expm1(here, x), _SCALE * _ALPHA)
    return here.node("Add", here.node("Mul", here.node("Relu", x), _SCALE), below)


def _gelu(layer: Any, here: Place, x: str) -> str:
    F = here.node("Add", here.node("Mul", _erf(here, here.node("Mul", x, sqrt(0.5))), 0.5), 0.5)
    return here.node("Mul", x, F)


def _erf(here: Place, x: str) -> str:
    """erf(x), in float32 also for doubles: onnxruntime has no other."""
    if here.graph.dtype == "float32":
        return here.node("Erf", x)
    return here.graph.cast(here.node("Erf", here.graph.cast(x, "float32")), here.graph.dtype)


def _gelu_tanh(layer: Any, here: Place, x: str) -> str:
    cube = here.node("Mul", here.node("Mul", x, x), x)
    inner = here.node("Add", x, here.node("Mul", cube, 0.044715))
    t = here.node("Tanh", here.node("Mul", inner, sqrt(2 / pi)))
    return here.node("Mul", here.node("Mul", x, 0.5), here.node("Add", t, 1.0))


def _silu(layer: Any, here: Place, x: str) -> str:
    return here.node("Mul", x, here.node("Sigmoid", x))


def _softplus(layer: Any, here: Place, x: str) -> str:
    e = here.node("Exp", here.node("Neg", here.node("Abs", x)))
    return here.node("Add", here.node("Relu", x), here.node("Log", here.node("Add", e, 1.0)))


def _mish(layer: Any, here: Place, x: str) -> str:
    return here.node("Mul", x, here.node("Tanh", _softplus(layer, here, x)))


ACTIVATIONS: dict[type[Layer], Callable[[Any, Place, str], str]] = {
    Sigmoid: _sigmoid,
    Tanh: _tanh,
    ReLU: _relu,
    LeakyReLU: _leaky_relu,
    ELU: _elu,
    SELU: _selu,
    GELU: _gelu,
    GELUTanh: _gelu_tanh,
    SiLU: _silu,
    Mish: _mish,
    Softplus: _softplus,
}
