"""A member of a population, and which members are trained together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple, TypeVar

from ...backends import Backend
from ...backends.native.record import mapped
from ...backends.numpy import namespace as host_namespace
from ...contract import Array, Features, Layer, Params, as_row
from ...errors import DataError, SettingError, require
from ...inputs import numbers_on_host
from ...names import Spelled
from ...network import init
from ...random import one_seed
from ..engine import checked
from ..settings import parts
from .joining import is_single, joined, keeps_zeros, kind_of, known_by

T = TypeVar("T")
WASTE = 1.5  # weights with the zeros between them over weights, up to which different widths are trained together


@dataclass(frozen=True, eq=False)
class Member(Spelled):
    """One network of a population, with settings, seed and rows of its own.

    Parameters
    ----------
    net : Layer
        The network, as for `nnx.fit`; every setting is one number.
    loss : Loss or str
        The loss or its name, as for `nnx.fit`.
    optimizer : Optimizer or str, default "adam"
        The optimizer or its name, as for `nnx.fit`.
    seed : int, default 0
        Of its initial weights, the order of its rows, its dropout and its part held out.
    rows : array, default None
        The numbers of the rows to train on, or a mask of them (rows,): a fold, or a bootstrap; None: all that are not
        held.
    held : array, default None
        The numbers of the rows to validate on, or a mask; None: as `validation` of the fit says.
    params : dict of str to array, default None
        Where to begin, in place of initial parameters.

    Raises
    ------
    SettingError
        For what is no network, loss, optimizer or seed, or has settings of several members.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 60)[:, None]
    >>> folds = np.arange(60) % 3
    >>> members = [nnx.Member(nnx.mlp((8,), 1), "squared_error", nnx.Adam(0.01), held=folds == k) for k in range(3)]
    >>> fit = nnx.Population(members).fit(x, x**2, epochs=5)
    >>> len(fit.scores("validation_loss"))
    3
    """

    net: Layer
    loss: Any  # a Loss or its name; a Loss once it is here
    optimizer: Any = "adam"  # an Optimizer or its name
    seed: int = 0
    rows: Any = None
    held: Any = None
    params: Mapping[str, Array] | None = None

    def __post_init__(self) -> None:
        _, loss, optimizer = parts(self.net, self.loss, self.optimizer, "Member")
        object.__setattr__(self, "loss", loss)
        object.__setattr__(self, "optimizer", optimizer)
        fine = self.params is None or isinstance(self.params, Mapping)
        require(fine, "Member: params must be arrays by name", self.params)
        one_seed("Member", self.seed)
        for part in (self.net, self.loss, self.optimizer):
            if not is_single(part):
                raise SettingError(
                    f"Member: {type(part).__name__} has settings of several members; give one number each"
                )


class Rows(NamedTuple):
    """The rows of one member: host row numbers to train on and to validate on, None where there are none."""

    train: Any
    held: Any


def row_numbers(name: str, given: Any, rows: int) -> Any:
    """Row numbers on the host, from row numbers or a mask. Raises DataError."""
    xp, given = host_namespace(), numbers_on_host(name, given)
    if given.dtype.kind == "b":
        if given.shape != (rows,):
            raise DataError(f"{name}: a mask of shape {given.shape} for {rows} rows")
        given = given.nonzero()[0]
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise DataError(f"{name}: expected row numbers or a mask, got shape {given.shape} of {given.dtype}")
    if given.size == 0 or given.min() < 0 or given.max() >= rows:
        raise DataError(f"{name}: expected row numbers from 0 to {rows - 1}, and at least one")
    return given.astype(xp.int64)


def groups_of(members: Sequence[Member], rows: Sequence[Rows], features: Features) -> list[list[int]]:
    """The numbers of the members that can be trained as one population each."""
    found: dict[Any, list[int]] = {}
    for k, (member, own) in enumerate(zip(members, rows, strict=True)):
        lengths = tuple(None if r is None else len(r) for r in own)
        widths = keeps_zeros(member.optimizer) and member.params is None
        key = (kind_of(member.net, widths=widths), kind_of(member.loss), kind_of(member.optimizer), lengths)
        found.setdefault(key, []).append(k)
    nets = {k: member.net for k, member in enumerate(members)}
    return [part for group in found.values() for part in of_like_width(group, nets, features)]


def of_like_width(group: list[int], each: Mapping[int, Layer], features: Features) -> list[list[int]]:
    """The group in parts whose members' networks differ so little in width that few zeros are needed."""
    nets: dict[Any, list[int]] = {}
    for k in group:
        nets.setdefault(known_by(each[k]), []).append(k)
    if len(nets) == 1:
        return [group]
    which = {key: each[own[0]] for key, own in nets.items()}
    sizes = {key: weights_of(net, features) for key, net in which.items()}
    parts: list[list[Any]] = []
    for key in sorted(nets, key=lambda key: -sizes[key]):
        if parts:
            both = [*parts[-1], key]
            own = sum(sizes[n] * len(nets[n]) for n in both)
            whole = weights_of(joined([which[n] for n in both]), features) * sum(len(nets[n]) for n in both)
            if whole <= WASTE * own:
                parts[-1] = both
                continue
        parts.append([key])
    return [sorted(k for key in part for k in nets[key]) for part in parts]


def weights_of(net: Layer, features: Features) -> int:
    """The number of elements of a network's parameters."""
    return sum(prod(shape) for shape in shapes_of(net, features).values())


def shapes_of(net: Layer, features: Features) -> dict[str, tuple[int, ...]]:
    """The shapes of a network's parameters."""
    return net.shapes(as_row(features))[0]


def stacked(members: Sequence[Params], shapes: Mapping[str, tuple[int, ...]]) -> Params:
    """Host arrays (members, *shape) of each member's parameters, with zeros where a member's are smaller."""
    xp = host_namespace()
    whole: Params = {}
    for name, shape in shapes.items():
        whole[name] = xp.zeros((len(members), *shape))
        for k, params in enumerate(members):
            own = params[name]
            whole[name][(k, *(slice(n) for n in own.shape))] = own
    return whole


class Cut(NamedTuple):
    """One member's part of a population's arrays."""

    backend: Backend
    place: int
    shapes: Mapping[str, tuple[int, ...]]

    def one(self, p: Array) -> Array:
        """A copy of the member's part of an array; of a number for all, of that."""
        return self.backend.xp.asarray(p[self.place, ...] if p.ndim else p, copy=True)

    def params(self, whole: Params) -> Params:
        """Copies of the member's parameters, without the zeros around them."""
        return {
            name: self.backend.xp.asarray(p[(self.place, *(slice(n) for n in self.shapes[name]))], copy=True)
            for name, p in whole.items()
        }


def drawn(member: Member, features: Features) -> Params:
    """A member's initial parameters on the host."""
    return init(member.net, features, seed=member.seed, backend="numpy", dtype="float64")


def given(member: Member, features: Features, backend: Backend) -> Params:
    """On the host, the parameters that a member is to begin with. Raises SettingError, ShapeError."""
    params = checked(member.params, member.net, features)
    return {name: backend.to_numpy(backend.floats(p)) for name, p in params.items()}


def moved(put: Callable[[Array], Array], tree: T) -> T:
    """The same tree with its arrays put elsewhere."""
    found: T = mapped(lambda leaf: put(leaf) if hasattr(leaf, "shape") else leaf, tree)
    return found
