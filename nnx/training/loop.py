"""`fit`: the loop over epochs around the one step."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, overload

from .. import backends
from ..backends import Backend
from ..contract import Array, Layer, Loss, Optimizer
from ..errors import DataError, SettingError, require
from ..losses import LOSSES
from ..optimizers import OPTIMIZERS
from ..random import check_seed
from .check import check_members, choose_backend
from .checkpoint import Checkpoint, Resumed, read
from .data import Data, make_data, numbered, split
from .given import check_monitor, count, kind, lists, metrics_of, named
from .interrupt import Interrupt
from .memory import Memory
from .population.fit import Population
from .population.joining import spread
from .population.member import Member
from .population.result import PopulationCallback, PopulationFit
from .progress import progress
from .result import Callback, EarlyStopping, Fit
from .resume import resuming
from .run import Held, Metric, Run

TOGETHER = (  # what members of a population share
    *("epochs", "batch_size", "validation", "early_stopping", "metrics", "callbacks", "sample_weight", "shuffle"),
    *("backend", "dtype", "compile", "verbose", "n_members_per_run"),
)


@overload
def fit(
    net: Layer,
    x: Any,
    y: Any = None,
    *,
    loss: Loss | str,
    optimizer: Optimizer | str = "adam",
    epochs: int = 100,
    batch_size: int = 128,
    validation: float | tuple[Any, ...] | None = None,
    early_stopping: EarlyStopping | None = None,
    metrics: Sequence[str | Metric] = (),
    callbacks: Sequence[Callback] = (),
    sample_weight: Any = None,
    params: Mapping[str, Array] | None = None,
    seed: int = 0,
    shuffle: bool = True,
    backend: str | Backend | None = None,
    dtype: str | None = None,
    compile: bool | str = "auto",
    verbose: bool = False,
    checkpoint: Checkpoint | None = None,
    resume: str | os.PathLike[str] | Resumed | None = None,
    members: None = None,
) -> Fit: ...


@overload
def fit(
    net: Layer,
    x: Any,
    y: Any,
    *,
    loss: Loss | str,
    members: int,
    optimizer: Optimizer | str = "adam",
    epochs: int = 100,
    batch_size: int = 128,
    validation: float | tuple[Any, ...] | None = None,
    early_stopping: EarlyStopping | None = None,
    metrics: Sequence[str | Metric] = (),
    callbacks: Sequence[PopulationCallback] = (),
    sample_weight: Any = None,
    params: Mapping[str, Array] | None = None,
    seed: int | Sequence[int] = 0,
    shuffle: bool = True,
    backend: str | Backend | None = None,
    dtype: str | None = None,
    compile: bool | str = "auto",
    verbose: bool = False,
    n_members_per_run: int | None = None,
) -> PopulationFit: ...


def fit(
    net: Layer,
    x: Any,
    y: Any = None,
    *,
    loss: Loss | str,
    optimizer: Optimizer | str = "adam",
    epochs: int = 100,
    batch_size: int = 128,
    validation: float | tuple[Any, ...] | None = None,
    early_stopping: EarlyStopping | None = None,
    metrics: Sequence[str | Metric] = (),
    callbacks: Sequence[Any] = (),
    sample_weight: Any = None,
    params: Mapping[str, Array] | None = None,
    seed: int | Sequence[int] = 0,
    shuffle: bool = True,
    backend: str | Backend | None = None,
    dtype: str | None = None,
    compile: bool | str = "auto",
    verbose: bool = False,
    checkpoint: Checkpoint | None = None,
    resume: str | os.PathLike[str] | Resumed | None = None,
    members: int | None = None,
    n_members_per_run: int | None = None,
) -> Fit | PopulationFit:
    """Train a network on rows of data.

    x, y: arrays of one library, which then computes (unless `backend` says otherwise and they are copied there), or
        lists. A `numpy.memmap` stays in its file and is read batch by batch. Or x alone: a list of batches (x, y) or
        (x, y, weight), or a function returning an iterator over them, called for a trial and once an epoch.
    loss, optimizer, metrics: objects, or names such as "softmax_cross_entropy", "adam", "accuracy".
    validation: a fraction of the rows to set aside, or a tuple (x, y) or (x, y, weight).
    backend: a name or nnx.Backend; left out, that of the arrays, or for data of the host NNX_BACKEND, else NumPy.
    sample_weight: one weight >= 0 for each row. params: where to begin; left unchanged.
    compile: whether to compile the step; "auto" does where it pays, and `Fit.execution` says what was done. A compiled
        step is a layer's code run once: what it does besides arithmetic on arrays is not repeated.
    checkpoint: an nnx.Checkpoint(path, every=10). resume: the path of one, to go on from with the same data and
        settings, to the same bits as if the training had not been interrupted. Where another library, version or
        number of threads computes, a warning says so. A function that returns batches is called for a trial and for
        each epoch left; if it has a method `set_epoch`, that is told the number of each epoch first.
    members: how many networks to train at once. The result is an nnx.PopulationFit; member k has seed + k, or seeds[k],
        and of every setting given as a tuple, such as nnx.Adam(rate=(1e-3, 1e-2)), the k-th number. See nnx.Population.
    Shapes: x (rows, features); y (rows,) or (rows, outputs), integers for labels.

    Raises: DataError, SettingError, ShapeError, BackendError, ModelFileError before anything is trained; TrainingError
    when the loss stops being finite, with the result up to the last good epoch in its attribute `fit`.
    Ctrl-C ends the training after the current batch and returns the result so far.
    """
    if members is not None:
        shared = {name: value for name, value in locals().items() if name in TOGETHER}
        return _together(net, loss, optimizer, members, seed, params, checkpoint, resume).fit(x, y, **shared)
    require(n_members_per_run is None, "fit: n_members_per_run is for members=K")
    epochs, batch_size = count("epochs", epochs), count("batch_size", batch_size)
    the_loss: Loss = named("loss", loss, LOSSES)
    the_optimizer: Optimizer = named("optimizer", optimizer, OPTIMIZERS)
    kind("net", net, "evaluate", "a layer such as nnx.Chain(nnx.Dense(10))")
    kind("loss", the_loss, "evaluate", "a loss such as nnx.SquaredError(), or its name")
    kind("optimizer", the_optimizer, "over", "an optimizer such as nnx.Adam(), or its name")
    check_members(net, the_loss)
    lists(metrics=metrics, callbacks=callbacks)
    the_metrics = metrics_of(metrics)
    the_seed = check_seed(seed)
    if isinstance(the_seed, tuple):
        raise SettingError("fit: seed must be one integer, or give members=K")
    if the_metrics and validation is None:
        raise SettingError("fit: metrics are computed on validation data; give validation=0.1, or (x, y)")
    check_monitor(early_stopping, validation is not None, the_metrics)
    require(compile in (True, False, "auto"), f"fit: compile must be True, False or 'auto', got {compile!r}")
    fine = checkpoint is None or isinstance(checkpoint, Checkpoint)
    require(fine, f"fit: checkpoint must be nnx.Checkpoint(path, every=10), got {checkpoint!r}")
    resumed = resume if resume is None or isinstance(resume, Resumed) else read(resume)
    given = None if backend is None else backends.backend(backend, dtype)
    chosen = choose_backend(x, y, sample_weight, given, dtype or "float32")
    with chosen.scope(), Memory(chosen, batch_size) as memory:
        data = make_data(chosen, x, y, sample_weight, the_loss)
        rows, held = _validation(chosen, data, validation, the_loss, the_seed)
        if rows is not None:
            the_optimizer = the_optimizer.over(epochs * -(-len(rows) // batch_size))
        run = Run(net, the_loss, the_optimizer, chosen, data, rows, the_seed, batch_size, shuffle, epochs, compile)
        memory.run = run
        run.look(held)
        with resuming(run, checkpoint, resumed, early_stopping, the_metrics) as from_there:
            run.begin(params, from_there)
        with progress(epochs, verbose, head=chosen.why) as show, Interrupt() as interrupt:
            return run.train(early_stopping, the_metrics, [*callbacks, show], interrupt)


def _together(
    net: Layer,
    loss: Loss | str,
    optimizer: Optimizer | str,
    members: Any,
    seed: int | Sequence[int],
    params: Mapping[str, Array] | None,
    checkpoint: Any,
    resume: Any,
) -> Population:
    """The population that settings for several members mean."""
    if hasattr(members, "__iter__"):
        raise SettingError("fit: members is how many; for a list of nnx.Member, use nnx.Population(members).fit(x, y)")
    number = count("members", members)
    for name, p in (params or {}).items():
        found = tuple(p.shape)
        require(found[:1] == (number,), f"fit: params[{name!r}] has shape {found}, expected {number} members on axis 0")
    require(checkpoint is None and resume is None, "fit: checkpoint and resume are for one network, without members")
    checked = check_seed(seed)
    seeds = tuple(checked + k for k in range(number)) if isinstance(checked, int) else checked
    require(len(seeds) == number, f"fit: {len(seeds)} seeds for {number} members")
    the_loss, the_optimizer = named("loss", loss, LOSSES), named("optimizer", optimizer, OPTIMIZERS)

    def member(k: int) -> Member:
        own_net, own_loss, own_optimizer = (spread(part, number, k) for part in (net, the_loss, the_optimizer))
        begin = None if params is None else {name: p[k, ...] for name, p in params.items()}
        return Member(own_net, own_loss, own_optimizer, seed=seeds[k], params=begin)

    return Population([member(k) for k in range(number)])


def _validation(backend: Backend, data: Data, validation: Any, loss: Loss, seed: int) -> tuple[Any, Held | None]:
    """The row numbers to train on, and the data and row numbers to validate on."""
    everything = None if data.rows is None else numbered(data.rows)
    if validation is None:
        return everything, None
    if hasattr(validation, "__float__") and not getattr(validation, "ndim", 0):
        if data.rows is None:
            raise DataError("a fraction cannot be set aside from an iterable of batches: give validation=(x, y)")
        train, held = split(data.rows, float(validation), seed)
        return train, (data, held)
    if not isinstance(validation, tuple) or len(validation) not in (2, 3):
        raise SettingError("fit: validation must be a fraction, (x, y) or (x, y, weight)")
    x, y, weight = (*validation, None)[:3]
    try:
        other = make_data(backend, x, y, weight, loss)
    except DataError as error:
        raise DataError(f"validation: {error}") from None
    if other.rows is None:
        raise SettingError("fit: validation must hold arrays")
    return everything, (other, numbered(other.rows))
