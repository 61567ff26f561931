"""What the encodings of one column have in common."""

from typing import Any

from ..kinds.cells import arrow, compute


class Way:
    """The base of most encodings: the compact columns are the columns."""

    names: Any

    def spread(self, columns: Any, out: Any) -> None:
        """Write the columns of the compact form (n, compact) into out (n, names), which is zero."""
        out[:] = columns

    @property
    def width(self) -> int:
        """The number of columns it becomes."""
        return len(self.names)

    @property
    def compact_width(self) -> int:
        """The number of columns of the compact form."""
        return len(self.names)


def mark(out: Any, code: Any) -> None:
    """out[i, code[i]] = 1 where the code is not negative."""
    code = code.astype("int64")
    rows = (code >= 0).nonzero()[0]
    out[rows, code[rows]] = 1


def whole(column: Any) -> Any:
    """One Arrow array of a column in chunks."""
    return column.combine_chunks() if hasattr(column, "combine_chunks") else column


def coded(v: Any) -> tuple[Any, Any]:
    """The different texts of Arrow text v (n,), perhaps a dictionary, and the number of each cell's; that of a missing
    one is the number of texts."""
    v = whole(v)
    v = v if arrow().types.is_dictionary(v.type) else v.dictionary_encode()
    texts, codes, once = v.dictionary, v.indices, v.dictionary.dictionary_encode()
    if len(once.dictionary) < len(texts):  # some are there twice
        texts, codes = once.dictionary, once.indices.take(codes)
    return texts, on_host(compute().fill_null(codes, len(texts)))


def on_host(column: Any) -> Any:
    """An Arrow column of whole numbers or truths as a host array."""
    return whole(column).to_numpy(zero_copy_only=False)
