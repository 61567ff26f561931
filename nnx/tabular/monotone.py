"""Columns with which the prediction is to rise or fall: which may be, and where they are among the encoded ones."""

from collections.abc import Mapping

from ..errors import DataError, SettingError, require, shown, unknown
from ..layers import activation
from ..layers.monotone import MonotoneActivation
from ..tables import TableEncoder, Target
from ..tables.kinds.cells import parted
from .settings import Config

MONOTONE = ("number", "duration", "boolean")  # kinds whose cells are in order, and encoded by a number that keeps it


def check_signs(config: Config) -> None:
    """Raise SettingError for a sign that is none, or an activation that may fall."""
    for name, sign in config.data.monotone.items():
        require(
            sign in (-1, 0, 1), f"monotone: column {name!r} rises by 1, falls by -1, is free by 0; got {shown(sign)}"
        )
    if signed(config.data.monotone):
        MonotoneActivation(activation(config.network.activation))


def signed(monotone: Mapping[str, int]) -> dict[str, int]:
    """The columns that are not free."""
    return {name: sign for name, sign in monotone.items() if sign}


def check_columns(monotone: Mapping[str, int], kinds: Mapping[str, str], target: Target) -> None:
    """Raise DataError or SettingError for a column that is not there or has no order; kinds: those of the columns."""
    for name in monotone:
        if name not in kinds:
            known = [column for column in kinds if column != name]
            raise DataError(
                f"monotone: {name!r} is the target"
                if name == target.name
                else f"monotone: {unknown('column', name, known)}"
            )
        kind = parted(kinds[name])[0]
        if kind not in MONOTONE:
            what = "is left out" if kind == "drop" else f"holds {kind}"
            raise DataError(
                f"monotone: column {name!r} {what}; only a {', '.join(MONOTONE[:-1])} or {MONOTONE[-1]} can be"
            )
    if signed(monotone) and len(target.classes) > 2:
        raise SettingError(f"monotone is for a regression or two classes; {target.name!r} has {len(target.classes)}")


def places(monotone: Mapping[str, int], encoder: TableEncoder) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The encoded columns that the prediction rises with, and those that it falls with; a gap is of neither."""
    names, groups = encoder.get_feature_names_out(), encoder.groups()

    def of(sign: int) -> tuple[int, ...]:
        columns = [name for name, own in monotone.items() if own == sign and name in groups]
        return tuple(sorted(at for name in columns for at in groups[name] if names[at] != f"{name} (missing)"))

    return of(1), of(-1)
