"""The kinds of networks that are trained on a table: that of the settings, and for the preset "best" RealMLPs too."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..contract import Layer, Optimizer, Params
from ..from_data import init_from_data
from ..layers import PBLDEmbedding
from ..network import init, realmlp
from ..optimizers import AdamW
from ..schedules import FlatCosine, PeriodicCosine
from ..training import EarlyStopping
from .monotone import signed
from .prepare import Prepared
from .recipe import WIDE, average_of, monitor_of, network, optimizer_of, stopping_of
from .settings import Config

EPOCHS = 128  # of a RealMLP; its authors take 256
BATCHES = ((1_024, 64), (8_192, 128), (30_000, 256), (100_000, 512))  # of its authors, by rows


@dataclass(frozen=True)
class Kind:
    """Networks of one kind: how many, where each begins, given its seed and its rows, and what fit is to be told."""

    members: int
    net: Layer
    optimizer: Optimizer
    begin: Callable[[int, Any], Params | None]
    given: dict[str, Any]


def kinds_of(config: Config, prepared: Prepared) -> list[Kind]:
    """The kinds of several networks of settled settings, in the order of their folds."""
    many, tuned = config.training.members or 1, realmlps(config, prepared)
    return [_usual(config, prepared, many - tuned), *([_realmlp(config, prepared, tuned)] if tuned else [])]


def realmlps(config: Config, prepared: Prepared) -> int:
    """How many of the networks are RealMLPs: half of those of the preset "best", where the table is not wide and no
    column has a sign."""
    best = config.training.preset == "best" and not prepared.in_blocks and prepared.encoder.width <= WIDE
    best = best and not signed(config.data.monotone)
    return (config.training.members or 1) // 2 if best else 0


def initial(net: Layer, prepared: Prepared, seed: int) -> Params | None:
    """Initial parameters with which a number's pieces count for nothing yet; None: the usual ones."""
    if not (pieces := prepared.encoder.pieces()):
        return None
    params = init(net, prepared.encoder.width, seed=seed, backend="numpy")
    params["0.W"][pieces] = 0.0
    return params


def _usual(config: Config, prepared: Prepared, members: int) -> Kind:
    """Networks of the settings."""
    t, net = config.training, network(config, prepared)
    steps = -(-len(prepared.folds[0].rows) // (t.batch_size or 1))
    given = {
        "epochs": t.epochs,
        "batch_size": t.batch_size,
        "early_stopping": stopping_of(config) if t.early_stopping else None,
        "average": average_of(config, steps),
    }
    optimizer = optimizer_of(config, steps * (t.epochs or 1))
    return Kind(members, net, optimizer, lambda seed, rows: initial(net, prepared, seed), given)


def _realmlp(config: Config, prepared: Prepared, members: int) -> Kind:
    """RealMLP-TD as docs/realmlp.md has it, batches too, kept by the figure that is followed, in half of the epochs.

    The pieces of numbers, of which it has no need, are left out: where a gain and a row of W are both 0, neither has a
    gradient.
    """
    t, classes, encoder = config.training, prepared.target.classes, prepared.encoder
    numbers, pieces, epochs = encoder.numbers(), encoder.pieces(), min(EPOCHS, t.epochs or 1)
    embedding = PBLDEmbedding(columns=tuple(numbers)) if numbers else None
    activation = "selu" if classes else "mish"
    net = realmlp((256, 256, 256), len(classes) or 1, kind="td", activation=activation, embedding=embedding)
    scale = 0 if embedding is None else 1  # the number of the layer nnx.Scale
    decays = {"*.gain": 6.0, "*.a": 0.1} if embedding is None else {"0.*": 0.1, "*.gain": 6.0, "*.a": 0.1}
    rows = len(prepared.folds[0].rows)
    given = {
        "epochs": epochs,
        "batch_size": next((size for most, size in BATCHES if rows <= most), 1024),
        "early_stopping": EarlyStopping(epochs, monitor_of(config), ties="last") if t.early_stopping else None,
        "rate_factors": decays | {"*.b": 0.1},
        "decay_factors": decays,
    }
    rate, decay = 0.04 if classes else 0.2, FlatCosine()
    optimizer = AdamW(rate, PeriodicCosine(), beta2=0.95, weight_decay=0.02, decay_schedule=decay)

    def begin(seed: int, rows: Any) -> Params:
        x = prepared.train[0][rows]
        x[:, pieces] = 0.0
        params = init_from_data(net, x, seed=seed, backend="numpy")
        params[f"{scale}.gain"][pieces] = 0.0
        params[f"{scale + 1}.W"][pieces] = 0.0
        return params

    return Kind(members, net, optimizer, begin, given)
