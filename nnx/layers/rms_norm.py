from collections.abc import Mapping
from dataclasses import dataclass

from ..backends import namespace
from ..contract import Array, Draw, Key, Layer, Params, Row, Saved, Shapes
from ..settings import BELOW_1, settle
from .norm import check_columns
from .shared import added_up


@dataclass(frozen=True)
class RMSNorm(Layer):
    """y = h gain, h = x / sqrt(mean(x^2) + epsilon), the mean taken over the features of each row.

    dx = (dh - h mean(dh h)) / sqrt(mean(x^2) + epsilon), dh = dy gain.

    Shapes: x, y, h (..., n, i), gain (..., i).
    Raises: ShapeError if x has other columns than gain.
    Source: Zhang & Sennrich 2019, "Root mean square layer normalization", eq. 4, which has no epsilon.
    """

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        settle(self, epsilon=BELOW_1)

    @property
    def names(self) -> tuple[str, ...]:
        return ("gain",)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return {"gain": row[-1:]}, row

    def init(self, features: int, draw: Draw) -> tuple[Params, int]:
        return {"gain": draw.constant((features,), 1.0)}, features

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
