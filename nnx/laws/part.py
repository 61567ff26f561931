"""A layer or a loss as functions of all its inputs by name, which the laws are tried on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..backends import Backend, backend_of, is_host, numpy as host
from ..contract import Array, Key, Layer, Loss, Params, Saved, as_features
from ..random import HostDraw, key as make_key

INPUT = "the input"  # its name among the parameters
ROUNDING = {"float64": 1e-9, "float32": 2e-5}  # by which results may differ, relatively


@dataclass(frozen=True)
class Part:
    """A layer or a loss as functions of all its inputs by name. graded: the inputs that have a gradient."""

    backend: Backend
    inputs: Params
    graded: tuple[str, ...]
    evaluate: Callable[[Params, bool, Key], tuple[Array, Saved]]
    backprop: Callable[[Params, Saved, Array, bool], tuple[Array | None, Params]]
    draw: HostDraw
    seed: int
    layer: Layer | None  # None for a loss
    on_host: Callable[[], "Part"]  # the same, computed by NumPy

    def key(self, *seeds: int) -> Key:
        return make_key(seeds if len(seeds) > 1 else (seeds or (self.seed,))[0], 1, backend=self.backend)

    def own(self) -> Params:
        """Copies of the inputs."""
        return {name: self.backend.asarray(p) for name, p in self.inputs.items()}

    def random(self, name: str, shape: tuple[int, ...]) -> Array:
        return self.backend.floats(self.draw.fold(name).normal(tuple(shape)))

    def slope(self, y: Array) -> Array:
        """dloss/dy where the loss is a random weighing of y's elements; for a loss itself it is 1."""
        return self.random("dy", y.shape) if self.layer is not None else self.backend.xp.ones_like(y)

    def once(self, inputs: Params, dy: Array, *seeds: int, train: bool = True, need_dx: bool = True) -> Any:
        """y, and the gradients by name."""
        y, saved = self.evaluate(inputs, train, self.key(*seeds))
        dx, grads = self.backprop(inputs, saved, dy, need_dx)
        return y, grads if dx is None else {INPUT: dx, **grads}

    def host(self, tree: Any) -> Any:
        if isinstance(tree, dict):
            return {name: self.host(a) for name, a in tree.items()}
        if isinstance(tree, tuple):
            return tuple(map(self.host, tree))
        return host.namespace().array(tree if is_host(tree) else self.backend.to_numpy(tree))


def part_of(part: Any, x: Any, target: Any, params: Mapping[str, Array] | None, seed: int, dtype: str) -> Part:
    backend, draw = backend_of(x, dtype), HostDraw(seed)
    with backend.scope():
        given = {INPUT: backend.floats(x)}
        if target is None:
            made = part.init(as_features(x.shape[1:]), draw)[0] if params is None else params
            given |= {name: backend.floats(p) for name, p in made.items()}
        # No number is exactly 0, where a function may have a bend.
        moved = {
            name: p + 1e-3 * backend.floats(draw.fold(f"{name} moved").normal(tuple(p.shape)))
            for name, p in given.items()
        }
        there = None if target is None else target_of(part, target, backend)

    def on_host() -> Part:
        x, target = (None if a is None else backend.to_numpy(a) for a in (given[INPUT], there))
        known = None if params is None else {name: backend.to_numpy(given[name]) for name in params}
        return part_of(part, x, target, known, seed, dtype)

    def rest(inputs: Params) -> Params:
        return {name: p for name, p in inputs.items() if name != INPUT}

    if there is not None:
        return Part(
            backend,
            moved,
            (INPUT,),
            lambda inputs, train, key: part.evaluate(inputs[INPUT], there),
            lambda inputs, saved, dy, need_dx: (part.backprop(saved), {}),
            draw,
            seed,
            None,
            on_host,
        )
    return Part(
        backend,
        moved,
        (INPUT, *part.names),
        lambda inputs, train, key: part.evaluate(rest(inputs), inputs[INPUT], train=train, key=key),
        lambda inputs, saved, dy, need_dx: part.backprop(rest(inputs), saved, dy, need_dx=need_dx),
        draw,
        seed,
        part,
        on_host,
    )


def target_of(loss: Loss, target: Any, backend: Backend) -> Array:
    """The target as training gives it to the loss."""
    whole = loss.labels and "int" in str(getattr(target, "dtype", ""))
    return backend.integers(target) if whole else backend.floats(target)


def named(found: tuple[Any, Params]) -> Params:
    return found[1] if found[0] is None else {INPUT: found[0], **found[1]}


def differ(part: Part, a: Any, b: Any) -> bool:
    """True if any bit is not the same."""
    return not host.namespace().array_equal(part.host(a), part.host(b), equal_nan=True)


def far(a: Any, b: Any) -> bool:
    """True if two arrays differ by more than the rounding of their type."""
    np = host.namespace()
    t = ROUNDING[str(a.dtype)] if a.dtype.kind == "f" else 0.0
    return a.shape != b.shape or not np.allclose(a, b, rtol=t, atol=t * (1.0 + (np.max(np.abs(b)) if b.size else 0.0)))


def first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
