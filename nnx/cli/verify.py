"""`nnx verify`: the promises of determinism, tried on this machine, as a table."""

from dataclasses import dataclass, fields
from typing import Any

from ..backends import Backend, backend, numpy as host
from ..contract import Layer
from ..layers import BatchNorm, Chain, Dense, Dropout, ReLU
from ..network import init
from ..optimizers import Adam
from ..random import HostDraw, bits, key
from ..training import fit

ROWS, FEATURES, CLASSES, BATCH = 320, 12, 3, 32
DOUBLE, SINGLE = 1e-9, 1e-4  # how far losses may be from NumPy's, relatively, after 100 steps and after 50
NUMPY = "numpy"


@dataclass(frozen=True)
class Found:
    """The results of one backend, each beside NumPy's."""

    backend: str
    weights: bool  # the initial weights are the same bits
    masks: bool  # and the random bits of a dropout mask
    rerun: bool  # the same training twice gives the same bits
    double: float  # the largest relative difference of the losses in float64, 100 steps
    single: float  # and in float32, 50 steps

    @property
    def kept(self) -> bool:
        """True if every promise was kept."""
        return self.weights and self.masks and self.rerun and self.double <= DOUBLE and self.single <= SINGLE


def verify(names: list[str]) -> list[Found]:
    """Try the promises on each backend. Raises: BackendError."""
    reference = {dtype: losses(backend(NUMPY, dtype), epochs) for dtype, epochs in PRECISIONS}
    return [_one(name, reference) for name in names]


PRECISIONS = (("float64", 10), ("float32", 5))  # with epochs of ten steps


def _one(name: str, reference: dict[str, list[float]]) -> Found:
    chosen, double = backend(name), backend(name, "float64")
    ours, theirs = ({n: b.to_numpy(p).tobytes() for n, p in init(network(), FEATURES, backend=b).items()}
                    for b in (chosen, backend(NUMPY)))  # fmt: skip
    with chosen.scope():
        drawn = chosen.to_numpy(bits(key(7, 3, backend=chosen), 1000)).tobytes()
    far = {}
    for dtype, epochs in PRECISIONS:
        own = losses(double if dtype == "float64" else chosen, epochs)
        far[dtype] = max(abs(a - b) / abs(b) for a, b in zip(own, reference[dtype], strict=True))
    return Found(
        str(chosen.place),
        ours == theirs,
        drawn == host.get(bits(key(7, 3), 1000)).tobytes(),
        losses(chosen, 5) == losses(chosen, 5),
        far["float64"],
        far["float32"],
    )


def network() -> Layer:
    """A small network with all that draws or runs: dropout, running statistics."""
    return Chain(Dense(24), BatchNorm(), ReLU(), Dropout(0.2), Dense(CLASSES))


def losses(chosen: Backend, epochs: int) -> list[float]:
    """The loss of each epoch of a training on made-up rows."""
    xp = host.namespace()
    draw = HostDraw(1, "verify.")
    y = xp.floor(draw.fold("y").uniform((ROWS,)) * CLASSES).astype("int64")
    centres = 2 * draw.fold("centres").normal((CLASSES, FEATURES))
    x = centres[y] + draw.fold("x").normal((ROWS, FEATURES))
    found = fit(
        network(), x, y, loss="softmax_cross_entropy", optimizer=Adam(rate=1e-3), epochs=epochs, batch_size=BATCH,
        backend=chosen, seed=5,
    )  # fmt: skip
    return found.history["loss"]


def lines(found: list[Found]) -> list[str]:
    """The table for a person."""

    def mark(value: Any) -> str:
        return {True: "the same", False: "DIFFER"}[value] if isinstance(value, bool) else f"{value:.1e}"

    head = ("backend", "first weights", "dropout bits", "run again", "float64, 100 steps", "float32, 50 steps")
    rows = [
        head,
        *(tuple(mark(v) if f.name != "backend" else v for f in fields(r) for v in [getattr(r, f.name)]) for r in found),
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    table = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [
        *table,
        "",
        f"promised: the same bits; losses within {DOUBLE:g} (float64) and {SINGLE:g} (float32) of NumPy's",
    ]
