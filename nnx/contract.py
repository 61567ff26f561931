"""Read this first: what a layer, a loss and an optimizer are, and the three rules they keep.

1. A layer is a frozen dataclass of settings and holds no arrays. Its parameters live in a flat mapping
   from names to arrays (`"2.W"`); what backprop needs is returned by `evaluate` and handed back to `backprop`.
2. Only a method called `update` may write on what it is given, and it returns it: `p -= step; return p` works in
   place where arrays can be written and is a rebinding where they cannot (JAX). `evaluate` and `backprop` write
   only on arrays they have made themselves in the same call.
3. Axes count from the end: batch -2, features -1. Everything before is a population of networks trained together;
   losses reduce over the batch and the features and keep the population. A setting may be one number, or an array
   with one number per member.

A row of x is most often a line of features. It may have more axes, (height, width, channels) for an image or (time,
features) for a sequence, with the features last: x is (..., n, *row), and the batch is axis -r - 1 for rows of r axes.
`Layer.shapes` says what becomes of the shape of a row. A layer that works on rows of its own kind knows r (`Conv2D`
takes 3 axes) or is told it by a setting `axes` (`Flatten(3)`), which `shapes` checks. One that works on the features
alone serves any r, because a parameter has an axis of length 1 for each axis of a row that it does not look at: W of
`Dense` is (i, u) for lines and (1, i, u) for sequences, and meets x by the rules of broadcasting. A loss cannot tell
the axes of a row from a population: `PositionLoss` is told of them, and makes the positions rows of another loss.

The letters: n = rows of the batch, i = input features, u = units (output features), `...` = the population.
"""

from collections.abc import Mapping
from math import inf
from typing import Annotated, Any, NamedTuple, Protocol, TypeAlias

from .names import Part, Spelled

Array: TypeAlias = Any  # an array of any library; the standard has no static type for one
Params: TypeAlias = dict[str, Array]  # parameters, or their gradients, by name
Shapes: TypeAlias = dict[str, tuple[int, ...]]  # the shapes of parameters by name, without a population
Row: TypeAlias = tuple[int, ...]  # the shape of one row of x or of y: (features,), (time, features), ...
Features: TypeAlias = Any  # the same as `init` has it: a number for a line of features, else a tuple
Saved: TypeAlias = Any  # what evaluate keeps for backprop
State: TypeAlias = dict[str, Any]  # an optimizer's arrays: "step", "rate", and one Params for each slot
Factors: TypeAlias = Mapping[str, tuple[float, float]]  # of the rate and the weight decay, by parameter
Setting: TypeAlias = Annotated[Any, "per member"]  # a float, or one float per member of the population (tuple or array)


class Key(NamedTuple):
    """The key of a layer's random bits: seed, step and path name a stream of bits, the same on every backend.

    `nnx.fit` makes one for each step; in a loop of your own `nnx.key(seed, step)` does.

    Parameters
    ----------
    seed : array
        One int32 word, (), or one for each member of a population.
    step : array
        The number of the training step, int32, (), from 0.

    Notes
    -----
    Shapes: seed (...), step ().

    A layer draws by `nnx.random.bits(key, n)`.

    Examples
    --------
    >>> key = nnx.key(0, step=5)
    >>> int(key.step), key.path, key.fold(2).path
    (5, 0, 3)
    """

    seed: Array  # (...) int32, one word per member of the population
    step: Array  # () int32, the training step

    @property
    def path(self) -> int:
        """The number of the layer in the network, known before anything is computed; 0 for the whole."""
        return 0

    def fold(self, i: int) -> "Key":
        """The key of the i-th part of a container, whose bits have nothing to do with those of the other parts.

        Parameters
        ----------
        i : int
            The number of the part, from 0.

        Returns
        -------
        Key
            The key of the part, of the same seed and step.
        """
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
    """A source of initial parameters: host arrays of `shape`, with the population in front.

    Its methods are `uniform(shape)`, float64 in [0, 1); `normal(shape)`, of mean 0 and deviation 1; `constant(shape,
    value)`; and `fold(name)`, the source of a part, whose numbers do not depend on those of the other parts.
    """

    def uniform(self, shape: tuple[int, ...]) -> Array: ...
    def normal(self, shape: tuple[int, ...]) -> Array: ...
    def constant(self, shape: tuple[int, ...], value: float) -> Array: ...
    def fold(self, name: str) -> "Draw": ...


