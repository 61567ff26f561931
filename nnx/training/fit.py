"""`fit`: one network, or several at once, trained on rows of data."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, overload

from .. import backends
from ..backends import Backend
from ..contract import Array, Layer, Loss, Optimizer
from ..errors import SettingError, TrainingError, require
from ..names import spelled
from ..random import check_seed
from ..schedules import over
from ..settings import MEMBERS, check_range, flag, integer, optional_name, plain
from .agreed import check_shared, several, together
from .alone import Alone, held_out
from .averages import Average
from .check import choose_backend
from .checkpoint import Checkpoint, Resumed, check as check_checkpoint, claimed
from .data import make_data
from .identity import code, environment, same_on
from .interrupt import Interrupt
from .judge import Figures, Judge
from .memory import Memory
from .parallel import Ranks
from .population.fit import Population
from .population.joining import is_single, spread
from .population.member import Member
from .population.result import PopulationCallback, PopulationFit
from .progress import progress
from .restore import read
from .result import Callback, EarlyStopping, Fit, Report
from .resume import identity, resuming
from .scale import scaled
from .settings import Metric, Settings, not_swapped, parts, shows

OWN = ("net", "y", "loss", "optimizer", "params", "seed", "members", "x")  # what members need not share


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
    micro_batches: int = 1,
    average: Average | None = None,
    frozen: str | Sequence[str] = (),
    rate_factors: Mapping[str, float] | None = None,
    decay_factors: Mapping[str, float] | None = None,
    scale_target: bool = False,
    checkpoint: Checkpoint | None = None,
    resume: str | os.PathLike[str] | Resumed | None = None,
    ranks: Ranks | None = None,
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
    micro_batches: int = 1,
    average: Average | None = None,
    frozen: str | Sequence[str] = (),
    rate_factors: Mapping[str, float] | None = None,
    decay_factors: Mapping[str, float] | None = None,
    scale_target: bool = False,
    checkpoint: Checkpoint | None = None,
    resume: str | os.PathLike[str] | Resumed | None = None,
    ranks: Ranks | None = None,
    n_members_per_run: int | None = None,
) -> PopulationFit: ...


@spelled
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
    micro_batches: int = 1,
    average: Average | None = None,
    frozen: str | Sequence[str] = (),
    rate_factors: Mapping[str, float] | None = None,
    decay_factors: Mapping[str, float] | None = None,
    scale_target: bool = False,
    checkpoint: Checkpoint | None = None,
    resume: str | os.PathLike[str] | Resumed | None = None,
    ranks: Ranks | None = None,
    members: int | None = None,
    n_members_per_run: int | None = None,
) -> Fit | PopulationFit:
    """Train a network on rows of data.

    x, y: arrays of one library, which then computes (unless `backend` says otherwise and they are copied there), or
        lists. A `numpy.memmap` stays in its file and is read batch by batch. A sparse matrix x of SciPy stays sparse;
        the first layer must then be Dense. Or x alone: a list of batches (x, y) or (x, y, weight), or a function that
        returns an iterator over them, called for a trial and once an epoch.
    loss, optimizer, metrics: objects, or names such as "softmax_cross_entropy", "adam", "accuracy".
    validation: a fraction of the rows to set aside, or a tuple (x, y) or (x, y, weight).
    backend: a name or nnx.Backend; left out, that of the arrays, or for data of the host NNX_BACKEND, else NumPy.
    sample_weight: one weight >= 0 for each row. params: where to begin; left unchanged.
    compile: whether to compile the step; "auto" does where it pays, and `Fit.execution` says what was done. A compiled
        step is a layer's code run once: what it does besides arithmetic on arrays is not repeated.
    micro_batches: each batch is computed in so many parts, one after another, whose gradients add up to the batch's:
        for batches that do not fit in memory. BatchNorm sees one part at a time.
    average: nnx.EMA(0.999) or nnx.SWA(start=0.75): the average of the weights is validated, kept and returned.
    frozen: patterns of parameters that stay as they are, such as "0.*". rate_factors, decay_factors: what the rate and
        the weight decay of parameters are multiplied by, such as {"0.*": 0.1}, {"*.b": 1.0}; the last pattern that fits
        counts. Biases, gains and shifts do not decay unless a factor says so.
    scale_target: for values far from 0, or much larger or smaller than 1: train on (y - mean) / deviation of each of
        y's columns (`nnx.ScaledLoss`). Losses are then without units; predictions and metrics are in y's own.
    checkpoint: an nnx.Checkpoint(path, every=10). resume: the path of one, to go on from with the same data and
        settings, to the same bits as if the training had not been interrupted. Where another library, version or
        number of threads computes, a warning says so. A function that returns batches is called for a trial and for
        each epoch left; if it has a method `set_epoch`, that is told the number of each epoch first.
    ranks: nnx.ranks(), in a program that mpiexec or srun has started several times: each process computes some of the
        micro-batches of every batch, and the weights are the same to the bit on any number of them (docs/ranks.md).
        Callbacks, output and checkpoints are those of rank 0. Members are dealt out to the ranks.
    members: how many networks to train at once. The result is an nnx.PopulationFit; member k has seed + k, or seeds[k],
        and of every setting given as a tuple, such as nnx.Adam(rate=(1e-3, 1e-2)), the k-th number. See nnx.Population.
    Shapes: x (rows, features); y (rows,) or (rows, outputs), integers for labels.

    Raises: DataError, SettingError, ShapeError, BackendError, ModelFileError before anything is trained; TrainingError
    when the loss stops being finite, with the result up to the last good epoch in its attribute `fit`.
    Ctrl-C ends the training after the current batch and returns the result so far.
    """
    if members is not None:
        shared = {name: value for name, value in locals().items() if name not in OWN}
        return _population(net, loss, optimizer, members, seed, params).fit(x, y, **shared)
    require(n_members_per_run is None, "fit: n_members_per_run is for members=K")
    net, the_loss, the_optimizer = parts(net, loss, optimizer)
    the_seed = check_seed(seed)
    if isinstance(the_seed, tuple):
        raise SettingError("fit: seed must be one integer, or give members=K")
    if not is_single(the_optimizer):
        raise SettingError("fit trains one network: give the optimizer single numbers, or members=K")
    settings = Settings.of(
        epochs=epochs,
        batch_size=batch_size,
        shuffle=shuffle,
        compile=compile,
        early_stopping=early_stopping,
        metrics=metrics,
        callbacks=callbacks,
        micro_batches=micro_batches,
        average=average,
        frozen=frozen,
        rate_factors=rate_factors,
        decay_factors=decay_factors,
        validated=validation is not None,
    )
    settings.check(net, the_loss)
    verbose = shows(verbose)
    not_swapped(x, y)
    check_checkpoint(checkpoint, resume)
    ranks = several(ranks)
    check_shared(ranks, settings.micro_batches)
    writes = ranks is None or ranks.is_first
    dtype = optional_name("fit: dtype", dtype)
    given = None if backend is None else backends.backend(backend, dtype)
    chosen = choose_backend(x, y, sample_weight, given, dtype or "float32")
    with (
        claimed(checkpoint if writes else None),
        chosen.scope(),
        Memory(chosen, settings.batch_size, settings.micro_batches) as memory,
    ):
        if flag("fit: scale_target", scale_target):
            the_loss = scaled(chosen, the_loss, y, sample_weight)
        resumed = resume if resume is None or isinstance(resume, Resumed) else read(resume)
        check_range(chosen.dtype, net, the_loss, the_optimizer)
        data = make_data(chosen, x, y, sample_weight, the_loss)
        if data.rows is None and settings.average is not None and net.running:
            raise SettingError("fit: average with BatchNorm needs x and y: its statistics ask for batches once more")
        scheduled = net
        rows, held = held_out(chosen, data, validation, the_loss, the_seed)
        if rows is not None:
            settings.check_batches(net, len(rows))
            steps = settings.epochs * -(-len(rows) // settings.batch_size)
            scheduled, the_optimizer = over(net, steps), the_optimizer.over(steps)
        engine = Alone(scheduled, the_loss, the_optimizer, chosen, settings, data, rows, the_seed, ranks)
        judge = Judge(settings.epochs, early_stopping, 1)
        engine.look(held)
        if ranks is not None:
            own = (net, the_loss, the_optimizer)
            same_on(ranks, identity(engine) | environment(chosen, settings.compile) | code(own))
        with resuming(engine, judge, checkpoint if writes else None, resumed) as (begin, write):
            engine.begin(params if begin is None else begin)
        memory.needs = engine.needs
        with (
            progress(settings.epochs, verbose and writes, head=chosen.why) as show,
            Interrupt(told=writes) as interrupt,
        ):

            def ask(number: int, figures: Figures) -> set[int]:
                if 0 in judge.stopped:  # not finite
                    return set()
                report = Report(number, settings.epochs, dict(figures[0]), engine.params)
                return {0} if any([plain(callback(report)) is True for callback in (*callbacks, show)]) else set()

            judge.train(engine, *together(ranks, ask, interrupt, write))
    stopped = judge.stopped.get(0, "epochs")
    best, history = judge.best[0], judge.histories[0]
    result = Fit(net, the_loss, engine.best, engine.state, history, chosen, best, stopped, engine.how)
    if stopped == "not finite":
        raise TrainingError(
            f"the loss is not finite in epoch {judge.done}; lower the rate, or clip gradients (nnx.ClipNorm). "
            + (f"The weights of epoch {best} are kept" if best else "No epoch was finished"),
            result,
        )
    return result


def _population(
    net: Layer,
    loss: Loss | str,
    optimizer: Optimizer | str,
    members: Any,
    seed: int | Sequence[int],
    params: Mapping[str, Array] | None,
) -> Population:
    """The population that settings for several members mean."""
    if hasattr(members, "__iter__"):
        raise SettingError("fit: members is how many; for a list of nnx.Member, use nnx.Population(members).fit(x, y)")
    number = integer("fit: members", members, MEMBERS)
    require(params is None or isinstance(params, Mapping), "fit: params must be arrays by name", params)
    for name, p in (params or {}).items():
        found = tuple(p.shape)
        require(found[:1] == (number,), f"fit: params[{name!r}] has shape {found}, expected {number} members on axis 0")
    checked = check_seed(seed)
    seeds = tuple(checked + k for k in range(number)) if isinstance(checked, int) else checked
    require(len(seeds) == number, f"fit: {len(seeds)} seeds for {number} members")
    net, the_loss, the_optimizer = parts(net, loss, optimizer)

    def member(k: int) -> Member:
        own_net, own_loss, own_optimizer = (spread(part, number, k) for part in (net, the_loss, the_optimizer))
        begin = None if params is None else {name: p[k, ...] for name, p in params.items()}
        return Member(own_net, own_loss, own_optimizer, seed=seeds[k], params=begin)

    return Population([member(k) for k in range(number)])
