"""The layers of RealMLP: a scale for each column, dense layers in another parametrisation, learned activations.

Source of all three: Holzmueller, Grinsztajn & Steinwart 2024, "Better by default: strong pre-tuned MLPs and boosted
trees on tabular data".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from ..backends import matmul, namespace, transposed
from ..contract import Array, Draw, Features, Initializer, Key, Layer, Params, Row, Saved, Shapes
from ..errors import SettingError
from ..initializers import Normal
from ..settings import AT_LEAST_1, settle
from .activation import Elementwise
from .dense import Dense
from .norm import check_columns
from .shared import added_up, line

NORMAL = Normal()


@dataclass(frozen=True)
class Scale(Layer):
    """One learned factor for each column: y = x gain.

    In front of a network, at several times the rate of the rest, it learns which columns matter. The gradients are
    `dgain = sum(dy x)` over the rows and `dx = dy gain`.

    Raises
    ------
    ShapeError
        If x has other columns than gain.

    Notes
    -----
    Shapes: x, y (..., n, i), gain (..., i).

    gain begins as 1.

    Source: Holzmueller et al. 2024, section 3, the "scaling layer".

    Examples
    --------
    >>> y, _ = nnx.Scale().evaluate({"gain": np.array([1.0, 2.0])}, np.ones((1, 2)))
    >>> y.tolist()
    [[1.0, 2.0]]
    """

    @property
    def names(self) -> tuple[str, ...]:
        return ("gain",)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return {"gain": (line(self, row),)}, row

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        return {"gain": draw.constant((features,), 1.0)}, features

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        check_columns(self, params, x)
        return x * params["gain"][..., None, :], x

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        x, gain = saved, params["gain"]
        grads = added_up({"gain": namespace(dy).sum(dy * x, axis=-2)}, params)
        return (dy * gain[..., None, :] if need_dx else None), grads


@dataclass(frozen=True)
class NTPDense(Dense):
    """Affine map in the neural tangent parametrisation: y = x W / sqrt(i) + b, W and b of variance 1.

    A step of Adam moves W by the rate whatever the width, so that one rate suits layers of every width; it is about
    sqrt(i) times that of `nnx.Dense`. With `g = dy / sqrt(i)`: `dW = x^T g`, `db = sum(dy)`, `dx = g W^T`.

    Parameters
    ----------
    units : int
        Columns of y, at least 1.
    weight : Initializer, default Normal()
        How W begins.
    bias : Initializer, default Normal()
        How b begins.

    Raises
    ------
    SettingError
        If units is below 1, or weight or bias is no initializer.
    ShapeError
        If the last axis of x is not i, the number of features that W was made for.

    Notes
    -----
    Shapes: x (..., n, i), W (..., i, u), b (..., u), y (..., n, u). The rows x may be sparse, as for `nnx.Dense`.

    Source: Jacot, Gabriel & Hongler 2018, section 3; W and b drawn as in Holzmueller et al. 2024, TD-S, where those of
    the last layer begin as `nnx.Zeros()`.

    Examples
    --------
    >>> net = nnx.NTPDense(3, weight=nnx.Zeros(), bias=nnx.Zeros())
    >>> nnx.init(net, 5)["W"].shape
    (5, 3)
    """

    weight: Initializer = NORMAL
    bias: Initializer = NORMAL

    def __post_init__(self) -> None:
        settle(self, units=AT_LEAST_1)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return super().shapes((line(self, row),))

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        W = params["W"]
        if x.ndim < 2 or x.shape[-1] != W.shape[-2]:
            self._refuse(x, W)
        y = matmul(x, W)
        y *= 1.0 / sqrt(x.shape[-1])
        y += params["b"][..., None, :]
        return y, x

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, x, W = namespace(dy), saved, params["W"]
        g = dy * (1.0 / sqrt(x.shape[-1]))
        grads = {"W": matmul(transposed(x), g), "b": xp.sum(dy, axis=-2)}
        return (xp.matmul(g, xp.matrix_transpose(W)) if need_dx else None), added_up(grads, params)


@dataclass(frozen=True)
class ParametricActivation(Layer):
    """An activation of which each neuron learns its share: y = x + a (f(x) - x).

    Where `a = 1`, as at first, y is f(x); where `a = 0` it is x. The gradients are `da = sum(dy (f(x) - x))` over the
    rows and `dx = dy (1 + a (f'(x) - 1))`.

    Parameters
    ----------
    activation : Layer
        The activation f, such as `nnx.SELU()`; not `nnx.Identity()`.

    Raises
    ------
    SettingError
        If activation is none.
    ShapeError
        If x has other columns than a.

    Notes
    -----
    Shapes: x, y (..., n, i), a (..., i).

    Source: Holzmueller et al. 2024, section 3.

    Examples
    --------
    >>> layer = nnx.ParametricActivation(nnx.ReLU())
    >>> layer.evaluate({"a": np.array([1.0, 0.5])}, np.array([[-2.0, -2.0]]))[0].tolist()
    [[0.0, -1.0]]
    """

    activation: Layer

    def __post_init__(self) -> None:
        settle(self)
        if not isinstance(self.activation, Elementwise):
            kind = type(self.activation).__name__
            raise SettingError(f"ParametricActivation: activation must be one such as nnx.SELU(), got {kind}")

    @property
    def names(self) -> tuple[str, ...]:
        return ("a",)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return {"a": (line(self, row),)}, row

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        return {"a": draw.constant((features,), 1.0)}, features

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        a = params["a"]
        check_columns(self, params, x, "a")
        f, saved = self.activation.value(x)  # type: ignore[attr-defined]
        bent = f - x
        return x + a[..., None, :] * bent, (bent, saved)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        (bent, of_f), a = saved, params["a"]
        grads = added_up({"a": namespace(dy).sum(dy * bent, axis=-2)}, params)
        if not need_dx:
            return None, grads
        slope = self.activation.slope(of_f)  # type: ignore[attr-defined]
        slope -= 1.0
        dx = slope * a[..., None, :]
        dx += 1.0
        dx *= dy
        return dx, grads