class Initializer(Spelled, Protocol):
    """The beginning of a weight: a distribution, or a value, from which its first numbers are drawn.

    A class of your own inherits this and defines `init`.

    Parameters
    ----------
    *args : Any
        Settings of the class that inherits it.
    **given : Any
        Settings by name.

    Examples
    --------
    >>> class Small(nnx.Initializer):
    ...     def init(self, shape, draw):
    ...         return 0.01 * draw.normal(shape)
    >>> nnx.init(nnx.Dense(3, weight=Small()), 5)["W"].shape
    (5, 3)
    """

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        """The first numbers of a weight, as an array of the host.

        Parameters
        ----------
        shape : tuple of int
            The shape of the weight, (inputs, outputs).
        draw : Draw
            The source of random numbers: `draw.uniform(shape)`, `draw.normal(shape)`, `draw.constant(shape, value)`.

        Returns
        -------
        array
            float64, (..., inputs, outputs), with the population of the draw in front.
        """
        ...


class Layer(Part, Protocol):
    """One piece of a network: `evaluate` computes y from x, `backprop` the gradients from dy.

    A layer is a frozen dataclass of settings and holds no arrays; its parameters are a dict of arrays by name. A class
    that inherits this and has no parameters defines only `evaluate` and `backprop`; one with parameters also `names`,
    `shapes` and `init`; one with running statistics also `running` and `update`. `nnx.check(layer, x)` tries it.

    Written with functions of `nnx.namespace(x)` and operators, `evaluate` and `backprop` also give their own
    derivatives along a direction (`nnx.jvp`, `nnx.hvp`): they are then called with dual numbers.

    Parameters
    ----------
    *args : Any
        Settings of the class that inherits it.
    **given : Any
        Settings by name.

    Examples
    --------
    >>> class Square(nnx.Layer):
    ...     def evaluate(self, params, x, *, train=False, key=None):
    ...         return x * x, x
    ...
    ...     def backprop(self, params, saved, dy, *, need_dx=True):
    ...         return 2 * saved * dy, {}
    >>> Square().evaluate({}, np.array([[1.0, 2.0, 3.0]]))[0].tolist()
    [[1.0, 4.0, 9.0]]
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters that have a gradient, such as "W" and "b"; none by default."""
        return ()

    @property
    def running(self) -> tuple[str, ...]:
        """The names of the parameters without gradient: running statistics, changed by `update`; none by default."""
        return ()

    @property
    def copies(self) -> int:
        """The rows that come out for each that goes in: 1, or the members that an `EnsembleView` makes of it."""
        return 1

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        """Initial parameters.

        Parameters
        ----------
        features : int or tuple of int
            The number of columns of x; for rows with several axes their shape, such as (28, 28, 1).
        draw : Draw
            The source of random numbers.

        Returns
        -------
        params : dict of str to array
            Host arrays, float64, by the names in `names` and `running`.
        outputs : int or tuple of int
            The number of columns of y, or the shape of its rows.
        """
        return {}, features if type(self).shapes is Layer.shapes else as_features(self.shapes(as_row(features))[1])

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        """The shapes of all parameters, running ones included, and the shape of a row of y.

        A layer that has `init` alone is asked there, for the price of a draw.

        Parameters
        ----------
        row : tuple of int
            The shape of a row of x: (features,), or (height, width, channels) of an image.

        Returns
        -------
        shapes : dict of str to tuple of int
            The shapes of the parameters by name, without a population.
        row : tuple of int
            The shape of a row of y.

        Raises
        ------
        ShapeError
            If the layer does not take such rows.
        """
        if type(self).init is Layer.init:
            return {}, row
        from .random import HostDraw

        params, out = self.init(as_features(row), HostDraw(0))
        return {name: tuple(p.shape) for name, p in params.items()}, as_row(out)

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        """The output y for the input x, and what backprop will need.

        Parameters
        ----------
        params : dict of str to array
            The parameters by name; they are not changed.
        x : array
            Rows of features, (..., n, i), `...` being a population; or rows with more axes, (..., n, *row).
        train : bool, default False
            True in training: dropout is at work, and batch normalisation takes the statistics of the batch.
        key : Key, optional
            Where random bits come from, `nnx.key(seed, step)`; layers that draw need it in training.

        Returns
        -------
        y : array
            (..., n, units), or rows with more axes.
        saved : Any
            What `backprop` needs, and `update`.

        Raises
        ------
        ShapeError
            If x does not have the shape that the parameters are for.
        """
        ...

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        """The gradients of the loss with respect to the input and the parameters.

        Parameters
        ----------
        params : dict of str to array
            The parameters that `evaluate` was given.
        saved : Any
            The second result of `evaluate`.
        dy : array
            d loss / d y, of the shape of y.
        need_dx : bool, default True
            False where dx is not used, as in the first layer of a network; a layer may then leave it out.

        Returns
        -------
        dx : array or None
            d loss / d x, of the shape of x. It may be None if it is not needed.
        grads : dict of str to array
            The gradients of the parameters by name.
        """
        ...

    def update(self, params: Params, saved: Saved) -> Params:
        """The parameters with running statistics brought up to date from what `evaluate` saw.

        Parameters
        ----------
        params : dict of str to array
            The parameters by name, which may be written on.
        saved : Any
            The second result of `evaluate` with `train=True`.

        Returns
        -------
        dict of str to array
            The parameters.
        """
        return params


