"""Optimizers racing from one point of a loss landscape: two numbers are trained, all else of the network stands still.

The weights are p + a d + b e with two directions d and e. The loss of all rows is drawn over (a, b), and every
optimizer goes its way from (0, 0), so that its path lies on the surface that is shown.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ..backends import Backend
from ..backends.numpy import namespace as host_namespace
from ..contract import Array, Params
from ..errors import SettingError, require
from ..optimizers import OPTIMIZERS
from ..random import HostDraw
from ..settings import NOT_NEGATIVE, Range, integer, one_of, real
from .build import Plan, Table, make_optimizer
from .check import place_in
from .maps import finite, text
from .settings import Settings
from .training import on_backend

np = host_namespace()

SIDES = (41, 31, 21)  # of the landscape
WORK = 1e8  # products of two numbers that a landscape may cost
MOST, LEAST = 300, 20  # rows to train on that are looked at; fewer where the network is large
STEPS, CHUNK = 400, 64
RADIUS = Range("must be above 0 and at most 100", lambda v: 0 < v <= 100)
COUNT = Range(f"must be from 1 to {STEPS}", lambda v: 1 <= v <= STEPS)


class Race:
    """A landscape around the parameters given."""

    def __init__(
        self, settings: Settings, plan: Plan, table: Table, backend: Backend, params: Params, message: dict[str, Any]
    ) -> None:
        self.settings, self.plan, self.backend = settings, plan, backend
        self.center = {name: backend.floats(p) for name, p in params.items()}
        count = sum(int(np.prod(p.shape)) for p in self.center.values())
        most = min(MOST, len(table.train))
        self.side = next((side for side in SIDES if side * side * most * count <= WORK), SIDES[-1])
        self.rows = min(most, max(LEAST, int(WORK / (self.side**2 * count))))
        rows = table.train[: self.rows]
        self.x, self.target = backend.floats(table.x[rows]), on_backend(backend, table.target[rows])
        self.radius = float(real("race: radius", message.get("radius", 2.0), RADIUS))
        chosen = message.get("weights")
        self.directions = self._random() if chosen is None else self._single(chosen)

    def _random(self) -> list[Params]:
        """Two directions whose columns are as long as those of the weights; biases stand still.

        Source: Li, Xu, Taylor, Studer & Goldstein 2018, "Visualizing the loss landscape of neural nets", section 4.
        """
        found = []
        for word in ("first", "second"):
            direction = {}
            for name, p in self.center.items():
                if not name.endswith(".W"):
                    continue
                host = self.backend.to_numpy(p)
                d = HostDraw(self.settings.seed, f"playground.race.{word}.{name}").normal(host.shape)
                size = np.sqrt(np.sum(d * d, axis=0, keepdims=True))
                direction[name] = self.backend.floats(d / size * np.sqrt(np.sum(host * host, axis=0, keepdims=True)))
            found.append(direction)
        return found

    def _single(self, chosen: Any) -> list[Params]:
        """The directions of two numbers of the parameters."""
        require(isinstance(chosen, list) and len(chosen) == 2, "race: weights must be two places [name, at]", chosen)
        found = []
        for one in chosen:
            require(isinstance(one, list) and len(one) == 2, "race: a weight must be [name, at]", one)
            name = one_of("parameter", one[0], self.plan.net.names)
            host = np.zeros(tuple(self.center[name].shape))
            host[place_in(name, one[1], host.shape)] = 1.0
            found.append({name: self.backend.floats(host)})
        if chosen[0] == chosen[1]:
            raise SettingError("race: the two weights must be different ones")
        return found

    def params(self, ab: Array) -> Params:
        """The parameters at places ab (m, 2), a population of m networks."""
        found = {}
        for name, p in self.center.items():
            moved = p[None, ...]
            for i, direction in enumerate(self.directions):
                if name in direction:
                    d = direction[name]
                    moved = moved + self.backend.xp.reshape(ab[:, i], (-1, *[1] * d.ndim)) * d[None, ...]
            found[name] = moved
        return found

    def loss(self, ab: Array) -> tuple[Array, Array]:
        """The loss (m,) at places (m, 2), and its gradient (m, 2) by them."""
        xp, params = self.backend.xp, self.params(ab)
        z, values = self.plan.net.evaluate(params, self.x)
        value, saved = self.plan.loss.evaluate(z, self.target)
        _, grads = self.plan.net.backprop(params, values, self.plan.loss.backprop(saved), need_dx=False)
        slopes = []
        for direction in self.directions:
            parts = [
                xp.sum(xp.reshape(grads[n] * d[None, ...], (ab.shape[0], -1)), axis=1) for n, d in direction.items()
            ]
            slopes.append(sum(parts[1:], parts[0]))
        return value, xp.stack(slopes, axis=1)

    def landscape(self) -> Any:
        """The loss over a grid, a along the rows from the left, b from the top, on the host."""
        at = self.radius * np.linspace(-1, 1, self.side)
        a, b = np.meshgrid(at, -at)
        places = np.stack([a.reshape(-1), b.reshape(-1)], axis=1)
        parts = []
        for start in range(0, len(places), CHUNK):
            params = self.params(self.backend.floats(places[start : start + CHUNK]))
            z = self.plan.net.evaluate(params, self.x)[0]
            parts.append(self.backend.to_numpy(self.plan.loss.evaluate(z, self.target)[0]))
        return np.concatenate(parts).reshape(self.side, self.side)

    def paths(
        self, names: Sequence[str], rates: Sequence[float], steps: int, until: Callable[[], bool]
    ) -> list[dict[str, Any]]:
        """The way of each optimizer; fewer steps if `until` says so."""
        backend = self.backend
        racers = [make_optimizer(self.settings, steps, n, r) for n, r in zip(names, rates, strict=True)]
        places = [{"ab": backend.floats([0.0, 0.0])} for _ in racers]
        states = [racer.init(place) for racer, place in zip(racers, places, strict=True)]
        ways: list[list[Any]] = [[] for _ in racers]
        for step in range(steps + 1):
            ab = backend.xp.stack([place["ab"] for place in places])
            value, slope = self.loss(ab)
            for i, racer in enumerate(racers):
                host = backend.to_numpy(ab)[i]
                ways[i].append([finite(host[0]), finite(host[1]), finite(backend.to_numpy(value)[i])])
                places[i], states[i] = racer.update(places[i], {"ab": slope[i, :] * 1.0}, states[i])
            if step and until():
                break
        return [
            {"optimizer": name, "rate": rate, "path": way} for name, rate, way in zip(names, rates, ways, strict=True)
        ]


def race(
    settings: Settings,
    plan: Plan,
    table: Table,
    backend: Backend,
    params: Params,
    message: dict[str, Any],
    until: Callable[[], bool],
) -> dict[str, Any]:
    """The landscape around the parameters and the ways of the optimizers that a message asks for."""
    names = message.get("optimizers", list(OPTIMIZERS))
    require(isinstance(names, list) and 0 < len(names) <= 16, "race: optimizers must be a list of names", names)
    for name in names:
        one_of("optimizer", name, OPTIMIZERS)
    given = message.get("rates", {})
    require(isinstance(given, dict), "race: rates must be an object of numbers by optimizer", given)
    rates = [float(real("race: rate", given.get(name, 0.05), NOT_NEGATIVE)) for name in names]
    steps = integer("race: steps", message.get("steps", 100), COUNT)
    contest = Race(settings, plan, table, backend, params, message)
    surface = contest.landscape()
    racers = contest.paths(names, rates, steps, until)
    known = surface[np.isfinite(surface)]
    return {
        "side": contest.side,
        "radius": contest.radius,
        "surface": text(surface.astype("float32")),
        "low": finite(known.min()) if known.size else None,
        "high": finite(known.max()) if known.size else None,
        "racers": racers,
        "steps": len(racers[0]["path"]) - 1,
        "rows": contest.rows,
    }
