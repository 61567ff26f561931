"""A playground without input or output: messages in, answers out, both of what JSON has."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from .. import backends
from ..backends import Backend
from ..backends.numpy import namespace as host_namespace
from ..errors import NNXError, SettingError, require, shortened, shown, unknown
from ..layers import ACTIVATIONS
from ..losses import LOSSES
from ..optimizers import OPTIMIZERS
from ..settings import Range, integer, real
from .build import frame, groups, make_plan, make_table
from .check import checked
from .data import CLASSES, FEATURES, VALUES, points
from .explain import Steps
from .formulas import formula
from .maps import Maps, accuracy, finite, text
from .race import race
from .restarts import MEMBERS, Restarts
from .script import script
from .settings import KINDS, LAYERS, NORMS, ROWS, SCHEDULES, UNITS, Settings
from .table import read
from .training import Training

np = host_namespace()

STEPS, MILLISECONDS, EPOCHS = 10_000, 1000.0, 100  # of one message at most
_STEPS = Range(f"must be from 1 to {STEPS}", lambda v: 1 <= v <= STEPS)
_TIME = Range(f"must be from 0 to {MILLISECONDS:g}", lambda v: 0 <= v <= MILLISECONDS)
_EPOCHS = Range(f"must be from 1 to {EPOCHS}", lambda v: 1 <= v <= EPOCHS)


class Session:
    """One playground. `answer` takes a message and gives the answer to it; it never raises for what a message holds.

    backend: what computes. clock: a function that tells the time in seconds, by which a message ends in time; without
    one it ends after its steps.

    >>> session = Session()
    >>> first = session.answer({"do": "set", "settings": {"data": "xor", "hidden": [4]}})
    >>> later = session.answer({"do": "run", "steps": 100})
    >>> later["step"], later["loss"] < first["loss"]
    (100, True)
    """

    def __init__(self, backend: str | Backend = "numpy", clock: Callable[[], float] | None = None) -> None:
        self.backend = backends.backend(backend, "float32")
        self.clock = clock or (lambda: 0.0)
        self.table: dict[str, Any] | None = None  # given at the start: a table of the user's
        self.settings = Settings()
        self._begin(self.settings)

    def answer(self, message: Any) -> dict[str, Any]:
        """The answer to a message: what was asked for, or {"error": one line}."""
        try:
            require(isinstance(message, Mapping), "a message must be an object", message)
            do = message.get("do")
            if not isinstance(do, str) or do not in DO:
                raise SettingError(
                    unknown("message", do, DO) if isinstance(do, str) else f"do must be one of {list(DO)}"
                )
            with self.backend.scope():
                return DO[do](self, dict(message))
        except NNXError as error:
            return {"error": str(error)}
        except Exception as error:  # of the array library, or a fault of the session: the page has to go on
            return {"error": shortened(f"{type(error).__name__}: {shown(str(error), 150)}")}

    def _begin(self, settings: Settings) -> None:
        """Begin anew, or leave all as it is where the settings are wrong."""
        with self.backend.scope():
            data = make_table(settings)
            plan = make_plan(settings, data)
            training = Training(plan, data, self.backend, settings.batch_size, settings.seed)
            maps = Maps(settings, plan, data, self.backend)
        self.settings, self.data, self.plan, self.training, self.maps = settings, data, plan, training, maps
        self.restarted: Restarts | None = None

    def _until(self, milliseconds: float) -> Callable[[], bool]:
        end = self.clock() + milliseconds / 1000
        return lambda: self.clock() > end

    def options(self, message: dict[str, Any]) -> dict[str, Any]:
        """What may be chosen, with the formulas, the limits and the settings of now."""
        return {
            "backend": str(self.backend),
            "exact": self.backend.is_host and sys.platform != "emscripten",
            "settings": plain(self.settings),
            "table": self.table,
            "data": {"classes": list(CLASSES), "values": list(VALUES)},
            "previews": {name: preview(name) for name in (*CLASSES, *VALUES)},
            "inputs": list(FEATURES),
            "activations": {name: formula(kind) for name, kind in ACTIVATIONS.items()},
            "norms": {name: "" if kind is None else formula(kind) for name, kind in NORMS.items()},
            "losses": {name: {"formula": formula(kind), "labels": kind().labels} for name, kind in LOSSES.items()},
            "optimizers": {name: formula(kind) for name, kind in OPTIMIZERS.items()},
            "schedules": {name: "" if kind is None else formula(kind) for name, kind in SCHEDULES.items()},
            "limits": {"layers": LAYERS, "units": UNITS, "rows": ROWS, "classes": KINDS},
        }

    def set(self, message: dict[str, Any]) -> dict[str, Any]:
        """Other settings, and the training from its beginning."""
        self._begin(self.settings.changed(message.get("settings", {})))
        return self.state(message)

    def state(self, message: dict[str, Any]) -> dict[str, Any]:
        """All that is shown."""
        data, net = self.data, self.plan.net
        test = np.zeros(len(data.raw), dtype=bool)
        test[data.test] = True
        shown = [
            [float(a), float(b), float(t), int(held)]
            for (a, b), t, held in zip(data.raw, data.shown, test, strict=True)
        ]
        return {
            "settings": plain(self.settings),
            "points": shown,
            "classes": data.classes,
            "frame": list(frame(self.settings)),
            "widths": [len(self.settings.inputs), *self.settings.hidden, data.outputs],
            "layers": [
                {"dense": dense, "end": end, "kinds": [type(layer).__name__ for layer in net.layers[dense : end + 1]]}
                for dense, end in groups(net)
            ],
            "shapes": {name: list(p.shape) for name, p in self.training.params.items()},
            **self.shown(),
        }

    def shown(self) -> dict[str, Any]:
        """What changes while it trains."""
        training, backend, loss = self.training, self.backend, self.plan.loss
        z = training.outputs(training.train)
        told: dict[str, Any] = {"step": training.step, "epoch": training.epoch, "phase": training.phase}
        told["loss"] = finite(backend.to_numpy(training.loss_of(z, training.train)))
        told["accuracy"] = _share(accuracy(backend.to_numpy(loss.predict(z)), self.data, self.data.train))
        told["test"] = told["test_accuracy"] = None
        if len(self.data.test):
            z = training.outputs(training.test)
            told["test"] = finite(backend.to_numpy(training.loss_of(z, training.test)))
            told["test_accuracy"] = _share(accuracy(backend.to_numpy(loss.predict(z)), self.data, self.data.test))
        told["rate"] = finite(backend.to_numpy(self.plan.optimizer.current_rate(training.state)))
        weights = [backend.to_numpy(p).reshape(-1) for p in training.params.values()]
        told["params"] = text(np.concatenate(weights).astype("<f4"))
        return told | self.maps.all(training.params)

    def step(self, message: dict[str, Any]) -> dict[str, Any]:
        """One step, or the rest of the one that is open."""
        self.training.run(1)
        return self.shown()

    def run(self, message: dict[str, Any]) -> dict[str, Any]:
        """So many steps, or to the end of the epoch with "epoch": true; fewer if the milliseconds are over."""
        whole = message.get("epoch") is True
        steps = integer("run: steps", message.get("steps", STEPS if whole or "ms" in message else 1), _STEPS)
        milliseconds = real("run: ms", message.get("ms", MILLISECONDS), _TIME)
        steps = min(self.training.left(), steps) if whole else steps
        self.training.run(steps, self._until(milliseconds))
        return self.shown()

    def part(self, message: dict[str, Any]) -> dict[str, Any]:
        """The next of evaluate, loss, backprop and update, in numbers."""
        return {"told": Steps(self.training).part(), **self.shown()}

    def check(self, message: dict[str, Any]) -> dict[str, Any]:
        """The gradient of the loss by one number of a parameter, and a central difference."""
        return {"check": checked(self.training, message.get("name"), message.get("at"))}

    def restarts(self, message: dict[str, Any]) -> dict[str, Any]:
        """So many epochs of sixteen networks; from their beginning with "again": true."""
        epochs = integer("restarts: epochs", message.get("epochs", 1), _EPOCHS)
        milliseconds = real("restarts: ms", message.get("ms", MILLISECONDS), _TIME)
        if self.restarted is None or message.get("again") is True:
            self.restarted = Restarts(self.settings, self.plan, self.data, self.backend)
        return {"restarts": self.restarted.run(epochs, self._until(milliseconds))}

    def race(self, message: dict[str, Any]) -> dict[str, Any]:
        """A loss landscape around the weights of now, or of the beginning with "begin": true, and optimizers on it."""
        params = self.training.params
        if message.get("begin") is True:
            seed, size = self.settings.seed, self.settings.batch_size
            params = Training(self.plan, self.data, self.backend, size, seed).params
        until = self._until(2 * MILLISECONDS)
        return {"race": race(self.settings, self.plan, self.data, self.backend, params, message, until)}

    def script(self, message: dict[str, Any]) -> dict[str, Any]:
        """The Python script that prints the losses of now; of the restarts with "restarts": true."""
        members, training = None, self.training
        if message.get("restarts") is True:
            if self.restarted is None:
                raise SettingError("there are no restarts yet: press Play there")
            members, training = MEMBERS, self.restarted.training
        place = (
            "NumPy in the browser"
            if sys.platform == "emscripten"
            else ""
            if self.backend.is_host
            else self.backend.name
        )
        return {"script": script(self.settings, self.plan, self.data, training.step, place, members)}

    def read(self, message: dict[str, Any]) -> dict[str, Any]:
        """The points of a table given as text."""
        return {"table": read(message.get("text"))}


DO: dict[str, Callable[[Session, dict[str, Any]], dict[str, Any]]] = {
    "options": Session.options,
    "set": Session.set,
    "state": Session.state,
    "step": Session.step,
    "run": Session.run,
    "part": Session.part,
    "check": Session.check,
    "restarts": Session.restarts,
    "race": Session.race,
    "script": Session.script,
    "read": Session.read,
}


def preview(name: str) -> list[list[float]]:
    """Some points of built-in data, with their targets."""
    x, y = points(name, 120, noise=0.05)
    return [[float(a), float(b), float(t)] for (a, b), t in zip(x, y, strict=True)]


def plain(settings: Settings) -> dict[str, Any]:
    """Settings as JSON has them."""
    return {name: _list(value) for name, value in vars(settings).items()}


def _list(value: Any) -> Any:
    return [_list(v) for v in value] if isinstance(value, tuple) else value


def _share(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)
