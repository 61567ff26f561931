"""A network's own word on the shapes of its parameters, beside the shapes of the tensors that are to be them."""

from collections.abc import Mapping
from typing import Any

from ..contract import Layer, Row
from ..errors import ShapeError
from ..layers.combine import WIDEST
from ..layers.shared import AxesError

Found = Mapping[str, tuple[int, ...]]  # shapes of tensors by name, a population in front


class Unknown(int):
    """A width that is not known yet: at least this number, and `each` more for each further column of x.

    Sums and multiples of it are such widths too. It is equal to all that it may turn out to be, and not below anything,
    so that no layer refuses it.
    """

    each: int

    def __new__(cls, least: int = 1, each: int = 1) -> "Unknown":
        made = super().__new__(cls, least)
        made.each = each
        return made

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        return Unknown(int(self) + int(other), self.each + getattr(other, "each", 0))

    __radd__ = __add__

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        many = int(other)
        return (
            int(self) * many if isinstance(other, Unknown) or not many else Unknown(int(self) * many, self.each * many)
        )

    __rmul__ = __mul__

    def __mod__(self, other: Any) -> Any:  # it may turn out to be a multiple
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown) or (isinstance(other, int) and self.columns(other) > 0)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = int.__hash__

    def __le__(self, other: int) -> bool:  # it may turn out to be larger
        return False

    __lt__ = __le__

    def columns(self, width: int) -> int:
        """The columns of x with which it is so wide; 0 if there are none."""
        more, rest = divmod(width - int(self), self.each)
        return 0 if rest or more < 0 else 1 + more


def row_of(net: Layer, found: Found) -> Row | None:
    """The shape of a row of x that parameters of these shapes are for; None if they do not tell.

    Raises: ShapeError for a network or parameters that are for no x.
    """
    try:
        wanted, _ = net.shapes((Unknown(),))
    except AxesError:
        raise AxesError("a row of x has several axes: give its shape, such as row=(28, 28, 1)") from None
    for name, shape in wanted.items():
        for own, width in zip(reversed(shape), reversed(found.get(name, ())), strict=False):
            if isinstance(own, Unknown):
                columns = own.columns(width)
                _need(columns > 0, f"the shape of {name}")
                return (columns,)
    return None


def fit(net: Layer, found: Found, row: Row | None) -> Row | None:
    """The shape of a row of the output for rows of x of this shape; None if any number of columns will do.

    Raises: ShapeError if tensors of these shapes are not the parameters of the network, or not for such rows.
    """
    _need(net.copies <= WIDEST, "very many members")
    wanted, out = net.shapes((Unknown(),) if row is None else row)
    names = {*net.names, *net.running}
    strange = (names ^ found.keys()) | (names ^ wanted.keys())
    _need(not strange, min(strange, default=""))
    populations: dict[str, tuple[int, ...]] = {}  # of the first parameter of each layer; its others may be shared
    for name, own in wanted.items():
        shape = found[name]
        population = populations.setdefault(name.rpartition(".")[0], shape[: max(len(shape) - len(own), 0)])
        _need(shape in ((*population, *own), own) and 0 not in population, f"the shape of {name}")
    return None if row is None else out


def _need(holds: bool, what: str) -> None:
    if not holds:
        raise ShapeError(f"parameters do not fit the network: {what[:60]}")
