"""The Python script that prints the losses which a playground shows."""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from ..layers import Chain
from .build import Plan, Table, centre_and_scale, is_scaled, largest
from .settings import OWN, Settings

HEAD = '''"""{title}

Written by `nnx playground`: after {steps} it prints the losses that the page showed{exactly}.
"""
'''


def script(
    settings: Settings, plan: Plan, table: Table, steps: int, elsewhere: str = "", members: int | None = None
) -> str:
    """A complete script on NumPy that makes the same so many steps and prints both losses.

    members: a script of so many networks with the seeds from `settings.seed` on, which prints the loss of each.
    """
    count = "1 step" if steps == 1 else f"{steps} steps"
    networks = "a network" if members is None else f"{members} networks"
    title = f"{settings.data}: {networks} of {'-'.join(map(str, [*settings.hidden, table.outputs]))} units."
    exactly = f"; it\ncomputed with {elsewhere}: the last digits may be others" if elsewhere else ", to the last digit"
    lines = [HEAD.format(title=title, steps=count, exactly=exactly)]
    lines += ["import numpy as np", "", "import nnx"]
    lines += [
        f"from nnx.playground.data import {', '.join(_names(settings))}",
        "from nnx.random import permutation",
        "",
    ]
    if members is not None:
        lines += [f"seeds = range({settings.seed}, {settings.seed + members})", ""]
    whole = [*_data(settings, plan, table), "", *_network(settings, plan, members)]
    lines += [*whole, "", *_loop(settings, steps, members is not None), ""]
    if members is not None:
        lines += ["z = net.evaluate(params, x[train])[0]"]
        lines += ["for seed, value in zip(seeds, loss.evaluate(z, y[train])[0]):"]
        lines += ['    print("seed", seed, "loss", repr(float(value)))']
        return "\n".join(lines) + "\n"
    lines += ["z = net.evaluate(params, x[train])[0]"]
    lines += ['print("loss", repr(float(loss.evaluate(z, y[train])[0])))']
    if len(table.test):
        lines += ["z = net.evaluate(params, x[test])[0]"]
        lines += ['print("test", repr(float(loss.evaluate(z, y[test])[0])))']
    return "\n".join(lines) + "\n"


def _names(settings: Settings) -> list[str]:
    return ["features", "parted"] if settings.data == OWN else ["features", "parted", "points"]


def _data(settings: Settings, plan: Plan, table: Table) -> Iterable[str]:
    """The lines that make x, y, train and test."""
    if settings.data == OWN:
        yield "points = ["
        yield from (f"    ({a!r}, {b!r}, {_target(settings, t)})," for a, b, t in settings.points)
        yield "]"
        yield "raw, target = np.array([point[:2] for point in points]), np.array([point[2] for point in points])"
        if is_scaled(settings):
            centre, scale = centre_and_scale(settings)
            yield f"raw = (raw - np.array({centre!r})) / np.array({scale!r})"
        if settings.regression and largest(settings) != 1:
            yield f"target = target / {largest(settings)!r}"
    else:
        given = f"{quoted(settings.data)}, {settings.rows}, noise={settings.noise!r}, seed={settings.seed}"
        yield f"raw, target = points({given})"
    names = ", ".join(map(quoted, settings.inputs)) + ("," if len(settings.inputs) == 1 else "")
    yield f"x = features(raw, ({names})).astype(np.float32)"
    if plan.loss.labels:
        yield "y = target"
    elif table.classes > 2:
        yield f"y = (target[:, None] == np.arange({table.classes})).astype(np.float32)"
    else:
        yield "y = target[:, None].astype(np.float32)"
    yield f"train, test = parted(len(x), {settings.test!r}, seed={settings.seed})"


def quoted(word: str) -> str:
    return f'"{word}"'


def _target(settings: Settings, target: float) -> str:
    return repr(target) if settings.regression else repr(int(target))


def _network(settings: Settings, plan: Plan, members: int | None) -> Iterable[str]:
    """The lines that make net, loss, optimizer, params and state."""
    yield "net = nnx.Chain("
    yield from (f"    {constructor(layer)}," for layer in plan.net.layers)
    yield ")"
    yield f"loss = {constructor(plan.loss)}"
    yield f"optimizer = {constructor(plan.optimizer)}"
    if members is None:
        yield f"params = nnx.init(net, x, seed={settings.seed})"
        yield "state = optimizer.init(params)"
    else:
        yield f"# one population, as of nnx.fit(..., members={members}, seed={settings.seed})"
        yield "params = nnx.init(net, x, seed=seeds)"
        yield f"state = optimizer.init(params, population=({members},))"


def _loop(settings: Settings, steps: int, several: bool) -> Iterable[str]:
    """The lines that train."""
    seed, size = "seeds" if several else settings.seed, settings.batch_size
    yield f"step, epoch, steps = 0, 0, {steps}"
    yield "while step < steps:"
    yield "    epoch += 1"
    if several:
        yield '    order = np.stack([train[permutation(seed, "shuffle", len(train), epoch)] for seed in seeds])'
    else:
        yield f'    order = train[permutation({seed}, "shuffle", len(train), epoch)]'
    yield f"    for start in range(0, len(train), {size}):"
    yield "        if step == steps:"
    yield "            break"
    yield f"        rows = order[{'..., ' if several else ''}start : start + {size}]"
    yield f"        z, values = net.evaluate(params, x[rows], train=True, key=nnx.key({seed}, step))"
    yield "        value, saved = loss.evaluate(z, y[rows])"
    yield "        _, grads = net.backprop(params, values, loss.backprop(saved), need_dx=False)"
    yield "        params, state = optimizer.update(params, grads, state)"
    yield "        params = net.update(params, values)"
    yield "        step += 1"


def constructor(part: Any) -> str:
    """The call that makes a part of nnx, with the settings that are not the defaults."""
    if isinstance(part, Chain):
        return f"nnx.Chain({', '.join(map(constructor, part.layers))})"
    if not is_dataclass(part):
        return repr(part)
    given = [(f.name, constructor(getattr(part, f.name))) for f in fields(part) if getattr(part, f.name) != f.default]
    bare = given and given[0][0] in ("units", "optimizer")
    words = [value if bare and i == 0 else f"{name}={value}" for i, (name, value) in enumerate(given)]
    return f"nnx.{type(part).__name__}({', '.join(words)})"
