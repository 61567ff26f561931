"""Matrix products as a BLAS is told of them."""

from .calls import Refused
from .passes import Pass
from .program import View


def matrices(p: Pass) -> tuple[View, View, View]:
    """The two factors and the product. Raises Refused."""
    a, b, c = (*p.op.inputs, p.op.output)
    kind = p.op.settings.get("factors", c.dtype)
    if not all(isinstance(x, View) and len(x.shape) >= 2 and x.dtype == kind for x in (a, b)):
        raise Refused("a matrix product of other than matrices of one type")
    if c.dtype.char not in "fd":
        raise Refused(f"a matrix product of {c.dtype}")
    return a, b, c


def place(x: View, member: tuple[int, ...]) -> int:
    """Where the matrix of a member begins, in bytes from the first; one that is shared has no axis, or length 1."""
    axes = range(len(x.shape) - 2)
    own = member[len(member) - len(axes) :] if axes else ()
    return sum(i * x.strides[axis] for axis, i in zip(axes, own, strict=True) if x.shape[axis] > 1)


def layout(x: View) -> tuple[str, int]:
    """How the BLAS is told of a matrix: "N" for row after row, "T" for column after column, and their distance."""
    (rows, columns), (down, right), item = x.shape[-2:], x.strides[-2:], x.dtype.itemsize
    if (columns == 1 or right == item) and (rows == 1 or down >= columns * item):
        return "N", down // item if rows > 1 else columns
    if (rows == 1 or down == item) and (columns == 1 or right >= rows * item):
        return "T", right // item if columns > 1 else rows
    raise Refused("a matrix whose rows do not lie one after another")


def member_strides(x: View, axes: int) -> tuple[int, ...]:
    """How far apart the matrices of members lie along each leading axis: 0 where one is shared."""
    own = tuple(0 if n == 1 else s for n, s in zip(x.shape[:-2], x.strides[:-2], strict=True))
    if len(own) > axes:
        raise Refused("a matrix product of more members than it has results")
    return (0,) * (axes - len(own)) + own
