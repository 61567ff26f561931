"""Random numbers that are the same bits on every backend.

Two generators, both counter-based, so that there is no state to keep: a stream is named, not advanced.
On the host, Philox4x64-10 keyed by (seed, purpose) draws initial weights, shuffles and splits.
On the device, Threefry2x32-20 keyed by (seed, step) draws dropout masks inside a step, in plain int32 arithmetic.

Source: Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, tau
from typing import Any
from zlib import crc32

from . import backends
from .backends import Backend, device, namespace, numpy as host
from .contract import Array, Key, PartKey
from .errors import SettingError, require, shown
from .names import spelled
from .settings import NOT_NEGATIVE, integer, whole

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def words(seed: int, purpose: str, n: int, epoch: int = 0) -> Any:
    """n raw uint64 words on the host, a stream of their own for each (seed, purpose, epoch)."""
    return host.philox((seed, crc32(purpose.encode()) << 32 | epoch), n)


def permutation(seed: int, purpose: str, n: int, epoch: int = 0) -> Any:
    """The numbers 0 to n - 1 in random order, as int64 on the host."""
    return host.permutation(words(seed, purpose, n, epoch))


@dataclass(frozen=True)
class HostDraw:
    """Host arrays for initial parameters. Several seeds make a population: the arrays get an axis in front."""

    seeds: int | tuple[int, ...]
    path: str = ""

    def fold(self, name: str) -> "HostDraw":
        """The draw of a part of the network: its numbers do not depend on those of the other parts."""
        return HostDraw(self.seeds, f"{self.path}{name}.")

    def uniform(self, shape: tuple[int, ...]) -> Any:
        """float64 in [0, 1)."""
        return self._stack([host.uniform(words(seed, self.path, prod(shape))) for seed in self._list()], shape)

    def normal(self, shape: tuple[int, ...]) -> Any:
        """Standard normal float64, by the transform of Box & Muller 1958: sqrt(-2 ln(1 - u)) cos(2 pi v)."""
        n = prod(shape)
        members = []
        for seed in self._list():
            u = host.uniform(words(seed, self.path, 2 * n))
            xp = namespace(u)
            members.append(xp.sqrt(-2.0 * xp.log1p(-u[:n])) * xp.cos(tau * u[n:]))
        return self._stack(members, shape)

    def constant(self, shape: tuple[int, ...], value: float) -> Any:
        """float64, all of one value."""
        xp = host.namespace()
        return self._stack([xp.full(prod(shape), value)] * len(self._list()), shape)

    def _list(self) -> tuple[int, ...]:
        return (self.seeds,) if isinstance(self.seeds, int) else self.seeds

    def _stack(self, members: list[Any], shape: tuple[int, ...]) -> Any:
        if isinstance(self.seeds, int):
            return members[0].reshape(shape)
        return host.namespace().stack(members).reshape((len(members), *shape))


def check_seed(seed: Any) -> int | tuple[int, ...]:
    """The seed, or seeds, as given, if they are integers from 0 to 2**64 - 1."""
    if isinstance(seed, (str, bytes, dict)) or not hasattr(seed, "__len__") or not getattr(seed, "ndim", 1):
        return _check_one(seed)
    require(len(seed) > 0, "seed must be an integer from 0 to 2**64 - 1, or several, got none")
    return tuple(_check_one(s) for s in seed)


def one_seed(place: str, seed: Any) -> int:
    """The seed, if it is one. Raises SettingError."""
    checked = check_seed(seed)
    if isinstance(checked, tuple):
        raise SettingError(f"{place}: seed must be one integer, got {len(checked)}")
    return checked


def _check_one(seed: Any) -> int:
    number = whole(seed)
    if number is None or not 0 <= number < 2**64:
        raise SettingError(f"seed must be an integer from 0 to 2**64 - 1, got {shown(seed)}")
    return number


@spelled
def key(seed: int | Sequence[int], step: int = 0, *, backend: str | Backend = "numpy") -> Key:
    """The key of a training step, to hand to `evaluate(..., train=True, key=key)`.

    Layers that draw, such as `nnx.Dropout`, take their random bits from it. The same seed and step give the same bits
    on every backend. `nnx.fit` makes its own.

    Parameters
    ----------
    seed : int or sequence of int
        From 0 to 2^64 - 1. Several seeds make a population, each member with its own random bits.
    step : int, default 0
        The number of the training step, at least 0: another step has other bits.
    backend : str or Backend, default 'numpy'
        Where the key lies; that of the parameters, such as "torch" or "jax".

    Returns
    -------
    Key
        The key, two int32 arrays of the backend.

    Raises
    ------
    SettingError
        If seed or step is out of range.
    BackendError
        If the backend is not known or cannot compute here.

    Examples
    --------
    >>> net, x = nnx.Chain(nnx.Dense(4), nnx.Dropout(0.5)), np.ones((3, 2))
    >>> params = nnx.init(net, x)
    >>> y, values = net.evaluate(params, x, train=True, key=nnx.key(0, step=7))
    >>> y.shape
    (3, 4)
    """
    chosen = backends.backend(backend)
    number = integer("key: step", step, NOT_NEGATIVE)
    return Key(seed_words(seed, chosen), chosen.asarray(number, chosen.xp.int32))


def seed_words(seed: int | Sequence[int], backend: str | Backend = "numpy") -> Array:
    """One int32 word of the host's generator for each seed, () or (K,), on the backend."""
    xp = host.namespace()
    checked = check_seed(seed)
    seeds = (checked,) if isinstance(checked, int) else checked
    drawn = xp.concat([words(s, "key", 1) for s in seeds]).astype(xp.uint32).view(xp.int32)
    chosen = backends.backend(backend)
    return chosen.asarray(drawn[0] if isinstance(checked, int) else drawn, chosen.xp.int32)


def bits(key: Key, n: int) -> Array:
    """n random int32 words (..., n), one stream for each member of the key's population.

    The counter is (number of the pair of words, path of the layer), the key (seed, step).
    """
    xp, where = namespace(key.seed), device(key.seed)
    pairs = xp.arange((n + 1) // 2, dtype=xp.int32, device=where)
    path = key.path - (key.path >> 31 << 32)  # as a signed word
    first, second = threefry2x32(
        key.seed[..., None], xp.reshape(key.step, (1,)), pairs, xp.full_like(pairs, path, dtype=xp.int32)
    )
    return xp.concat((first, second), axis=-1)[..., :n]


def split(key: Key, k: int) -> Key:
    """The keys of k members of their own, along a last axis: seeds (..., k), k words of the key's stream."""
    return PartKey.at(bits(key, k), key.step, path=key.path)


def threefry2x32(k0: Array, k1: Array, x0: Array, x1: Array) -> tuple[Array, Array]:
    """Threefry2x32-20: two words of random bits for each counter (x0, x1) under the key (k0, k1), all int32.

    Signed words, because every library has them: sums wrap, and a right shift is masked to be a logical one.
    Source: Salmon et al. 2011, section 4.2, with the rotations of the reference code Random123.
    """
    keys = (k0, k1, k0 ^ k1 ^ 0x1BD11BDA)
    x0, x1 = x0 + k0, x1 + k1
    for i in range(5):
        for r in _ROTATIONS[i % 2]:
            x0 = x0 + x1
            x1 = (x1 << r | x1 >> (32 - r) & ((1 << r) - 1)) ^ x0
        x0, x1 = x0 + keys[(i + 1) % 3], x1 + (keys[(i + 2) % 3] + (i + 1))
    return x0, x1
