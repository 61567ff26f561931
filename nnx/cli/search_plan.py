"""`nnx search --dry-run`: how many networks, in how many runs, and what they take. Nothing is trained."""

from typing import Any

from ..training.memory import PART
from ..training.population.joining import joined
from ..training.population.member import Member, Rows, groups_of, weights_of
from .search import Searched, count, kinds, members


def search_plan(task: Searched) -> tuple[list[str], dict[str, Any]]:
    """What a search would train, for a person and as figures."""
    features, free = int(task.x.shape[1]), task.backend.free_memory()
    item = 8 if task.backend.dtype == "float64" else 4
    runs, most, networks = 0, 0, 0
    for (_, size, _), own in kinds(task.candidates).items():
        people = members(task, own)
        networks += len(people)
        for numbers in groups_of(people, [Rows(m.rows, m.held) for m in people], features):
            need = numbers_of([people[k] for k in numbers], features, size) * item
            parts = max(1, min(-(-need // int(PART * free)), len(numbers))) if free else 1
            runs += parts
            most = max(most, need // parts)
    rows = (sum(task.prepared.rows) + len(task.y)) * (features + 2) * item
    lines = [
        f"networks {networks:,}: {count(len(task.candidates), 'candidate')} in {count(len(task.folds), 'fold')}",
        f"runs     {runs:,}, one after another: networks of other depths, losses or batches train apart",
        f"memory   about {(rows + most) / 2**20:,.0f} MiB for the rows and the largest run",
    ]
    figures = {"candidates": len(task.candidates), "networks": networks, "runs": runs, "memory_bytes": rows + most}
    return lines, figures


def numbers_of(people: list[Member], features: int, batch_size: int) -> int:
    """Numbers that a run works on: weights with gradients, moments and the best ones, and the values of a batch."""
    net = joined([m.net for m in people])
    widths = sum(layer.units for layer in net.layers if hasattr(layer, "units"))
    each = 6 * weights_of(net, features) + batch_size * (features + 6 * widths)
    return int(len(people) * each)
