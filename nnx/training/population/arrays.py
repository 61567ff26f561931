"""The runs of a population as arrays by name and plain data, as checkpoints hold them."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...backends import numpy as host
from ...contract import Params
from ..restore import integer, typed
from ..step import Carry
from .members import Beginning


def parts_of(about: Mapping[str, Any], members: int) -> list[list[int]]:
    """The members of each run. Raises: ValueError."""
    parts = [typed(part, "parts", list, int) for part in about["parts"]]
    integer(about["run"], "run", len(parts) - 1)
    if sorted(k for part in parts for k in part) != list(range(members)) or not all(parts):
        raise ValueError(f"its runs are not of {members} members")
    for number, known in about["finished"].items():
        if not set(known["members"]) <= set(parts[integer(int(number), "finished", len(parts) - 1)]):
            raise ValueError(f"members have finished that are not of run {number}")
    return parts


def flattened(carry: Carry, kept: Params, mean: Params) -> dict[str, Any]:
    """The arrays of a run by name, but for the loss of the epoch."""
    found = {"run.seed": carry.seed}
    trees = {"vectors": carry.vectors, "running": carry.running, "average": carry.average, "kept": kept, "mean": mean}
    for slot, value in carry.state.items():
        if isinstance(value, dict):
            trees[f"state.{slot}"] = value
        else:
            found[f"run.number.{slot}"] = value
    return found | {f"run.{tree}.{name}": a for tree, arrays in trees.items() for name, a in arrays.items()}


def unflattened(carry: Carry, kept: Params, found: Mapping[str, Any], order: list[int], *, mean: bool) -> Beginning:
    """A run from its arrays, with the names of another."""

    def tree(name: str, like: Params) -> Params:
        return {own: found[f"run.{name}.{own}"] for own in like}

    state = {
        slot: tree(f"state.{slot}", value) if isinstance(value, dict) else found[f"run.number.{slot}"]
        for slot, value in carry.state.items()
    }
    vectors, running, average = (tree(n, getattr(carry, n)) for n in ("vectors", "running", "average"))
    zeros = (carry.total[: len(order)], carry.excess[: len(order)])
    own = Carry(vectors, running, state, found["run.seed"], *zeros, average)
    return own, tree("kept", kept), order, tree("mean", carry.vectors) if mean else {}


def histories_of(histories: Sequence[Mapping[str, Sequence[float]]]) -> tuple[dict[str, Any], Any]:
    """Histories as one array (members, figures, epochs), and what it lacks: names of figures, and numbers of epochs."""
    names = list(dict.fromkeys(name for own in histories for name in own))
    lengths = [len(own.get("epoch", ())) for own in histories]
    whole = host.namespace().zeros((len(histories), len(names), max(lengths, default=0)))
    for k, own in enumerate(histories):
        for i, name in enumerate(names):
            whole[k, i, : lengths[k]] = own.get(name, ())
    return {"figures": names, "epochs": lengths}, whole


def histories_from(about: Mapping[str, Any], whole: Any) -> list[dict[str, list[float]]]:
    """The histories that `histories_of` wrote."""
    if (
        whole.ndim != 3
        or str(whole.dtype) != "float64"
        or whole.shape[:2] != (len(about["epochs"]), len(about["figures"]))
    ):
        raise ValueError("its histories are no rows of numbers for each member and figure")
    found = []
    for k, length in enumerate(about["epochs"]):
        rows = {name: whole[k, i, :length].tolist() for i, name in enumerate(about["figures"])} if length else {}
        if "epoch" in rows:
            rows["epoch"] = [int(n) for n in rows["epoch"]]
        found.append(rows)
    return found
