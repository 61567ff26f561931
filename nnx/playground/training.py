"""A training that can be followed one call at a time: evaluate, loss, backprop, update, and the next batch.

It is the loop of README, with the shuffles of `nnx.fit`: the script that the playground writes runs the same lines.
"""

from collections.abc import Callable
from typing import Any

from ..backends import Backend
from ..backends.numpy import namespace as host_namespace
from ..contract import Array, Key, Params
from ..network import init
from ..random import permutation, seed_words
from .build import Plan, Table

np = host_namespace()
PARTS = ("evaluate", "loss", "backprop", "update")


class Training:
    """One network, or a population of them with a seed each, while it trains."""

    def __init__(
        self, plan: Plan, table: Table, backend: Backend, batch_size: int, seed: int | tuple[int, ...]
    ) -> None:
        self.plan, self.table, self.backend, self.batch_size, self.seed = plan, table, backend, batch_size, seed
        self.x, self.target = backend.floats(table.x), on_backend(backend, table.target)
        self.kind = backend.xp.int32  # of row numbers
        self.train, self.test = backend.asarray(table.train, self.kind), backend.asarray(table.test, self.kind)
        self.params = init(plan.net, table.x.shape[1], seed=seed, backend=backend)
        self.members = () if isinstance(seed, int) else (len(seed),)
        self.state = plan.optimizer.init(self.params, population=self.members)
        self.words = seed_words(seed, backend)
        self.step = self.epoch = self.at = 0
        self.order: Any = None  # of the rows of this epoch
        self.phase = 0  # the number of the part that comes next
        self.rows: Any = None  # the numbers of the rows of the batch that is open
        self.value: Any = None  # the loss of the last batch
        self.kept: dict[str, Any] = {}  # of the parts of the batch that is open

    def next_rows(self) -> Any:
        """The numbers of the rows of the next batch, (n,) or (members, n), on the host."""
        train = self.table.train
        if self.order is None or self.at >= len(train):
            self.epoch, self.at = self.epoch + 1, 0
            if isinstance(self.seed, int):
                self.order = train[permutation(self.seed, "shuffle", len(train), self.epoch)]
            else:
                orders = [train[permutation(seed, "shuffle", len(train), self.epoch)] for seed in self.seed]
                self.order = np.stack(orders)
        rows = self.order[..., self.at : self.at + self.batch_size]
        self.at += self.batch_size
        return rows

    @property
    def key(self) -> Key:
        """The key of the random bits of this step."""
        return Key(self.words, self.state["step"])

    def taken(self, a: Array, rows: Any) -> Array:
        """The rows of a with these numbers."""
        xp, numbers = self.backend.xp, self.backend.asarray(rows, self.kind)
        if rows.ndim == 1:
            return xp.take(a, numbers, axis=0)
        return xp.reshape(xp.take(a, xp.reshape(numbers, (-1,)), axis=0), (*rows.shape, *a.shape[1:]))

    def part(self) -> str:
        """The next of the four parts of a step; its name."""
        name = PARTS[self.phase]
        getattr(self, f"_{name}")()
        self.phase = (self.phase + 1) % len(PARTS)
        return name

    def _evaluate(self) -> None:
        self.rows = self.next_rows()
        x, target = self.taken(self.x, self.rows), self.taken(self.target, self.rows)
        z, values = self.plan.net.evaluate(self.params, x, train=True, key=self.key)
        self.kept = {"x": x, "target": target, "z": z, "values": values}

    def _loss(self) -> None:
        self.value, self.kept["saved"] = self.plan.loss.evaluate(self.kept["z"], self.kept["target"])

    def _backprop(self) -> None:
        dz = self.plan.loss.backprop(self.kept["saved"])
        _, grads = self.plan.net.backprop(self.params, self.kept["values"], dz, need_dx=False)
        self.kept |= {"dz": dz, "grads": grads}

    def _update(self) -> None:
        self.params, self.state = self.plan.optimizer.update(self.params, self.kept["grads"], self.state)
        self.params = self.plan.net.update(self.params, self.kept["values"])
        self.step += 1
        self.kept = {}

    def run(self, steps: int, until: Callable[[], bool] = lambda: False) -> int:
        """So many steps, the one that is open first, or fewer if `until` says so; how many were made."""
        for made in range(steps):
            if made and until():
                return made
            self.part()
            while self.phase:
                self.part()
        return steps

    def left(self) -> int:
        """The steps until the end of this epoch, or those of the next one at its end."""
        rows = len(self.table.train)
        per_epoch = -(-rows // self.batch_size)
        done = self.at // self.batch_size if self.at < rows else 0 if not self.phase else per_epoch
        return per_epoch - done + (1 if self.phase else 0)

    def outputs(self, rows: Array) -> Array:
        """The output for rows of the data, as in prediction."""
        xp = self.backend.xp
        return self.plan.net.evaluate(self.params, xp.take(self.x, rows, axis=0))[0]

    def loss_of(self, z: Array, rows: Array) -> Array:
        """The loss (...) of these outputs."""
        return self.plan.loss.evaluate(z, self.backend.xp.take(self.target, rows, axis=0))[0]


def on_backend(backend: Backend, target: Any) -> Array:
    """A target of the host, classes or floats, on the backend."""
    return backend.asarray(target, backend.xp.int32) if target.dtype.kind == "i" else backend.floats(target)


def evaluated(plan: Plan, params: Params, x: Array, *, train: bool = False, key: Key | None = None) -> list[Any]:
    """Of each layer, in order: its input, output and what it saves."""
    found = []
    for i, layer in enumerate(plan.net.layers):
        own = {name: params[f"{i}.{name}"] for name in (*layer.names, *layer.running)}
        y, saved = layer.evaluate(own, x, train=train, key=None if key is None else key.fold(i))
        found.append((x, y, saved))
        x = y
    return found
