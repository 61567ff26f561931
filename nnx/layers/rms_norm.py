from collections.abc import Mapping
from dataclasses import dataclass

from ..backends import namespace
from ..contract import Array, Draw, Features, Key, Layer, Params, Row, Saved, Shapes, as_row
from ..settings import BELOW_1, settle
from .norm import check_columns
from .shared import added_up, spread_shape


@dataclass(frozen=True)
class RMSNorm(Layer):
    """Normalisation by the root mean square: each row is divided by that of its features, then scaled.

    `y = h gain` with `h = x / sqrt(mean(x^2) + epsilon)`, the mean taken over the features of each row. It is
    `nnx.LayerNorm` without the mean and the shift.

    Parameters
    ----------
    epsilon : float, default 1e-05
        What is added to the mean square, above 0 and below 1; it keeps a row of zeros from a division by 0.

    Raises
    ------
    SettingError
        If epsilon is out of range.
    ShapeError
        If x has other columns than gain.

    Notes
    -----
    Shapes: x, y, h (..., n, i), gain (..., i).

    With `dh = dy gain`, `dx = (dh - h mean(dh h)) / sqrt(mean(x^2) + epsilon)`. gain begins as 1.

    Source: Zhang & Sennrich 2019, "Root mean square layer normalization", eq. 4, which has no epsilon.

    Examples
    --------
    >>> net, x = nnx.RMSNorm(), np.array([[3.0, -3.0]])
    >>> nnx.predict(net, nnx.init(net, x), x).round(2).tolist()
    [[1.0, -1.0]]
    """

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        settle(self, epsilon=BELOW_1)

    @property
    def names(self) -> tuple[str, ...]:
        return ("gain",)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return {"gain": spread_shape(row[-1:], row)}, row

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        return {"gain": draw.constant(self.shapes(as_row(features))[0]["gain"], 1.0)}, features

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        check_columns(self, params, x)
        xp = namespace(x)
        inverse = 1 / xp.sqrt(xp.mean(x * x, axis=-1, keepdims=True) + self.epsilon)
        h = x * inverse
        return h * params["gain"][..., None, :], (h, inverse)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, (h, inverse), gain = namespace(dy), saved, params["gain"]
        grads = added_up({"gain": xp.sum(dy * h, axis=-2)}, params)
        if not need_dx:
            return None, grads
        dh = dy * gain[..., None, :]
        dh -= h * xp.mean(dh * h, axis=-1, keepdims=True)
        dh *= inverse
        return dh, grads