def as_row(features: Features) -> Row:
    """The shape of a row."""
    return features if isinstance(features, tuple) else (features,)


def as_features(row: Row) -> Features:
    """The shape of a row as `Layer.init` takes it: a number where it has one axis."""
    return int(row[0]) if len(row) == 1 else tuple(row)


class Loss(Part, Protocol):
    """The distance of a network's output z from the target: a number for each member of the population.

    A class of your own inherits this and defines `evaluate` and `backprop`; `predict` where z is not in the target's
    own terms. `nnx.check(loss, z, target)` tries it.

    Parameters
    ----------
    *args : Any
        Settings of the class that inherits it.
    **given : Any
        Settings by name.

    Examples
    --------
    >>> class FourthPower(nnx.Loss):
    ...     def evaluate(self, z, target, weight=None):
    ...         d, s = z - target, np.ones_like(z[..., 0]) if weight is None else weight
    ...         s = (s / np.sum(s, axis=-1, keepdims=True))[..., None]
    ...         return np.sum(d**4 * s, axis=(-2, -1)), (d, s)
    ...
    ...     def backprop(self, saved):
    ...         d, s = saved
    ...         return 4 * d**3 * s
    >>> value, saved = FourthPower().evaluate(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    >>> float(value)
    8.0
    """

    @property
    def labels(self) -> bool:
        """True if an integer target holds class numbers, and is not to be turned into floats; else False."""
        return False

    @property
    def domain(self) -> tuple[float, float]:
        """The smallest and largest value a target may have; -inf and inf by default."""
        return -inf, inf

    @property
    def copies(self) -> int:
        """The number of rows of z for each of the target: the members of an ensemble; else 1."""
        return 1

    @property
    def positions(self) -> int:
        """How many axes of a row of z are positions, in front of its columns: 1 for (time, columns); else 0."""
        return 0

    def outputs(self, columns: int) -> int:
        """The number of outputs that a network needs.

        Parameters
        ----------
        columns : int
            The number of columns of the target.

        Returns
        -------
        int
            The number of columns of z.
        """
        return columns

    def evaluate(
        self, z: Array, target: Array, weight: Array | None = None, total: Array | float | None = None
    ) -> tuple[Array, Saved]:
        """The loss, a mean over the rows of the batch, and what backprop will need.

        Parameters
        ----------
        z : array
            The output of the network, (..., n, k).
        target : array
            What z is held to, (..., n, k) for most losses.
        weight : array, optional
            A weight for each row, (..., n); only the ratios count. None, the default: each row counts the same.
        total : array or float, optional
            What the sum over the rows is divided by, in place of their number or the sum of their `weights`: those of
            the whole batch, where the rows are a part of it. The losses of the parts then add up to the batch's.

        Returns
        -------
        value : array
            The loss, (...): one number for each member of the population.
        saved : Any
            What `backprop` needs.

        Raises
        ------
        ShapeError
            If the target or the weights do not fit z.
        DataError
            If one of them holds no real numbers.
        """
        ...

    def weights(self, target: Array, weight: Array | None, like: Array) -> Array | None:
        """The weight of each row in the mean; None where each counts the same.

        Parameters
        ----------
        target : array
            The target, for losses whose classes have weights.
        weight : array or None
            The weight of each row, (..., n).
        like : array
            An array whose type the result has.

        Returns
        -------
        array or None
            (..., n, 1 or outputs).
        """
        return None if weight is None else weight[..., None]

    def backprop(self, saved: Saved) -> Array:
        """The gradient of the loss with respect to the output of the network.

        Parameters
        ----------
        saved : Any
            The second result of `evaluate`.

        Returns
        -------
        array
            dz = d loss / d z, with z's shape.
        """
        ...

    def predict(self, z: Array) -> Array:
        """The meaning of z in the target's own terms: probabilities, rates, or z itself.

        Parameters
        ----------
        z : array
            The output of the network, (..., n, k).

        Returns
        -------
        array
            The prediction, with a row for each row of the target.
        """
        return z


