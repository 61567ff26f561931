from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from ..backends import each, namespace, per_member, same_library
from ..contract import Array, Key, Layer, Params, Row, Saved, Schedule, Setting, Shapes
from ..errors import SettingError
from ..random import bits
from ..settings import AT_LEAST_1, SHARE, settle
from .shared import rows_of


@dataclass(frozen=True)
class Dropout(Layer):
    """Dropout: in training each element is 0 with probability rate and divided by 1 - rate otherwise.

    In training `y = x m / (1 - rate)`, m being 1 with probability `1 - rate` and else 0; otherwise `y = x`. It keeps a
    network from fitting its training rows too closely.

    Parameters
    ----------
    rate : float or sequence of float, default 0.5
        Share of the elements that are dropped, at least 0 and below 1, or one for each member of a population. It is
        used to the nearest 1/65536: each element takes 16 random bits.
    schedule : Schedule, optional
        A factor on the rate that changes from step to step, such as `nnx.FlatCosine()`. None, the default: the rate
        stays.
    axes : int, default 1
        The axes of a row, at least 1: 1 for a line of features, 2 for a sequence, 3 for an image.

    Raises
    ------
    ShapeError
        If a row has another number of axes.
    SettingError
        If rate is not in [0, 1), or the layer is evaluated with `train=True` and no key.

    Notes
    -----
    Shapes: x, y, m (..., n, *row).

    `nnx.fit` hands over the key; in a loop of your own `nnx.key(seed, step)` makes one. The same key gives the same m
    on every backend.

    The gradient takes the same mask: `dx = dy m / (1 - rate)`.

    Source: Srivastava et al. 2014, in the "inverted" form that leaves prediction alone.

    Examples
    --------
    >>> y, _ = nnx.Dropout(0.5).evaluate({}, np.ones((1, 8)), train=True, key=nnx.key(0))
    >>> y.tolist()
    [[0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 2.0, 2.0]]
    """

    rate: Setting = 0.5
    schedule: Schedule | None = None
    axes: int = 1

    def __post_init__(self) -> None:
        settle(self, rate=SHARE, axes=AT_LEAST_1)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return {}, rows_of(self, row, self.axes)

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        if not train:
            return x, None
        if key is None:
            raise SettingError("Dropout: training needs a key; pass key=nnx.key(seed, step)")
        xp = namespace(x)
        if type(x) is not type(key.seed):
            same_library(x=x, key=key.seed)
        own = x.shape[-self.axes - 1 :]
        shape, n = key.seed.shape + own, prod(own)
        word = bits(key, (n + 1) // 2)
        drawn = xp.concat((word >> 16, word << 16 >> 16), axis=-1)[..., :n]  # each in [-32768, 32768)
        drawn = xp.astype(xp.reshape(drawn, shape), x.dtype)
        first, larger = self._of_step(key, x)
        mask = xp.astype(drawn >= first, x.dtype)
        mask *= larger
        return x * mask, mask

    def _of_step(self, key: Key, x: Array) -> tuple[Array, Array]:
        """The first of the drawn numbers whose elements stay, and what these are multiplied by."""
        if self.schedule is None:
            first = each(lambda rate: rate * 65536 - 32768, self.rate)
            larger = each(lambda rate: 1 / (1 - rate), self.rate)
            return per_member(first, x, self.axes + 1), per_member(larger, x, self.axes + 1)
        factor = self.schedule.evaluate(namespace(key.step).astype(key.step, x.dtype))
        rate = factor * per_member(self.rate, x, self.axes + 1)
        return rate * 65536 - 32768, 1 / (1 - rate)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        return (dy if saved is None else dy * saved), {}
