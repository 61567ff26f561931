"""An ONNX graph under construction. What adds nodes to one knows only `Nodes`, so that skl2onnx's can take them too."""

from typing import Any, Protocol

from .._version import __version__
from ..backends import numpy as host
from ..errors import BackendError, SettingError, require, shown

xp = host.namespace()
TYPES = {"float32": "FLOAT", "float64": "DOUBLE", "int64": "INT64", "bool": "BOOL", "str": "STRING"}
IR = {13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10}  # the oldest file version that holds an opset
LEARNING, MICROSOFT = "ai.onnx.ml", "com.microsoft"  # operators beside ONNX's own: LabelEncoder; MurmurHash3
VERSIONS = {LEARNING: 2, MICROSOFT: 1}  # these go with every opset
LIMIT = 1_500_000_000  # bytes of weights: a protobuf message ends at 2 GiB


class Nodes(Protocol):
    """A graph to add nodes and constants to. A value is known by its name; `dtype` is the type of the arithmetic."""

    opset: int
    dtype: str

    def fresh(self, stem: str) -> str:
        """Name that nothing in the graph has yet.

        Parameters
        ----------
        stem : str
            What the name begins with.

        Returns
        -------
        str
            The name.
        """
        ...

    def initializer(self, name: str, array: Any) -> None:
        """Add a constant.

        Parameters
        ----------
        name : str
            Its name.
        array : array
            A host array of numbers, or of objects that are all text.
        """
        ...

    def add(self, op: str, inputs: list[str], outputs: list[str], attributes: dict[str, Any]) -> None:
        """Add a node.

        Parameters
        ----------
        op : str
            The operator, such as "MatMul".
        inputs : list of str
            The names of the values that it takes.
        outputs : list of str
            The names of the values that it makes.
        attributes : dict of str to Any
            Its attributes; `domain` names operators that are not ONNX's own.
        """
        ...

    def constant(self, value: Any, stem: str = "constant", *, dtype: str | None = None) -> str:
        """Name of a new constant.

        Parameters
        ----------
        value : Any
            A number, text, or an array or list of them: whole numbers and booleans become int64.
        stem : str, default "constant"
            What the name begins with.
        dtype : str, default None
            The type of floats; None: that of the graph.

        Returns
        -------
        str
            The name.
        """
        name = self.fresh(stem)
        self.initializer(name, as_host(value, dtype or self.dtype))
        return name

    def node(self, op: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node of one output, and give its name.

        Parameters
        ----------
        op : str
            The operator, such as "MatMul".
        *inputs : Any
            Names of values; what is no text is a constant.
        **attributes : Any
            Attributes of the operator.

        Returns
        -------
        str
            The name of the output.
        """
        return self.nodes(op, *inputs, outputs=1, **attributes)[0]

    def nodes(self, op: str, *inputs: Any, outputs: int, **attributes: Any) -> list[str]:
        """Add a node of several outputs, and give their names.

        Parameters
        ----------
        op : str
            The operator, such as "TopK".
        *inputs : Any
            Names of values; what is no text is a constant.
        outputs : int
            How many outputs it has.
        **attributes : Any
            Attributes of the operator.

        Returns
        -------
        list of str
            The names of the outputs.
        """
        given = [v if isinstance(v, str) else self.constant(v) for v in inputs]
        made = [self.fresh(op) for _ in range(outputs)]
        self.add(op, given, made, attributes)
        return made

    def cast(self, x: str, dtype: str) -> str:
        """Name of a new value: x in another type.

        Parameters
        ----------
        x : str
            The name of a value.
        dtype : str
            The type: "float32", "float64", "int64", "bool" or "str".

        Returns
        -------
        str
            The name.
        """
        return self.node("Cast", x, to=tensor_type(dtype))


class Graph(Nodes):
    """ONNX graph on its way to a model, to which nodes are added.

    It is for those who put operators of their own before or after a network. Values are known by their names. Declare
    the inputs first: theirs are the names of the user.

    Parameters
    ----------
    opset : int, default 17
        The version of ONNX's operators, from 13 to 21.
    dtype : str, default "float32"
        The float type of the arithmetic, whatever that of inputs and outputs.

    Raises
    ------
    SettingError
        If the opset is outside its range.
    BackendError
        If onnx is not installed.

    Examples
    --------
    >>> graph = nnx.onnx.Graph()
    >>> x = graph.input("x", "float32", ["rows", 3])
    >>> graph.output("y", graph.node("Mul", x, 2.0), "float32", ["rows", 3])
    >>> model = graph.model("twice x")
    >>> [node.op_type for node in model.graph.node]
    ['Mul', 'Identity']
    """

    def __init__(self, *, opset: int = 17, dtype: str = "float32") -> None:
        library()
        require(opset in IR, f"to_onnx: opset must be from {min(IR)} to {max(IR)}, got {shown(opset)}")
        self.opset, self.dtype = opset, dtype
        self._names: set[str] = set()
        self._bytes = 0
        self._versions = {"": opset}
        self._parts: dict[str, list[Any]] = {kind: [] for kind in ("inputs", "outputs", "nodes", "constants")}

    def fresh(self, stem: str) -> str:
        """Name that nothing in the graph has yet.

        Parameters
        ----------
        stem : str
            What the name begins with.

        Returns
        -------
        str
            The name.
        """
        name, i = stem, 0
        while name in self._names:
            i += 1
            name = f"{stem}_{i}"
        self._names.add(name)
        return name

    def initializer(self, name: str, array: Any) -> None:
        """Add a constant.

        Parameters
        ----------
        name : str
            Its name.
        array : array
            A host array of numbers, or of objects that are all text.

        Raises
        ------
        SettingError
            If all constants together are above 1.5 GB.
        """
        self._bytes += array.nbytes
        require(self._bytes <= LIMIT, f"to_onnx: weights of more than {LIMIT / 1e9:.1f} GB do not fit in one ONNX file")
        self._parts["constants"].append(tensor(name, array))

    def add(self, op: str, inputs: list[str], outputs: list[str], attributes: dict[str, Any]) -> None:
        """Add a node.

        Parameters
        ----------
        op : str
            The operator, such as "MatMul".
        inputs : list of str
            The names of the values that it takes.
        outputs : list of str
            The names of the values that it makes.
        attributes : dict of str to Any
            Its attributes; `domain` names operators that are not ONNX's own.
        """
        domain = attributes.get("domain", "")
        self._versions.setdefault(domain, VERSIONS.get(domain, 1))
        self._parts["nodes"].append(library().helper.make_node(op, inputs, outputs, name=outputs[0], **attributes))

    def free(self, name: str) -> str:
        """Name for an output: with a "_" at its end for as long as something has it, such as an input.

        Parameters
        ----------
        name : str
            The name that is wanted.

        Returns
        -------
        str
            The name, which nothing has.
        """
        while name in self._names:
            name += "_"
        return name

    def input(self, name: str, dtype: str, shape: list[Any], about: str = "") -> str:
        """Declare an input of this name.

        Parameters
        ----------
        name : str
            Its name.
        dtype : str
            Its type: "float32", "float64", "int64", "bool" or "str".
        shape : list of int or str
            Its shape: numbers, or words for what differs from call to call, such as "rows".
        about : str, optional
            A line for a person, which the file holds beside it.

        Returns
        -------
        str
            The name.

        Raises
        ------
        SettingError
            If something has the name already.
        """
        require(name not in self._names, f"to_onnx: two inputs or outputs are called {name!r}: rename one")
        self._names.add(name)
        self._parts["inputs"].append(value(name, dtype, shape, about))
        return name

    def output(self, name: str, source: str, dtype: str, shape: list[Any], *, cast: bool = False) -> None:
        """Declare a value an output of this name.

        Parameters
        ----------
        name : str
            The name of the output.
        source : str
            The name of the value.
        dtype : str
            Its type: "float32", "float64", "int64", "bool" or "str".
        shape : list of int or str
            Its shape: numbers, or words for what differs from call to call.
        cast : bool, default False
            Bring it from the graph's float type to dtype.

        Raises
        ------
        SettingError
            If something has the name already.
        """
        require(name not in self._names, f"to_onnx: two inputs or outputs are called {name!r}: rename one")
        self._names.add(name)
        if cast and dtype != self.dtype:
            self.add("Cast", [source], [name], {"to": tensor_type(dtype)})
        else:
            self.add("Identity", [source], [name], {})
        self._parts["outputs"].append(value(name, dtype, shape))

    def model(self, about: str) -> Any:
        """Finished model, checked.

        Parameters
        ----------
        about : str
            A line for a person, which the file holds.

        Returns
        -------
        onnx.ModelProto
            The model.

        Raises
        ------
        SettingError
            If ONNX has no such graph.
        """
        onnx, parts = library(), self._parts
        graph = onnx.helper.make_graph(
            parts["nodes"], "nnx", parts["inputs"], parts["outputs"], initializer=parts["constants"]
        )
        made = onnx.helper.make_model(
            graph,
            opset_imports=[onnx.helper.make_opsetid(*pair) for pair in self._versions.items()],
            ir_version=IR[self.opset],
            producer_name="nnx",
            producer_version=__version__,
            doc_string=about,
        )
        try:
            onnx.checker.check_model(made, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise SettingError(f"to_onnx: not a valid graph: {str(error).splitlines()[0]}") from None
        return made


def library() -> Any:
    """onnx. Raises BackendError if it is not installed."""
    try:
        import onnx
        import onnx.checker
        import onnx.shape_inference
    except ImportError:
        raise BackendError("ONNX models need onnx: pip install 'nnx-array[onnx]'") from None
    return onnx


def as_host(given: Any, dtype: str) -> Any:
    """A number, text, or an array or list of them, as a host array for a constant. Raises SettingError for others."""
    array = xp.asarray(given)
    if array.dtype.kind == "f":
        return array.astype(dtype)
    if array.dtype.kind in "iub":
        return array.astype("int64")
    text = array.astype(object)
    require(
        all(isinstance(v, str) for v in text.ravel().tolist()),
        f"to_onnx: expected numbers or text, got elements such as {text.ravel()[0]!r}",
    )
    return text


def tensor(name: str, array: Any) -> Any:
    """onnx's TensorProto of a host array."""
    return library().numpy_helper.from_array(xp.ascontiguousarray(array).reshape(array.shape), name)


def tensor_type(dtype: str) -> int:
    """onnx's number for a type, one of TYPES."""
    return int(getattr(library().TensorProto, TYPES[dtype]))


def value(name: str, dtype: str, shape: list[Any], about: str = "") -> Any:
    """onnx's ValueInfoProto: the name, type and shape of an input or output."""
    return library().helper.make_tensor_value_info(name, tensor_type(dtype), shape, about)
