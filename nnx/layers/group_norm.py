from collections.abc import Mapping
from dataclasses import dataclass

from ..backends import namespace
from ..contract import Array, Draw, Features, Key, Layer, Params, Row, Saved, Shapes, as_row
from ..errors import ShapeError
from ..settings import AT_LEAST_1, BELOW_1, settle
from .norm import check_columns, scale, scale_gradients
from .shared import rows_of, spread_shape


@dataclass(frozen=True)
class GroupNorm(Layer):
    """Group normalisation: in each row each group of channels is brought to mean 0 and variance 1 over all positions.

    `y = h gain + shift` with `h = (x - mean) / sqrt(variance + epsilon)`, mean and variance taken over the positions
    and the channels of a group. A row does not depend on the others, so it suits small batches, where `nnx.BatchNorm`
    is noisy.

    Parameters
    ----------
    groups : int, default 8
        In how many groups the channels are divided, at least 1. With as many groups as channels it is instance
        normalisation.
    epsilon : float, default 1e-05
        What is added to the variance, above 0 and below 1.
    axes : int, default 3
        The axes of a row: 3 for images (height, width, channels), 2 for sequences (time, channels), 1 for lines.

    Raises
    ------
    SettingError
        If groups or axes is below 1, or epsilon out of range.
    ShapeError
        If a row has other axes, or the channels are no multiple of groups.

    Notes
    -----
    Shapes: x, y, h (..., n, *positions, c), gain, shift (..., 1, ..., c).

    With `dh = dy gain` and means over each group, `dx = (dh - mean(dh) - h mean(dh h)) / sqrt(variance + epsilon)`.
    gain begins as 1 and shift as 0.

    Source: Wu & He 2018, "Group normalization", eq. 1 to 6.

    Examples
    --------
    >>> net, x = nnx.GroupNorm(2, axes=1), np.array([[1.0, 3.0, 10.0, 20.0]])
    >>> nnx.predict(net, nnx.init(net, x), x).round(2).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    groups: int = 8
    epsilon: float = 1e-5
    axes: int = 3

    def __post_init__(self) -> None:
        settle(self, groups=AT_LEAST_1, epsilon=BELOW_1, axes=AT_LEAST_1)

    @property
    def names(self) -> tuple[str, ...]:
        return ("gain", "shift")

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        c = rows_of(self, row, self.axes)[-1]
        if c % self.groups:
            raise ShapeError(f"{self!r}: {c} channels are no multiple of groups={self.groups}")
        return dict.fromkeys(self.names, spread_shape((c,), row)), row

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        shape = self.shapes(as_row(features))[0]["gain"]
        return {"gain": draw.constant(shape, 1.0), "shift": draw.constant(shape, 0.0)}, features

    def _mean(self, x: Array) -> Array:
        """The mean over positions and channels of each group of a row, for each channel: (..., n, 1, ..., c)."""
        xp, positions, g = namespace(x), tuple(range(-self.axes, -1)), self.groups
        m = xp.mean(x, axis=positions, keepdims=True) if self.axes > 1 else x
        lead, c = m.shape[:-1], m.shape[-1]
        m = xp.mean(xp.reshape(m, (*lead, g, c // g)), axis=-1, keepdims=True)
        return xp.reshape(xp.broadcast_to(m, (*lead, g, c // g)), (*lead, c))

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        check_columns(self, params, x)
        if x.ndim <= self.axes:
            raise ShapeError(f"{self!r}: x has shape {tuple(x.shape)}, expected rows of {self.axes} axes")
        h = x - self._mean(x)
        inverse = 1 / namespace(x).sqrt(self._mean(h * h) + self.epsilon)
        h *= inverse
        return scale(params, h), (h, inverse)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        h, inverse = saved
        grads = scale_gradients(params, h, dy)
        if not need_dx:
            return None, grads
        dh = dy * params["gain"][..., None, :]
        along = self._mean(dh * h)
        dh -= self._mean(dh)
        dh -= h * along
        dh *= inverse
        return dh, grads
