"""Read this first: what a layer, a loss and an optimizer are, and the three rules they keep.

1. A layer is a frozen dataclass of settings and holds no arrays. Its parameters live in a flat mapping
   from names to arrays (`"2.W"`); what backprop needs is returned by `evaluate` and handed back to `backprop`.
2. Only a method called `update` may write on what it is given, and it returns it: `p -= step; return p` works in
   place where arrays can be written and is a rebinding where they cannot (JAX). `evaluate` and `backprop` write
   only on arrays they have made themselves in the same call.
3. Axes count from the end: batch -2, features -1. Everything before is a population of networks trained together;
   losses reduce over the batch and the features and keep the population. A setting may be one number, or an array
   with one number per member.

The letters: n = rows of the batch, i = input features, u = units (output features), `...` = the population.
"""

from collections.abc import Mapping
from math import inf
from typing import Annotated, Any, NamedTuple, Protocol, TypeAlias

from .names import Spelled

Array: TypeAlias = Any  # an array of any library; the standard has no static type for one
Params: TypeAlias = dict[str, Array]  # parameters, or their gradients, by name
Shapes: TypeAlias = dict[str, tuple[int, ...]]  # the shapes of parameters by name, without a population
Row: TypeAlias = tuple[int, ...]  # the shape of one row of x or of y: (features,)
Saved: TypeAlias = Any  # what evaluate keeps for backprop
State: TypeAlias = dict[str, Any]  # an optimizer's arrays: "step", "rate", and one Params for each slot
Factors: TypeAlias = Mapping[str, tuple[float, float]]  # of the rate and the weight decay, by parameter
Setting: TypeAlias = Annotated[Any, "per member"]  # a float, or one float per member of the population (tuple or array)


class Key(NamedTuple):
    """The key of a layer's random bits: see `nnx.random.bits`. Seed, step and path name a stream of bits."""

    seed: Array  # (...) int32, one word per member of the population
    step: Array  # () int32, the training step

    @property
    def path(self) -> int:
        """The number of the layer in the network, known before anything is computed; 0 for the whole."""
        return 0

    def fold(self, i: int) -> "Key":
        """The key of the i-th part of a container."""
        return PartKey.at(self.seed, self.step, path=(self.path * 0x9E3779B1 + i + 1) & 0xFFFFFFFF)


class PartKey(Key):
    """The key of a part. Its path is no element of the tuple: a compiler of tuples must leave it a constant."""

    _path: int

    @classmethod
    def at(cls, seed: Array, step: Array, *, path: int) -> "PartKey":
        """The key with this path."""
        key = cls(seed, step)
        key._path = path
        return key

    @property
    def path(self) -> int:
        return self._path


class Draw(Protocol):
    """A source of initial parameters: host arrays of `shape`, with the population in front."""

    def uniform(self, shape: tuple[int, ...]) -> Array: ...
    def normal(self, shape: tuple[int, ...]) -> Array: ...
    def constant(self, shape: tuple[int, ...], value: float) -> Array: ...
    def fold(self, name: str) -> "Draw": ...


class Initializer(Spelled, Protocol):
    """The beginning of a weight."""

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        """Host array (..., *shape), shape = (inputs, outputs)."""
        ...


class Layer(Spelled, Protocol):
    """One piece of a network. A class that inherits this and has no parameters defines only evaluate and backprop."""

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that have a gradient."""
        return ()

    @property
    def running(self) -> tuple[str, ...]:
        """The parameters that have none: running statistics, changed by `update`."""
        return ()

    @property
    def copies(self) -> int:
        """The number of rows that come out for each that goes in: the members that an `EnsembleView` makes of it."""
        return 1

    def init(self, features: int, draw: Draw) -> tuple[Params, int]:
        """Initial parameters for inputs with so many features, and the number of output features."""
        return {}, features

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        """The shapes of all parameters, running ones included, for rows of x of this shape; the shape of a row of y.

        A layer that has `init` alone is asked there, for the price of a draw.
        """
        if type(self).init is Layer.init:
            return {}, row
        from .random import HostDraw

        params, out = self.init(row[-1], HostDraw(0))
        return {name: tuple(p.shape) for name, p in params.items()}, (*row[:-1], out)

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        """The output y for the input x, and what backprop will need."""
        ...

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        """dx = d loss / d x and the gradients by name, from dy = d loss / d y. dx may be None if not needed."""
        ...

    def update(self, params: Params, saved: Saved) -> Params:
        """The parameters with running statistics brought up to date from what `evaluate` saw."""
        return params


class Loss(Spelled, Protocol):
    """The distance of a network's output z from the target: a number for each member of the population."""

    @property
    def labels(self) -> bool:
        """True if an integer target holds class numbers, and is not to be turned into floats."""
        return False

    @property
    def domain(self) -> tuple[float, float]:
        """The smallest and largest value a target may have."""
        return -inf, inf

    @property
    def copies(self) -> int:
        """The number of rows of z for each of the target: the members of an ensemble."""
        return 1

    def outputs(self, columns: int) -> int:
        """The number of outputs that a network needs for a target with so many columns."""
        return columns

    def evaluate(
        self, z: Array, target: Array, weight: Array | None = None, total: Array | float | None = None
    ) -> tuple[Array, Saved]:
        """The loss (...), a mean over the batch weighted by weight (..., n), and what backprop will need.

        total: what the sum over the rows is divided by, in place of their number or the sum of their `weights`: those
        of the whole batch, where the rows are a part of it. The losses of the parts then add up to the batch's.
        """
        ...

    def weights(self, target: Array, weight: Array | None, like: Array) -> Array | None:
        """The weight of each row in the mean, (..., n, 1 or outputs), of the type of `like`; None: each the same."""
        return None if weight is None else weight[..., None]

    def backprop(self, saved: Saved) -> Array:
        """dz = d loss / d z, with z's shape."""
        ...

    def predict(self, z: Array) -> Array:
        """The meaning of z in the target's own terms: probabilities, rates, or z itself."""
        return z


class Schedule(Spelled, Protocol):
    """A factor on a setting. `steps`, where it has one, may be None until `over` says how many updates there are."""

    def evaluate(self, step: Array) -> Array:
        """The factor, () float, at `step`, () float, the number of updates made so far."""
        ...

    def over(self, steps: int) -> "Schedule":
        """The schedule of a training of so many updates."""
        return self


class Optimizer(Spelled, Protocol):
    """A rule by which parameters follow their gradients."""

    def init(self, params: Params, *, population: tuple[int, ...] = ()) -> State:
        """The state before the first update."""
        ...

    def update(
        self, params: Params, grads: Params, state: State, factors: Factors | None = None
    ) -> tuple[Params, State]:
        """Parameters and state after one step; all that is given may be written on. Names without gradient stay.

        factors: for some names, what their rate and their weight decay are multiplied by.
        """
        ...

    @property
    def decays(self) -> bool:
        """True if weights are treated otherwise than biases."""
        ...

    def current_rate(self, state: State) -> Array:
        """The rate that the next update will use."""
        ...

    def over(self, steps: int) -> "Optimizer":
        """The optimizer with its schedules fitted to a training of so many updates."""
        ...
