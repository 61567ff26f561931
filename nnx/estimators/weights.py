"""The weights that a training begins with: drawn, or given."""

from collections.abc import Sequence
from typing import Any

from ..backends.numpy import namespace as host_namespace
from ..contract import Layer, Params
from ..layers import Dense
from ..random import HostDraw
from .arrays import to_host

np = host_namespace()


def drawn(layers: Sequence[Layer], between: Sequence[Any], features: int, random_state: Any) -> Params:
    """Weights drawn as in Glorot & Bengio 2010, layer by layer, W then b, in float64 from the random state.

    between: what comes after each dense layer, on which the variance of its weights depends.
    """
    params: Params = {}
    for i, layer in enumerate(layers):
        if type(layer) is Dense:
            fan_in, features = features, layer.units
            bound = np.sqrt((2.0 if between[i // 2] == "logistic" else 6.0) / (fan_in + features))
            for name, shape in (("W", (fan_in, features)), ("b", features)):
                params[f"{i}.{name}"] = random_state.uniform(-bound, bound, shape)
        else:
            seed = int(random_state.randint(2**31 - 1)) if layer.names else 0
            own, features = layer.init(features, HostDraw(seed))
            params |= {f"{i}.{name}": p for name, p in own.items()}
    return params


def given(params: Params, init: tuple[Any, Any], count: int) -> Params:
    """The weights to begin with that are not drawn, by name. init: coefs_init and intercepts_init."""
    found = {}
    for starts, kind, word in zip(init, ("W", "b"), ("coefs_init", "intercepts_init"), strict=True):
        if starts is not None and (not isinstance(starts, (list, tuple)) or len(starts) != count):
            raise ValueError(f"{word}: expected a list of {count} arrays, or None for those to be drawn")
        for j, start in enumerate(starts or ()):
            if start is not None:
                name = f"{2 * j}.{kind}"
                found[name] = _start(params[name], start, word)
    return found


def _start(drawn: Any, given: Any, name: str) -> Any:
    """Weights to begin with in the place of those drawn."""
    given = np.asarray(to_host(given), dtype=np.float64)
    if given.shape != drawn.shape:
        raise ValueError(f"{name} has weights of shape {given.shape}: expected {drawn.shape}")
    return given