class Schedule(Spelled, Protocol):
    """A factor on a setting, such as the rate, that changes from update to update.

    A class of your own inherits this and defines `evaluate`. `steps`, where a schedule has it, may be None until `over`
    says how many updates there are.

    Parameters
    ----------
    *args : Any
        Settings of the class that inherits it.
    **given : Any
        Settings by name.

    Examples
    --------
    >>> class InverseSquareRoot(nnx.Schedule):
    ...     def evaluate(self, step):
    ...         return (step + 1.0) ** -0.5
    >>> optimizer = nnx.SGD(rate=0.1, schedule=InverseSquareRoot())
    >>> float(optimizer.schedule.evaluate(np.asarray(3.0)))
    0.5
    """

    def evaluate(self, step: Array) -> Array:
        """The factor at a step.

        Parameters
        ----------
        step : array
            The number of updates made so far, a float of shape ().

        Returns
        -------
        array
            The factor, a float of shape ().
        """
        ...

    def over(self, steps: int) -> "Schedule":
        """The schedule of a training of so many updates.

        Parameters
        ----------
        steps : int
            The number of updates of the whole training.

        Returns
        -------
        Schedule
            The schedule, its `steps` filled in where they were None.
        """
        return self


class Optimizer(Part, Protocol):
    """A rule by which parameters follow their gradients.

    A class of your own inherits this and defines `init` and `update`.

    Parameters
    ----------
    *args : Any
        Settings of the class that inherits it.
    **given : Any
        Settings by name.

    Examples
    --------
    >>> class SignDescent(nnx.Optimizer):
    ...     def init(self, params, *, population=()):
    ...         return {"step": np.zeros((), np.int32), "rate": np.full(population, 0.01, np.float32)}
    ...
    ...     def update(self, params, grads, state, factors=None):
    ...         for name, g in grads.items():
    ...             rate = state["rate"]
    ...             rate = rate.reshape(rate.shape + (1,) * (g.ndim - rate.ndim))  # of each member of a population
    ...             params[name] -= rate * np.sign(g)
    ...         return params, state | {"step": state["step"] + 1}
    >>> x = np.linspace(0, 1, 20).reshape(20, 1)
    >>> fit = nnx.fit(nnx.Dense(1), x, 2 * x, loss="squared_error", optimizer=SignDescent(), epochs=10)
    >>> fit.history["loss"][-1] < fit.history["loss"][0]
    True
    """

    def init(self, params: Params, *, population: tuple[int, ...] = ()) -> State:
        """The state before the first update.

        Parameters
        ----------
        params : dict of str to array
            The parameters that will be updated.
        population : tuple of int, optional
            The shape of the population, (K,) for K networks together; (), the default, for one.

        Returns
        -------
        dict
            The state. `nnx.fit` reads "step", the number of updates made so far, and "rate"; the optimizers of nnx add
            a dict of arrays for each thing they remember of the gradients.
        """
        ...

    def update(
        self, params: Params, grads: Params, state: State, factors: Factors | None = None
    ) -> tuple[Params, State]:
        """Parameters and state after one step; all that is given may be written on. Names without gradient stay.

        Parameters
        ----------
        params : dict of str to array
            The parameters.
        grads : dict of str to array
            Their gradients; a parameter that has none here is not touched.
        state : dict
            The state that `init` or the last `update` gave.
        factors : dict of str to tuple of float, optional
            For some names, what their rate and their weight decay are multiplied by.

        Returns
        -------
        params : dict of str to array
            The new parameters.
        state : dict
            The new state.
        """
        ...

    @property
    def decays(self) -> bool:
        """True if weights are treated otherwise than biases; False unless a class says so."""
        return False

    def current_rate(self, state: State) -> Array:
        """The rate that the next update will use.

        Parameters
        ----------
        state : dict
            The state that `init` or the last `update` gave.

        Returns
        -------
        array
            The rate, () or one for each member of a population; "rate" of the state unless a class says otherwise.
        """
        return state["rate"]

    def over(self, steps: int) -> "Optimizer":
        """The optimizer with its schedules fitted to a training of so many updates.

        Parameters
        ----------
        steps : int
            The number of updates of the whole training.

        Returns
        -------
        Optimizer
            The optimizer, `steps` filled in where its schedules had None; itself unless a class says otherwise.
        """
        return self
