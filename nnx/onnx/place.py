"""Where in a graph and among the parameters a layer stands."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..contract import Layer, Row
from .graph import Nodes


@dataclass(frozen=True)
class Place:
    """A layer's place in a network: the graph, its own among the host parameters, and the shape of a row of its x."""

    graph: Nodes
    params: Mapping[str, Any]
    row: Row
    path: str = ""

    def at(self, i: int) -> "Place":
        """The place of a container's i-th part."""
        return replace(self, path=f"{self.path}{i}.")

    def after(self, layer: Layer) -> "Place":
        """The same place for what comes after a layer."""
        return replace(self, row=layer.shapes(self.row)[1])

    def array(self, name: str) -> Any:
        """A parameter of the layer as a host array."""
        return self.params[self.path + name]

    def constant(self, name: str, array: Any = None) -> str:
        """A parameter of the layer, or what is given in its stead, as a constant of the graph."""
        return self.graph.constant(self.array(name) if array is None else array, self.path + name)

    def node(self, op: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node and give its output's name."""
        return self.graph.node(op, *inputs, **attributes)
