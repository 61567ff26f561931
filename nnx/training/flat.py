"""All parameters behind two flat vectors, so that the optimizer is one pass over each instead of one over many arrays.

The weights, which decay, are one vector and all else the other; each parameter is a view of its vector.
"""

from math import prod

from ..backends import namespace
from ..contract import Params
from ..optimizers import decays


class Flat:
    """Where each parameter lies in its vector."""

    def __init__(self, params: Params, names: tuple[str, ...]) -> None:
        self.places: list[tuple[str, str, int, int, tuple[int, ...]]] = []  # name, vector, start, stop, shape
        ends = {"W": 0, "b": 0}
        for name in names:
            vector, shape = "W" if decays(name) else "b", tuple(params[name].shape)
            start = ends[vector]
            ends[vector] += prod(shape)
            self.places.append((name, vector, start, ends[vector], shape))
        self.vectors = {v: [place[0] for place in self.places if place[1] == v] for v in ends if ends[v]}

    def pack(self, params: Params) -> Params:
        """The vectors, newly made, of parameters or gradients."""
        packed = {}
        for vector, names in self.vectors.items():
            xp = namespace(params[names[0]])
            packed[vector] = xp.concat([xp.reshape(params[name], (-1,)) for name in names])
        return packed

    def views(self, vectors: Params) -> Params:
        """The parameters by name: views of the vectors where the library has views."""
        params = {}
        for name, vector, start, stop, shape in self.places:
            flat = vectors[vector]
            params[name] = namespace(flat).reshape(flat[start:stop], shape)
        return params


class Named:
    """Every parameter an array of its own: for libraries whose compiler makes one pass of them by itself."""

    def __init__(self, params: Params, names: tuple[str, ...]) -> None:
        self.names = names

    def pack(self, params: Params) -> Params:
        """The parameters that have a gradient."""
        return {name: params[name] for name in self.names}

    def views(self, vectors: Params) -> Params:
        """The parameters themselves."""
        return dict(vectors)
