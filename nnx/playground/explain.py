"""The four parts of a step in numbers: each layer's formula, its shapes, and the first of its numbers."""

from typing import Any

from ..backends.numpy import namespace as host_namespace
from ..contract import Params
from .formulas import formula, gradient
from .maps import finite, numbers
from .training import Training, evaluated

np = host_namespace()


class Steps:
    """A training whose parts are told one after another."""

    def __init__(self, training: Training) -> None:
        self.training = training

    def part(self) -> dict[str, Any]:
        """Make the next part, and say what was done."""
        training = self.training
        before = {name: training.backend.asarray(p) for name, p in training.params.items()}
        name = training.part()
        told: dict[str, Any] = getattr(self, f"_{name}")(before)
        return {"part": name, "step": training.step, "epoch": training.epoch, **told}

    def _host(self, a: Any) -> Any:
        return self.training.backend.to_numpy(a)

    def _evaluate(self, before: Params) -> dict[str, Any]:
        training, net = self.training, self.training.plan.net
        layers = []
        for i, (x, y, _) in enumerate(
            evaluated(training.plan, before, training.kept["x"], train=True, key=training.key)
        ):
            layer, own = net.layers[i], net.layers[i]
            layers.append(
                {
                    "layer": i,
                    "kind": type(layer).__name__,
                    "formula": formula(type(layer)),
                    "shapes": {"x": list(x.shape), "y": list(y.shape)}
                    | {name: list(before[f"{i}.{name}"].shape) for name in (*own.names, *own.running)},
                    "x": numbers(self._host(x)),
                    "y": numbers(self._host(y)),
                }
            )
        return {"rows": [int(r) for r in training.rows], "layers": layers}

    def _loss(self, before: Params) -> dict[str, Any]:
        training = self.training
        z, target, loss = training.kept["z"], training.kept["target"], training.plan.loss
        return {
            "kind": type(loss).__name__,
            "formula": formula(type(loss)),
            "shapes": {"z": list(z.shape), "target": list(target.shape), "loss": []},
            "z": numbers(self._host(z)),
            "target": numbers(self._host(target)),
            "value": finite(self._host(training.value)),
        }

    def _backprop(self, before: Params) -> dict[str, Any]:
        training, net = self.training, self.training.plan.net
        loss, dz = training.plan.loss, training.kept["dz"]
        first = {
            "kind": type(loss).__name__,
            "formula": gradient(type(loss)),
            "shapes": {"dz": list(dz.shape)},
            "dz": numbers(self._host(dz)),
        }
        dy, layers = dz, []
        for i in range(len(net.layers) - 1, -1, -1):
            layer = net.layers[i]
            own = {name: before[f"{i}.{name}"] for name in (*layer.names, *layer.running)}
            dx, grads = layer.backprop(own, training.kept["values"][i], dy, need_dx=i > 0)
            shapes = {"dy": list(dy.shape)} | ({} if dx is None else {"dx": list(dx.shape)})
            layers.append(
                {
                    "layer": i,
                    "kind": type(layer).__name__,
                    "formula": gradient(type(layer)),
                    "shapes": shapes | {f"d{name}": list(g.shape) for name, g in grads.items()},
                    "dy": numbers(self._host(dy)),
                    "grads": {f"d{name}": numbers(self._host(g)) for name, g in grads.items()},
                }
            )
            dy = dx
        return {"loss": first, "layers": layers}

    def _update(self, before: Params) -> dict[str, Any]:
        training = self.training
        optimizer: Any = training.plan.optimizer
        inner = getattr(optimizer, "optimizer", optimizer)
        params = []
        for name, p in training.params.items():
            old, new = self._host(before[name]), self._host(p)
            change = finite(np.max(np.abs(new - old)))
            params.append({"name": name, "before": numbers(old, 2), "after": numbers(new, 2), "change": change})
        wrapped = [] if inner is optimizer else [formula(type(optimizer))]
        return {
            "kind": type(inner).__name__,
            "formula": ". ".join([*wrapped, formula(type(inner))]),
            "rate": finite(self._host(optimizer.current_rate(training.state))),
            "params": params,
        }
