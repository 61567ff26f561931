"""Text and indices in files whose columns have types: what a person means by them where the type does not say it."""

import json
from collections.abc import Sequence
from typing import Any

from ..kinds.cells import arrow, compute, is_text, parted
from ..kinds.settle import guesses_for, settle
from .source import Source

SOME = 1000  # rows in which text is looked at


def disguised(source: Source, texts: Sequence[str]) -> list[str]:
    """Notes on columns of text that reads as numbers or dates: it is what its type says, unless its kind is given."""
    first: Any = next(source.batches(texts), None)
    guesses = guesses_for(list(texts), {}) if first is not None else {}
    for name, guess in guesses.items():
        guess.see(compute().cast(first.column(name)[:SOME], arrow().string()))
    notes = []
    for name, kind in settle(guesses, source.reading, source.where, {})[0].items():
        base, form, _ = parted(kind)
        if guesses[name].filled and base in ("number", "date", "time", "duration"):
            notes.append(f"column {name!r} is text that reads as {base}s: --kind {name}={base}{form and ':'}{form}")
    return notes


def own_index(schema: Any) -> list[str]:
    """The columns in which pandas has put an index without a name."""
    try:
        told = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))["index_columns"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    named = {name for name in told if isinstance(name, str)} if isinstance(told, list) else set()
    return [name for name in schema.names if name in named and name.startswith("__index_level_")]


def without(whole: Any, words: Sequence[str]) -> Any:
    """A batch in whose columns of text these words are missing cells."""
    pa, pc, columns = arrow(), compute(), []
    gaps = pa.array(words, pa.string())
    for column in whole.columns:
        if holds_text(column.type):
            coded = pa.types.is_dictionary(column.type)
            texts = column.dictionary if coded else column
            found = pc.is_in(pc.utf8_trim_whitespace(pc.cast(texts, pa.string())), value_set=gaps)
            if coded:
                indices = column.indices
                found = pc.fill_null(found.take(indices), False)
                indices = pc.if_else(found, pa.scalar(None, indices.type), indices)
                column = pa.DictionaryArray.from_arrays(indices, texts)
            else:
                column = pc.if_else(found, pa.scalar(None, column.type), column)
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, whole.schema.names)


def holds_text(kind: Any) -> bool:
    """True for an Arrow type of text, or of codes for it."""
    return is_text(kind.value_type if arrow().types.is_dictionary(kind) else kind)
