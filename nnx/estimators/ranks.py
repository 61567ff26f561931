"""An estimator that is trained by several processes: what they must share besides the batches."""

from typing import Any

from sklearn.utils import check_random_state

from ..backends.numpy import namespace as host_namespace
from ..training.agreed import check_shared, several
from ..training.identity import Facts, code, environment, flat, mark, same_on
from ..training.parallel import Ranks
from .solver import WHOLE

np = host_namespace()


def ranks_of(est: Any) -> Ranks | None:
    """The ranks that train an estimator, where there are several."""
    return several(est.ranks)


def random_state_of(est: Any) -> Any:
    """The estimator's random numbers; on ranks those of the first, which may be any."""
    own, ranks = check_random_state(est.random_state), ranks_of(est)
    if ranks is None:
        return own
    shared = np.random.RandomState()
    shared.set_state(ranks.broadcast(own.get_state()))
    return shared


def check(est: Any) -> None:
    """Raise ValueError where parameters do not suit ranks."""
    ranks = ranks_of(est)
    if ranks is not None and est.solver in WHOLE:
        raise ValueError(f"ranks need another solver than {est.solver!r}, which has no batches to share")
    check_shared(ranks, est.micro_batches)


def check_same(est: Any, data: Any, ranks: Ranks) -> None:
    """Raise SettingError unless all ranks train the same estimator on the same data."""
    facts: Facts = {}
    for name, value in est.get_params(deep=False).items():
        if name not in ("ranks", "random_state", "verbose"):
            facts |= flat(name, value)
    place, first = est._backend(), data.X[:1]
    facts |= {"rows": str(data.count), "columns of X": str(int(data.X.shape[1])), "type of X": str(data.X.dtype)}
    facts["data"] = mark(place, first, *(a for a in (data.target, data.weight) if a is not None))
    same_on(ranks, facts | environment(place, "auto") | code((est.activation, est.solver)))


def prints(est: Any) -> bool:
    """True for the process that prints."""
    ranks = ranks_of(est)
    return ranks is None or ranks.is_first
