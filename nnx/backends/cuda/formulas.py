"""NumPy's element-wise functions as expressions of C++ for one element."""

import math
from typing import Any

import numpy as np

from ..native.calls import Refused

FORMULAS = {
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{} * {}",
    "divide": "{} / {}",
    "negative": "-{}",
    "positive": "{}",
    "square": "{0} * {0}",
    "reciprocal": "1 / {}",
    "greater": "{} > {}",
    "greater_equal": "{} >= {}",
    "less": "{} < {}",
    "less_equal": "{} <= {}",
    "equal": "{} == {}",
    "not_equal": "{} != {}",
    "bitwise_and": "{} & {}",
    "bitwise_or": "{} | {}",
    "bitwise_xor": "{} ^ {}",
    "bitwise_left_shift": "{} << {}",
    "left_shift": "{} << {}",
    "bitwise_right_shift": "{} >> {}",
    "right_shift": "{} >> {}",
    "absolute": "{0} < 0 ? -{0} : {0}",
    "sign": "{0} != {0} ? {0} : ({0} > 0) - ({0} < 0)",
    "maximum": "{0} >= {1} || {0} != {0} ? {0} : {1}",
    "minimum": "{0} <= {1} || {0} != {0} ? {0} : {1}",
    "logical_and": "(bool){} && (bool){}",
    "logical_or": "(bool){} || (bool){}",
    "logical_not": "!{}",
    "isnan": "{0} != {0}",
    "isfinite": "{0} - {0} == 0",
    "power": "pow({}, {})",
    "float_power": "pow({}, {})",
    "hypot": "hypot({}, {})",
    "copysign": "copysign({}, {})",
    "logaddexp": "{0} == {1} ? {0} + log({0} * 0 + 2) : {0} > {1} ? {0} + log1p(exp({1} - {0})) : "
    "{0} <= {1} ? {1} + log1p(exp({0} - {1})) : {0} + {1}",
    "arctan": "atan({})",
}
SAME = (
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "tanh", "sinh", "cosh", "sin", "cos", "tan"),
    *("sqrt", "cbrt", "floor", "ceil", "trunc", "rint"),
)
FORMULAS |= {name: f"{name}({{}})" for name in SAME}
FLOATS = {"absolute": "fabs({})"}  # also of -0
WRAPPING = ("add", "subtract", "multiply", "negative", "left_shift", "bitwise_left_shift", "square")
FRACTIONS = ("power", "reciprocal", "floor", "ceil", "trunc", "rint")  # C++ has them for fractions alone
TYPES = {
    "bool": "bool",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long long",
    "uint8": "unsigned char",
    "uint16": "unsigned short",
    "uint32": "unsigned",
    "uint64": "unsigned long long",
    "float32": "float",
    "float64": "double",
}


def type_name(dtype: Any) -> str:
    """The type of C++ for a NumPy type. Raises Refused."""
    name = np.dtype(dtype).name
    if name not in TYPES:
        raise Refused(f"elements of type {name}")
    return TYPES[name]


def formula(name: str, kind: Any, texts: list[str]) -> str:
    """The expression of a function of operands that are of this type. Raises Refused."""
    if name not in FORMULAS:
        raise Refused(f"numpy.{name}")
    kind = np.dtype(kind)
    if kind.kind in "iu" and name in FRACTIONS:
        raise Refused(f"numpy.{name} of whole numbers")
    if kind.kind == "i" and name in WRAPPING:  # what overflows wraps around, which C++ knows of unsigned numbers alone
        unsigned = TYPES[f"uint{8 * max(kind.itemsize, 4)}"]
        texts = [f"({unsigned}){text}" for text in texts]
    if kind.kind == "f" and name in FLOATS:
        return FLOATS[name].format(*texts)
    return FORMULAS[name].format(*(f"({text})" for text in texts))


def literal(x: Any) -> str:
    """A number of Python as text."""
    if isinstance(x, bool):
        return str(int(x))
    if isinstance(x, int):
        return f"{x}LL" if -(2**63) < x < 2**63 else f"{x}ULL"
    if math.isfinite(x):
        return repr(x)
    return "(0 * (1e308 * 10))" if x != x else "(1e308 * 10)" if x > 0 else "(-1e308 * 10)"
