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
from .check import choose_backend, of_positions
from .checkpoint import Checkpoint, Resumed, check as check_checkpoint, claimed
from .data import StreamData, make_data
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
    """Train a network on rows of data, and return it with its history.

    Each epoch goes once over the rows, in batches and, unless told otherwise, in a new random order. For each batch the
    network is evaluated, the loss is taken back through it, and the optimizer moves the parameters. Data, settings and
    the network are checked before anything is trained, and arrays that are given are left unchanged.

    Parameters
    ----------
    net : Layer
        The network: a layer such as `nnx.mlp((128, 64), outputs=10)` or `nnx.Chain(nnx.Dense(8), nnx.ReLU(), ...)`.
    x : array, sparse matrix, list or function
        The rows (rows, features), or rows with several axes such as (rows, time, features). Arrays of NumPy, CuPy,
        PyTorch or JAX, all of one library, which then computes (unless `backend` says otherwise and they are copied
        there); or lists. A `numpy.memmap` stays in its file and is read batch by batch. A sparse matrix of SciPy stays
        sparse, on NumPy; the first layer must then be Dense. Or x alone: a list of batches (x, y) or (x, y, weight), or
        a function that returns an iterator over them, called for a trial and once an epoch.
    y : array or list, default None
        The targets (rows,) or (rows, outputs): numbers, or for classes integers from 0 (`loss` says what each loss
        takes). Where a row of the network's output has axes of positions, such as (time, outputs), there is a target
        for each: (rows, time) or (rows, time, outputs). None where x gives batches.
    loss : Loss or str
        What is minimised: an object such as `nnx.Huber(delta=2.0)`, or the name of one with its usual settings. Of an
        output with positions it is the mean over them too (`nnx.PositionLoss`).

        - "squared_error": for numbers, of which the mean is predicted; the usual choice.
        - "absolute_error": for numbers with outliers; the median is predicted.
        - "huber": for numbers with some outliers; squared up to a distance of 1 from the target, absolute beyond it.
        - "quantile": for prediction intervals; the quantiles 0.1, 0.5 and 0.9 of one column of numbers are predicted,
          by 3 outputs.
        - "poisson": for counts from 0; the expected count is predicted.
        - "binary_cross_entropy": for yes or no, 1 or 0, an output for each question; the probability of 1 is predicted.
        - "softmax_cross_entropy": for one of k classes, integers from 0 to k - 1 (or k probabilities a row); the
          probability of each class is predicted, by k outputs.
    optimizer : Optimizer or str, default "adam"
        How the parameters follow the gradient: an object such as `nnx.Adam(rate=0.01)`, or the name of one with its
        usual settings. The rate is what most often needs another value; `nnx.training.rate_range` helps to find it.

        - "adam" (rate 0.001): each parameter has a step size of its own; a good first choice.
        - "adamw" (rate 0.001): Adam with a weight decay of 0.01, which helps against overfitting.
        - "sgd" (rate 0.01): plain gradient descent.
        - "momentum" (rate 0.01): gradient descent with a memory of past gradients, 0.9; more sensitive to the rate than
          Adam.
        - "nesterov" (rate 0.01): momentum that looks a step ahead.
        - "rmsprop" (rate 0.001): step sizes by the recent gradients.
        - "adagrad" (rate 0.01): step sizes by all past gradients, for rare features.
        - "lion" (rate 0.0001): steps of one size, by the sign of a mean gradient; it remembers one number a parameter,
          Adam two.
    epochs : int, default 100
        How many times to go over the rows, at least 1; fewer where something stops the training earlier.
    batch_size : int, default 128
        Rows in a batch, at least 1; the last batch of an epoch may be smaller. Large batches take less time for an
        epoch, small ones often learn more in it. Batches that an iterable gives have the size that they have.
    validation : float or tuple, default None
        What the network is tried on after each epoch, and not trained on: a share of the rows to set aside, between 0
        and 1, drawn by the seed, or a tuple (x, y) or (x, y, weight).
    early_stopping : EarlyStopping, default None
        `nnx.EarlyStopping(patience=10)`: stop when the validation loss, or another figure, has not become better for so
        many epochs, and keep the weights of the best. None: all epochs are run and the last weights kept.
    metrics : sequence of str or callable, default ()
        What is computed on the validation data after each epoch: the "accuracy" of the metrics is "validation_accuracy"
        in the history. A function of your own takes predictions (rows, outputs) and target, arrays, and returns one
        number. Those of nnx count positions as rows, but for those of weight 0; your own is given their axes. Names:

        - "accuracy": the share of rows whose class is right.
        - "balanced_accuracy": the mean of that over the classes, for classes of unequal size.
        - "f1": the harmonic mean of precision and recall of each class, and the mean of that over the classes.
        - "log_loss": minus the mean log probability of the right class.
        - "roc_auc": how well probabilities order the rows, 0.5 for none and 1 for all.
        - "r2": the part of the target's variance that is explained, at most 1.
        - "mean_absolute_error": in the target's unit.
        - "mean_squared_error": in the square of the target's unit.
        - "root_mean_squared_error": in the target's unit.
    callbacks : sequence of callable, default ()
        Functions that are called after each epoch with an `nnx.training.Report` (its `epoch`, `epochs`, `figures` and
        `params`), such as `nnx.CSVLogger("log.csv")`. One that returns True stops the training. With members they are
        given an `nnx.PopulationReport`.
    sample_weight : array or list, default None
        A weight of at least 0 for each row (rows,), or for each position, 0 for padding; only their ratios count.
        Batches of an iterable hold their own.
    params : dict of str to array, default None
        Where to begin, such as the `params` of an earlier fit; left unchanged. None: initial parameters by the seed, as
        of `nnx.init`.
    seed : int or sequence of int, default 0
        Of the initial weights, the order of rows, dropout and the rows set aside: an integer from 0 to 2^64 - 1. The
        same seed gives the same weights, orders and masks on every backend. With members, see there.
    shuffle : bool, default True
        Draw a new order of the rows for each epoch; False keeps the one given.
    backend : str or Backend, default None
        What computes: "numpy", "torch", "torch:cuda", "jax", "cupy" and so on, see `nnx.backend`. None: the library and
        device of the arrays, or for data of the host NNX_BACKEND, else NumPy.
    dtype : str, default None
        The float type of the arithmetic, "float32" or "float64"; None is "float32" (or a given Backend's).
    compile : bool or str, default "auto"
        Whether to compile the step: "auto" does where it pays, True always (an error where it cannot be), False never;
        `Fit.execution` says what was done. A compiled step is a layer's code run once: what it does besides arithmetic
        on arrays is not repeated.
    verbose : bool, default False
        Show each epoch on standard output: a live table on a terminal, one line in a notebook, plain lines elsewhere.
    micro_batches : int, default 1
        Each batch is computed in so many parts, one after another, whose gradients add up to the batch's: for batches
        that do not fit in memory. BatchNorm sees one part at a time. A loss of your own then needs `total` in its
        `evaluate`.
    average : EMA or SWA, default None
        `nnx.EMA(0.999)` or `nnx.SWA(start=0.75)`: the average of the weights is validated, kept and returned.
    frozen : str or sequence of str, default ()
        Patterns, as of file names, of parameters that stay as they are: `"0.*"` is the first layer of a chain.
    rate_factors : dict of str to float, default None
        What the rate of parameters is multiplied by, by pattern, such as `{"0.*": 0.1}`; the last pattern that fits
        counts.
    decay_factors : dict of str to float, default None
        What the weight decay of parameters is multiplied by, by pattern, such as `{"*.b": 1.0}`; the last pattern that
        fits counts. Biases, gains and shifts do not decay unless a factor says so.
    scale_target : bool, default False
        For values far from 0, or much larger or smaller than 1: train on (y - mean) / deviation of each of y's columns
        (`nnx.ScaledLoss`). Losses are then without units; predictions and metrics are in y's own.
    checkpoint : Checkpoint, default None
        `nnx.Checkpoint("run.safetensors", every=10)`: a file that a later call can go on from.
    resume : str or path, default None
        The file of a checkpoint to go on from, with the same data and settings, to the same bits as if the training had
        not been interrupted. Where another library, version or number of threads computes, a warning says so. A
        function that returns batches is called for a trial and for each epoch left; if it has a method `set_epoch`,
        that is told the number of each epoch first.
    ranks : Ranks, default None
        `nnx.ranks()`, in a program that mpiexec or srun has started several times: each process computes some of the
        micro-batches of every batch, and the weights are the same to the bit on any number of them (docs/ranks.md).
        Callbacks, output and checkpoints are those of rank 0. Members are dealt out to the ranks.
    members : int, default None
        How many networks to train at once, at least 1. The result is an `nnx.PopulationFit`; member k has seed + k, or
        seeds[k], and of every setting given as a tuple, such as `nnx.Adam(rate=(1e-3, 1e-2))`, the k-th number.
        `params` then have an axis of members in front. See `nnx.Population`. None: one network.
    n_members_per_run : int, default None
        The most members that are trained together; None: as many as fit in the free memory. For members only.

    Returns
    -------
    Fit or PopulationFit
        The result: `predict`, `params`, `history` (a list for each figure, an element for each epoch), `best_epoch`,
        `stopped` (why the training ended). With members an `nnx.PopulationFit`, of which `[k]` is a Fit.

    Raises
    ------
    DataError
        If the data cannot be trained on: empty, not finite, of different lengths, or no target for the loss.
    SettingError
        If a setting is outside its range, a name is unknown, or settings do not go together.
    ShapeError
        If an array does not have the shape that the network or the loss needs.
    BackendError
        If the backend cannot run here, or arrays are of several libraries.
    OutOfMemoryError
        If there is too little memory; the text says which batch size would fit.
    ModelFileError
        If a checkpoint cannot be read or written.
    TrainingError
        If the loss stops being finite; its attribute `fit` is the result up to the last good epoch.

    Notes
    -----
    Shapes: x (rows, features) or (rows, *axes, features); y (rows,) or (rows, outputs), integers for labels; for each
    position (rows, *positions) or (rows, *positions, outputs); sample_weight (rows,) or (rows, *positions).

    Ctrl-C ends the training after the current batch and returns the result so far, with "interrupted" in `Fit.stopped`;
    a second one ends it at once.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(400, 2))
    >>> y = (x[:, 0] > x[:, 1]).astype(int)
    >>> fit = nnx.fit(nnx.mlp((16,), 2), x, y, loss="softmax_cross_entropy", optimizer=nnx.Adam(rate=0.01),
    ...               epochs=20, batch_size=32, validation=0.25, metrics=["accuracy"])
    >>> fit.history["validation_accuracy"][-1] > 0.9, fit.predict(x[:3]).shape
    (True, (3, 2))

    Batches from a function, and three networks at once, each with a rate of its own:

    >>> batches = [(x[i : i + 50], y[i : i + 50]) for i in range(0, 400, 50)]
    >>> fit = nnx.fit(nnx.mlp((16,), 2), lambda: iter(batches), loss="softmax_cross_entropy", epochs=2)
    >>> fit = nnx.fit(nnx.mlp((16,), 2), x, y, loss="softmax_cross_entropy", optimizer=nnx.Adam((1e-5, 1e-3, 1e-2)),
    ...               members=3, seed=(0, 0, 0), epochs=5)
    >>> fit.best(), fit.predict(x).shape
    (2, (3, 400, 2))
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
        the_loss = the_loss if y is None else of_positions(net, the_loss, x)
        if flag("fit: scale_target", scale_target):
            the_loss = scaled(chosen, the_loss, y, sample_weight)
        resumed = resume if resume is None or isinstance(resume, Resumed) else read(resume)
        check_range(chosen.dtype, net, the_loss, the_optimizer)
        data = make_data(chosen, x, y, sample_weight, the_loss)
        if isinstance(data, StreamData):
            data.loss = the_loss = of_positions(net, the_loss, data.look())
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
    result = Fit(net, the_loss, engine.best, engine.state, history, chosen, best, stopped, engine.how, engine.row)
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
