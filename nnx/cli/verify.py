"""`nnx verify`: the promises of determinism, tried on this machine, as a table."""

from dataclasses import dataclass, fields
from typing import Any

from ..backend_check import FEATURES, PROMISED, far_apart, network, trained
from ..backends import Backend, backend, numpy as host
from ..network import init
from ..random import bits, key

DOUBLE, SINGLE = PROMISED["float64"], PROMISED["float32"]
NUMPY = "numpy"


@dataclass(frozen=True)
class Found:
    """The results of one backend, each beside NumPy's."""

    backend: str
    weights: bool  # the initial weights are the same bits
    masks: bool  # and the random bits of a dropout mask
    rerun: bool  # the same training twice gives the same bits
    double: float | None  # the largest relative difference of the losses in float64, 100 steps; None: it has none
    single: float  # and in float32, 50 steps

    @property
    def kept(self) -> bool:
        """True if every promise was kept."""
        return self.weights and self.masks and self.rerun and (self.double or 0.0) <= DOUBLE and self.single <= SINGLE


def verify(names: list[str]) -> list[Found]:
    """Try the promises on each backend. Raises: BackendError."""
    reference = {dtype: losses(backend(NUMPY, dtype), epochs) for dtype, epochs in PRECISIONS}
    return [_one(name, reference) for name in names]


PRECISIONS = (("float64", 10), ("float32", 5))  # with epochs of ten steps


def _one(name: str, reference: dict[str, list[float]]) -> Found:
    chosen = backend(name)
    ours, theirs = ({n: b.to_numpy(p).tobytes() for n, p in init(network(), FEATURES, backend=b).items()}
                    for b in (chosen, backend(NUMPY)))  # fmt: skip
    with chosen.scope():
        drawn = chosen.to_numpy(bits(key(7, 3, backend=chosen), 1000)).tobytes()
    far: dict[str, float] = {}
    for dtype, epochs in PRECISIONS:
        if dtype == "float32" or chosen.has_double:
            far[dtype] = far_apart(losses(backend(chosen, dtype), epochs), reference[dtype])
    return Found(
        str(chosen.place),
        ours == theirs,
        drawn == host.get(bits(key(7, 3), 1000)).tobytes(),
        losses(chosen, 5) == losses(chosen, 5),
        far.get("float64"),
        far["float32"],
    )


def losses(chosen: Backend, epochs: int) -> list[float]:
    """The loss of each epoch of a training on made-up rows."""
    history: dict[str, list[float]] = trained(chosen, epochs).history
    return history["loss"]


def lines(found: list[Found]) -> list[str]:
    """The table for a person."""

    def mark(value: Any) -> str:
        if value is None:
            return "none"
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
