"""What a network computes over the plane, as pictures of bytes: one evaluate for the output and for every unit."""

from base64 import b64encode
from collections.abc import Sequence
from math import isfinite
from typing import Any

from ..backends import Backend
from ..backends.numpy import namespace as host_namespace
from ..contract import Array, Params
from .build import Plan, Table, frame, groups, scaled
from .data import features
from .settings import Settings
from .training import evaluated

np = host_namespace()

SIDE = 64  # points along each side of the output's picture
BYTES = 2**16  # of the pictures of all units together
LEVELS = 32  # of a colour, where the byte says the class too


def text(a: Any) -> str:
    """The bytes of a host array in base 64, for a message."""
    return b64encode(np.ascontiguousarray(a).tobytes()).decode("ascii")


def grid(settings: Settings, side: int) -> Any:
    """What the network sees of a grid over the frame, (side * side, inputs): row by row from the top left."""
    left, right, bottom, top = frame(settings)
    at = (np.arange(side) + 0.5) / side
    a, b = np.meshgrid(left + (right - left) * at, top + (bottom - top) * at)
    raw = np.stack([a.reshape(-1), b.reshape(-1)], axis=1)
    return features(scaled(settings, raw), settings.inputs).astype("float32")


class Maps:
    """The pictures of one playground."""

    def __init__(self, settings: Settings, plan: Plan, table: Table, backend: Backend, side: int = SIDE) -> None:
        self.plan, self.table, self.backend, self.side = plan, table, backend, side
        self.seen = grid(settings, side)
        self.x = backend.floats(self.seen)
        self.ends = [end for _, end in groups(plan.net)]
        units = sum(settings.hidden) + table.outputs + len(settings.inputs)
        self.stride = 2
        while units * (side // self.stride) ** 2 > BYTES:
            self.stride *= 2

    def output(self, z: Array) -> Any:
        """The picture (..., side, side) of the output: see `picture`."""
        found = picture(self.backend.to_numpy(self.plan.loss.predict(z)), self.table.classes)
        return found.reshape((*found.shape[:-1], self.side, self.side))

    def all(self, params: Params) -> dict[str, Any]:
        """The pictures of the output and of all units, those of the inputs first, with the size of their values."""
        layers = evaluated(self.plan, params, self.x)
        units = [self.seen, *(self.backend.to_numpy(layers[end][1]) for end in self.ends)]
        side, stride = self.side, self.stride
        some = [u.reshape(side, side, -1)[::stride, ::stride, :].reshape((side // stride) ** 2, -1) for u in units]
        values = np.ascontiguousarray(np.concatenate(some, axis=1).T)  # (units, points)
        values = np.where(np.isfinite(values), values, 0.0)
        sizes = np.maximum(np.max(np.abs(values), axis=1), 1e-6)
        values *= (127.0 / sizes)[:, None]
        values += 127.5
        return {
            "map": text(self.output(layers[-1][1])),
            "map_side": side,
            "units": text(values.astype("uint8")),
            "unit_side": side // stride,
            "sizes": [round(float(size), 4) for size in sizes],
        }


def picture(y: Any, classes: int) -> Any:
    """Bytes (...,) for predictions (..., k): of values, or of two classes, 0 to 255, the middle being 0 or one half;

    of more classes, 32 times the class and how sure the network is of it, from 0 to 31.
    """
    y = np.where(np.isfinite(y), y, 0.0)
    if classes > 2:
        best = np.argmax(y, axis=-1)
        sure = np.clip(np.max(y, axis=-1), 0.0, 1.0)
        return (best * LEVELS + np.round(sure * (LEVELS - 1))).astype("uint8")
    middle = y[..., y.shape[-1] // 2]  # of quantiles the median; of two probabilities the second
    if classes:
        return np.round(255 * np.clip(middle, 0.0, 1.0)).astype("uint8")
    return np.round(127.5 + 127 * np.clip(middle, -1.0, 1.0)).astype("uint8")


def right(y: Any, shown: Any, classes: int) -> Any:
    """The share (...,) of rows whose class is the one predicted."""
    if y.shape[-1] == 1 or (classes == 2 and y.shape[-1] != 2):
        found = y[..., y.shape[-1] // 2] >= 0.5
    else:
        found = np.argmax(y, axis=-1)
    return np.mean(np.asarray(found == shown, dtype="float64"), axis=-1)


def accuracy(y: Any, table: Table, rows: Any) -> Any:
    """The share of rows predicted rightly, or None for values."""
    return right(y, table.shown[rows], table.classes) if table.classes else None


def numbers(a: Any, rows: int = 4, columns: int = 5) -> Sequence[Any]:
    """The first numbers of an array, for a person."""
    a = np.asarray(a)
    part = a[:rows, :columns] if a.ndim > 1 else a[:columns]
    return [finite(v) for v in part] if part.ndim == 1 else [[finite(v) for v in row] for row in part]


def finite(value: Any) -> float | None:
    """A number that JSON has; None for those it has not."""
    number = float(value)
    return number if isfinite(number) else None
