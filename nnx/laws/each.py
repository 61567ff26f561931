"""The laws, one function each: it gives a line for what fails."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ..backends import dual, numpy as host, tangent_of
from ..backends.native.calls import Refused
from ..backends.native.loop import recorded_twice
from ..contract import Key, Layer, Params, Row, as_features, as_row
from ..errors import ShapeError
from ..random import HostDraw
from .kept import leaves
from .part import INPUT, ROUNDING, Part, differ, far, first_line, named

STEPS = (1e-5, 1e-6)  # of the central differences: a sharp bend is told from a wrong gradient by the smaller


def of_init(layer: Any, row: Row, seed: int) -> list[str]:
    """The names and shapes of what `init` makes."""
    texts = [name for name in ("names", "running") if isinstance(getattr(layer, name), str)]
    if texts:
        return [f"{name} is the text {getattr(layer, name)!r}, expected a tuple of names" for name in texts]
    if layer.running and type(layer).update is Layer.update:
        return [f"running has {layer.running[0]!r}, and there is no update, which would change it"]
    try:
        made, out = layer.init(as_features(row), HostDraw(seed))
    except Exception as error:
        return [f"init: {first_line(error)}"]
    known = (*layer.names, *layer.running)
    lines = [f"init makes no {name!r}, which is in names or running" for name in known if name not in made]
    lines += [f"init makes {name!r}, which is neither in names nor in running" for name in made if name not in known]
    if hasattr(layer, "shapes"):
        try:
            shapes, after = layer.shapes(row)
        except Exception as error:
            return [*lines, f"shapes: {first_line(error)}"]
        if tuple(after) != as_row(out):
            lines.append(f"shapes says {tuple(after)} for a row of the result, init {as_row(out)}")
        said = {name: tuple(shape) for name, shape in shapes.items()}
        for name in sorted({*said, *made}):
            own = tuple(made[name].shape) if name in made else None
            if said.get(name) != own:
                lines.append(f"shapes says {said.get(name)} for {name!r}, init makes {own}")
    return lines


def results(part: Part) -> Iterator[str]:
    """A step."""
    own = part.own()
    y, saved = part.evaluate(own, True, part.key())
    x, layer = part.inputs[INPUT], part.layer
    expected: tuple[int, ...] = ()
    if layer is not None:
        _, after = layer.init(as_features(x.shape[1:]), part.draw)
        expected = (x.shape[0] * layer.copies, *as_row(after))
    if tuple(y.shape) != tuple(expected):
        yield f"evaluate gives the shape {tuple(y.shape)}, expected {tuple(expected)}"
        return
    dx, grads = part.backprop(own, saved, part.slope(y), True)
    grads = grads if dx is None else {INPUT: dx, **grads}
    for name in part.graded:
        if name not in grads:
            yield f"backprop gives no gradient of {name}"
        elif tuple(grads[name].shape) != tuple(part.inputs[name].shape):
            shapes = tuple(grads[name].shape), tuple(part.inputs[name].shape)
            yield f"backprop gives a gradient of {name} of shape {shapes[0]}, expected {shapes[1]}"
    for name in grads:
        if name not in part.graded:
            yield f"backprop gives a gradient of {name!r}, which is not in names"


def _gradients(part: Part) -> Iterator[str]:
    """The gradients."""
    for train in (True, False) if part.layer is not None else (True,):
        wrong = [line + ("" if train else ", with train=False") for line in _slopes(part, train)]
        yield from wrong
        if wrong:
            return


def _slopes(part: Part, train: bool) -> Iterator[str]:
    if part.backend.dtype != "float64":  # in which differences mean little
        return
    xp, key = part.backend.xp, part.key()
    y, _ = part.evaluate(part.inputs, train, key)
    dy = part.slope(y)
    _, grads = part.once(part.inputs, dy, train=train)

    def loss(inputs: Params) -> float:
        return float(xp.sum(dy * part.evaluate(inputs, train, key)[0]))

    size = 1.0 + float(xp.sum(xp.abs(dy * y)))
    for name in part.graded:
        v = part.random(f"{name} direction", part.inputs[name].shape)
        slope, differences = float(xp.sum(grads[name] * v)), []
        for h in STEPS:
            ends = [loss(part.inputs | {name: part.inputs[name] + t * v}) for t in (h, -h)]
            differences.append((ends[0] - ends[1]) / (2 * h))
        # A difference is right to h^2 times a third derivative, and to the rounding of the loss over h.
        if not any(abs(d - slope) <= 1e-5 * max(abs(d), abs(slope)) + 1e-8 * size for d in differences):
            yield f"gradient of {name}: {slope:.4g} along a random direction, central difference {differences[-1]:.4g}"


def _tangents(part: Part) -> Iterator[str]:
    """The derivative along a direction."""
    xp, key = part.backend.xp, part.key()
    v = {name: part.random(f"{name} direction", part.inputs[name].shape) for name in part.graded}
    try:
        along, _ = part.evaluate({name: dual(p, v.get(name)) for name, p in part.inputs.items()}, True, key)
    except Exception:  # of what dual numbers cannot follow: `nnx.jvp` says so to those who ask for it
        return
    y, _ = part.evaluate(part.inputs, True, key)
    dy = part.slope(y)
    _, grads = part.once(part.inputs, dy)
    found, slope = float(xp.sum(dy * tangent_of(along))), sum(float(xp.sum(grads[name] * u)) for name, u in v.items())
    size = ROUNDING[part.backend.dtype] * (1.0 + sum(float(xp.sum(xp.abs(grads[name] * u))) for name, u in v.items()))
    if not abs(found - slope) <= size:
        yield f"the derivative along a random direction is {found:.10g}, and {slope:.10g} by backprop"


def _left_alone(part: Part) -> Iterator[str]:
    """The inputs are left alone."""
    own = part.own()
    y, saved = part.evaluate(own, True, part.key())
    written = [name for name in own if differ(part, own[name], part.inputs[name])]
    yield from (f"evaluate writes on {name}" for name in written)
    dy = part.slope(y)
    own = part.own()
    _, saved = part.evaluate(own, True, part.key())
    given = own | {"dy": part.slope(y)}
    before = {name: part.host(a) for name, a in given.items()}
    part.backprop(own, saved, given["dy"], True)
    changed = [name for name in given if differ(part, given[name], before[name])]
    yield from (f"backprop writes on {name}" for name in changed)
    if not (written or changed) and part.backend.is_host:
        frozen = {name: part.backend.asarray(p) for name, p in (part.inputs | {"dy": dy}).items()}
        for a in frozen.values():
            a.flags.writeable = False
        dy = frozen.pop("dy")
        part.once(frozen, dy)


def _repeated(part: Part) -> Iterator[str]:
    """The same call again."""
    y, saved = part.evaluate(part.inputs, True, part.key())
    if differ(part, y, part.evaluate(part.inputs, True, part.key())[0]):
        yield "evaluate gives another result for the same inputs and key"
        return
    dy = part.slope(y)
    first, second = (part.host(dict(named(part.backprop(part.inputs, saved, dy, True)))) for _ in range(2))
    yield from (f"backprop gives another gradient of {n} when called again" for n in first if far(first[n], second[n]))


def _without_dx(part: Part) -> Iterator[str]:
    """A step with need_dx=False."""
    dy = part.slope(part.evaluate(part.inputs, True, part.key())[0])
    both, fewer = (part.host(part.once(part.inputs, dy, need_dx=need)[1]) for need in (True, False))
    for name in part.graded[1:]:
        if name not in fewer or far(both[name], fewer[name]):
            yield f"need_dx=False changes the gradient of {name}"


def _population(part: Part) -> Iterator[str]:
    """A population of 2."""
    xp, seeds = part.backend.xp, (part.seed, part.seed + 1)
    shared = (INPUT,) if part.layer is not None else ()
    other = {name: p + 0.1 * part.random(f"{name} other", p.shape) for name, p in part.inputs.items()}
    for own_x in (True, False) if shared else (True,):
        members = [part.inputs, other if own_x else other | {INPUT: part.inputs[INPUT]}]
        y = part.evaluate(part.inputs, True, part.key())[0]
        dy = xp.ones_like(y) if part.layer is None else part.random("dy of members", (2, *y.shape))
        alone = [
            part.host(part.once(m, dy if part.layer is None else dy[k, ...], seeds[k])) for k, m in enumerate(members)
        ]
        both = {name: xp.stack([m[name] for m in members]) for name in part.inputs}
        if not own_x:
            both[INPUT] = part.inputs[INPUT]
        slope = dy if part.layer is not None else xp.ones((2,), dtype=dy.dtype)
        y, grads = part.host(part.once(both, slope, *seeds))
        said = "a population of 2" + ("" if own_x else " with one input")
        wrong = [] if _same_members(y, [a[0] for a in alone]) else [f"{said}: the result is not that of each alone"]
        for name in part.graded:
            if not _same_members(grads.get(name), [a[1][name] for a in alone]):
                wrong.append(f"{said}: the gradient of {name} is not that of each alone")
        yield from wrong
        if wrong:
            return


def _same_members(found: Any, alone: list[Any]) -> bool:
    np = host.namespace()
    expected = np.stack(alone)
    if found is None or found.shape not in (expected.shape, expected.shape[1:]):
        return False
    return not far(np.broadcast_to(found, expected.shape), expected)


def _update(part: Part) -> Iterator[str]:
    """A call of update."""
    if part.layer is None:
        return
    _, saved = part.evaluate(part.inputs, True, part.key())
    given = {name: part.backend.asarray(p) for name, p in part.inputs.items() if name != INPUT}
    arrays = [*leaves(saved), part.inputs[INPUT]]
    before = [part.host(a) for a in arrays]
    new = part.layer.update(dict(given), saved)
    if any(differ(part, a, b) for a, b in zip(arrays, before, strict=True)):
        yield "update writes on what evaluate has saved, or on the input"
    strange = [name for name in new if name not in given]
    yield from (f"update gives {name!r}, which is neither in names nor in running" for name in strange)
    for name in given:
        if name not in new:
            yield f"update gives no {name!r}"
        elif tuple(new[name].shape) != tuple(part.inputs[name].shape):
            yield f"update gives {name!r} the shape {tuple(new[name].shape)}, not {tuple(part.inputs[name].shape)}"
        elif name in part.graded and (
            differ(part, new[name], part.inputs[name]) or differ(part, given[name], new[name])
        ):
            yield f"update changes {name}, which has a gradient"


def one_row(part: Part) -> Iterator[str]:
    """A batch of one row."""
    x = part.inputs[INPUT]
    if part.layer is None or x.shape[0] == 1:
        return
    row = replace(part, inputs=part.inputs | {INPUT: x[:1, ...]})
    try:
        wrong = [*results(row)] or [*_slopes(row, True)]
    except ShapeError:  # of a layer that takes so many rows at once
        return
    yield from (f"{line}, with one row" for line in wrong)


def _recording(part: Part) -> Iterator[str]:
    """A recorded step."""
    if not part.backend.records:
        return
    numbers = part.backend.is_host
    if not numbers:
        part = part.on_host()

    def step(carry: Any, x: Any, dy: Any, weight: Any, rows: Any) -> Any:
        inputs, key = carry["inputs"] | {INPUT: x}, Key(carry["seed"], carry["step"])
        saved = part.evaluate(inputs, True, key)[1]
        part.backprop(inputs, saved, dy, True)
        if part.layer is not None:
            part.layer.update({name: p for name, p in inputs.items() if name != INPUT}, saved)
        return carry

    key, inputs = part.key(), dict(part.inputs)
    dy = part.host(part.slope(part.evaluate(part.inputs, True, key)[0]))
    x = part.host(inputs.pop(INPUT))
    carry = {"inputs": part.host(inputs), "seed": part.host(key.seed), "step": part.host(key.step)}
    try:
        recorded_twice(step, carry, (x, dy, None, None), numbers)
    except Refused as reason:
        yield f"a step cannot be recorded, and is run operation by operation: {reason}"


def types_kept(part: Part) -> Iterator[str]:
    """A step of float32."""
    y, saved = part.evaluate(part.inputs, True, part.key())
    xp = part.backend.xp
    found = {"the result": y} | {
        f"the gradient of {name}": g
        for name, g in named(part.backprop(part.inputs, saved, xp.astype(part.slope(y), xp.float32), True)).items()
    }
    for name, a in found.items():
        if a.dtype != xp.float32:
            yield f"{name} is {str(a.dtype).rpartition('.')[2]} where all that is given is float32"


def as_on_numpy(part: Part) -> Iterator[str]:
    """Results beside those on NumPy."""
    host_part = part.on_host()
    for train in (True, False):
        found = []
        for one in (part, host_part):
            dy = one.slope(one.evaluate(one.inputs, train, one.key())[0])
            y, grads = one.host(one.once(one.inputs, dy, train=train))
            found.append({"the result": y} | {f"the gradient of {name}": g for name, g in grads.items()})
        said = "" if train or part.layer is None else ", with train=False"
        for name, own in found[0].items():
            if far(own, found[1][name]):
                size = abs(own - found[1][name]).max()
                yield f"{name} is not that on {host_part.backend.name}: {size:.1e} apart{said}"


AGAIN = (one_row, _tangents)  # which would say again what another has said

# The first three are what the others rely on.
LAWS: tuple[Callable[[Part], Iterator[str]], ...] = (
    *(results, _left_alone, _repeated, _gradients, _without_dx, _population, _update, one_row, _tangents, _recording),
)
