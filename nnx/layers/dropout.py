from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from ..backends import each, namespace, per_member, same_library
from ..contract import Array, Key, Layer, Params, Saved, Setting
from ..errors import SettingError
from ..random import bits
from ..settings import SHARE, settle


@dataclass(frozen=True)
class Dropout(Layer):
    """y = x m / (1 - rate) in training, m being 1 with probability 1 - rate and else 0; y = x otherwise.

    A rate is used to the nearest 1/65536: each element takes 16 random bits.

    Shapes: x, y, m (..., n, i); rate a number in [0, 1), or one for each member of the population.
    Raises: SettingError if evaluated with train=True and no key.
    Source: Srivastava et al. 2014, in the "inverted" form that leaves prediction alone.
    """

    rate: Setting = 0.5

    def __post_init__(self) -> None:
        settle(self, rate=SHARE)

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
        shape = key.seed.shape + x.shape[-2:]
        n = prod(x.shape[-2:])
        word = bits(key, (n + 1) // 2)
        drawn = xp.concat((word >> 16, word << 16 >> 16), axis=-1)[..., :n]  # each in [-32768, 32768)
        drawn = xp.astype(xp.reshape(drawn, shape), x.dtype)
        first = per_member(each(lambda rate: rate * 65536 - 32768, self.rate), x, 2)
        mask = xp.astype(drawn >= first, x.dtype)
        mask *= per_member(each(lambda rate: 1 / (1 - rate), self.rate), x, 2)
        return x * mask, mask

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        return (dy if saved is None else dy * saved), {}
