"""All parameters behind one flat vector, so that the optimizer is one pass over it instead of one over many arrays.

Where weights decay and biases do not, they are two vectors. Each parameter is a view of its vector.
"""

from functools import cache
from math import gcd, prod

from ..backends import Backend, namespace
from ..contract import Params
from ..optimizers import decays

ALIGNED = 64  # elements: 256 bytes of float32, what matrix products on a GPU like best
LARGE = 2**20  # elements of all parameters together from which on packing no longer pays


def choose_layout(backend: Backend, params: Params, names: tuple[str, ...], *, apart: bool) -> "Flat | Named":
    """The layout that trains these parameters fastest on the backend."""
    size = sum(prod(params[name].shape) for name in names)
    if size > LARGE or not has_views(backend):
        return Named(params, names)
    return Flat(params, names, apart=apart)


@cache
def has_views(backend: Backend) -> bool:
    """True if a part of a vector, in another shape, is the vector's own memory: what is written on one is on both.

    JAX's arrays cannot be written on. Where parts are copies and `+=` writes, a part would stay what it was.
    """
    with backend.scope():
        vector = backend.floats([0.0] * 4)
        part = backend.xp.reshape(vector[1:3], (2, 1))
        part += 1.0
        vector += 1.0
        return float(vector[1]) == float(part[0, 0]) == 2.0


class Flat:
    """The place of each parameter in its vector. `apart`: the weights, which decay, in a vector of their own.

    shared: whether parts of a vector are its own memory, so that they stay right while a step writes on it.
    Parameters of whole blocks of ALIGNED elements come first, so that as many as can be begin where fast loads do.
    """

    def __init__(self, params: Params, names: tuple[str, ...], *, apart: bool, shared: bool = True) -> None:
        self.shared = shared
        places: dict[str, tuple[str, str, int, int, tuple[int, ...]]] = {}  # name, vector, start, stop, shape
        ends = {"W": 0, "b": 0}
        for name in sorted(names, key=lambda name: -gcd(prod(params[name].shape), ALIGNED)):
            vector, shape = "W" if apart and decays(name) else "b", tuple(params[name].shape)
            start = ends[vector]
            ends[vector] += prod(shape)
            places[name] = (name, vector, start, ends[vector], shape)
        self.places = [places[name] for name in names]
        self.vectors = {v: [name for name, place in places.items() if place[1] == v] for v in ends if ends[v]}
        self.last: tuple[Params, Params] = ({}, {})  # the vectors last asked about, and their views

    def pack(self, params: Params) -> Params:
        """The vectors, newly made, of parameters or gradients."""
        packed = {}
        for vector, names in self.vectors.items():
            xp = namespace(params[names[0]])
            packed[vector] = xp.concat([xp.reshape(params[name], (-1,)) for name in names])
        return packed

    def views(self, vectors: Params) -> Params:
        """The parameters by name: views of the vectors, made once as long as the vectors are the same arrays.

        Copies, where the library makes no views, are made each time.
        """
        known, params = self.last if self.shared else ({}, {})
        if not all(known.get(name) is vector for name, vector in vectors.items()):
            params = {}
            for name, vector, start, stop, shape in self.places:
                flat = vectors[vector]
                params[name] = namespace(flat).reshape(flat[start:stop], shape)
            self.last = (dict(vectors), params)
        return dict(params)


class Named:
    """Every parameter an array of its own: for few large ones, where packing the gradients costs more than it saves,
    and for libraries whose compiler makes one pass of all by itself."""

    def __init__(self, params: Params, names: tuple[str, ...]) -> None:
        self.names = names

    def pack(self, params: Params) -> Params:
        """The parameters that have a gradient."""
        return {name: params[name] for name in self.names}

    def views(self, vectors: Params) -> Params:
        """The parameters themselves."""
        return dict(vectors)
