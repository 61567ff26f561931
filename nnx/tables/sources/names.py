"""The names of columns: each has one, and no two the same."""

from collections.abc import Sequence


def distinct(place: str, names: Sequence[str], notes: list[str]) -> list[str]:
    """The names, with "column 3" for one that is blank, and a number after one that is there already, with a note."""
    found: dict[str, None] = {}
    for i, name in enumerate(names, 1):
        name = other = name.strip() or f"column {i}"
        number = 1
        while other in found:
            number += 1
            other = f"{name} ({number})"
        if other != name:
            notes.append(f"{place}: two columns are named {name!r}; the later one is {other!r}")
        found[other] = None
    return list(found)
