"""Notes on a training that a person should know of, each said once: spellings, classes out of balance, a poor score."""

from collections.abc import Sequence

from ..evaluation import Evaluation
from ..tables import TableEncoder, Target
from ..tables.kinds.cells import MISSING

COMMON, RARE, FAIR = 0.9, 0.02, 0.2  # shares of a class that are told of; and of its fair share, where many are rare
LEAST = 10  # rows held out below which a poor score may be chance


def spellings(target: Target) -> list[str]:
    """A note where classes differ in capitals only."""
    seen: dict[str, str] = {}
    for name in target.classes:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            pair = f"{other[:30]!r} and {name[:30]!r}"
            return [f"classes {pair} of the target {target.name!r} differ in capitals only; --fold-case makes them one"]
    return []


def gaps_that_are_values(encoder: TableEncoder) -> list[str]:
    """A note for each column of text in memory with a word that a file would have as a gap."""
    notes = []
    for column in encoder.columns_:
        words = [v for v in getattr(column, "values", ()) if isinstance(v, str) and v.strip() in MISSING]
        if words:
            listed = " and ".join(map(repr, words[:3]))
            remedy = f"pandas.read_csv(..., na_values={words[:3]}) reads it so"
            notes.append(f"column {column.name!r}: {listed} is a value here, in a file it would be missing; {remedy}")
    return notes


def balance(target: Target, counts: Sequence[int], *, weighted: bool) -> list[str]:
    """Notes on classes of very different sizes, on such as cannot be learned, and on very many. counts: to train on."""
    if not target.classes or not sum(counts):
        return []
    notes, total = [], sum(counts)
    if len(counts) > max(20, total // 4):
        notes.append(f"{target.name!r} has {len(counts)} classes; is it a quantity?")
    few = [name for name, n in zip(target.classes, counts, strict=True) if n < 2]
    if few:
        more = f" (nor have {len(few) - 1} others)" if len(few) > 2 else " (nor has another)" if len(few) > 1 else ""
        notes.append(f"class {few[0][:30]!r} has fewer than 2 rows to train on{more}")
    largest, smallest = max(counts), min(n for n in counts if n)
    odd = ""
    if largest > COMMON * total:
        odd = f"class {target.classes[list(counts).index(largest)][:30]!r} has {largest / total:.0%} of the rows"
    elif smallest < total * min(RARE, FAIR / len(counts)):
        odd = f"class {target.classes[list(counts).index(smallest)][:30]!r} has {smallest / total:.1%} of the rows"
    if odd and not weighted:
        notes.append(f"{odd}: look at the balanced accuracy; --class-weight balanced weighs all classes alike")
    return notes


def worse(target: Target, tested: Evaluation | None, *, weighted: bool) -> list[str]:
    """A note where the model predicts no better than it would without looking at the columns."""
    if tested is None or len(tested.target) < LEAST:
        return []
    found = tested.scores
    if not target.classes:
        if found["r2"] >= 0:
            return []
        return [f"the model predicts {target.name!r} worse than its mean would: r2 {found['r2']:.2f} is below 0"]
    counts = [int((tested.target == i).sum()) for i in range(len(target.classes))]
    most, present = max(counts), sum(n > 0 for n in counts)
    name = target.classes[counts.index(most)][:30]
    measure, least = ("balanced_accuracy", 1 / present) if weighted else ("accuracy", most / len(tested.target))
    if present < 2 or found[measure] > least:
        return []
    words = measure.replace("_", " ")
    return [f"the model is no better than always saying {name!r}: {words} {found[measure]:.3f}, of that {least:.3f}"]
