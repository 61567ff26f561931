"""Where in a graph and among the parameters a layer stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .graph import Nodes


@dataclass(frozen=True)
class Place:
    """A layer's place in a network: the graph that takes its nodes, and its own among the host parameters."""

    graph: Nodes
    params: Mapping[str, Any]
    path: str = ""

    def at(self, i: int) -> "Place":
        """The place of a container's i-th part."""
        return Place(self.graph, self.params, f"{self.path}{i}.")

    def array(self, name: str) -> Any:
        """A parameter of the layer as a host array."""
        return self.params[self.path + name]

    def constant(self, name: str, array: Any = None) -> str:
        """A parameter of the layer, or what is given in its stead, as a constant of the graph."""
        return self.graph.constant(self.array(name) if array is None else array, self.path + name)

    def node(self, op: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node and give its output's name."""
        return self.graph.node(op, *inputs, **attributes)
