"""Model files: one safetensors file with the network as JSON in its metadata. No pickle, no code, no paths inside.

Layers, initializers and losses are written by name and read back through the closed tables of this package.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from . import backends, initializers
from .backends import DTYPES, Backend, backend_of, numpy as host
from .contract import Array, Initializer, Layer, Loss, Params
from .errors import ModelFileError, NNXError, SettingError, numbers
from .layers import LAYERS
from .losses import LOSSES
from .network import predict
from .tables import TableEncoder, Target

VERSION = 1
HEADER_LIMIT = 4 * 2**20  # bytes of the JSON header: a network has a few kilobytes
_INITIALIZERS = [v for v in vars(initializers).values() if isinstance(v, type) and Initializer in v.__mro__[1:]]
_TABLES: dict[Any, dict[str, type]] = {
    kind: {k.__name__: k for k in known}
    for kind, known in ((Layer, LAYERS.values()), (Loss, LOSSES.values()), (Initializer, _INITIALIZERS))
}
_KINDS = {name: kind for table in _TABLES.values() for name, kind in table.items()}
DEPTH_LIMIT = 32


@dataclass
class Model:
    """What a model file holds: a network, its parameters on a backend, its loss, and what was written beside them."""

    net: Layer
    params: Params
    loss: Loss | None
    arrays: dict[str, Any]  # host arrays, such as the means of the input columns
    about: dict[str, Any]  # plain data, such as the names of classes
    backend: Backend
    encoder: TableEncoder | None = None  # from the columns of a table to x
    target: Target | None = None  # from the output to class names or values

    def output(self, x: Array) -> Array:
        """The network's output z for x (rows, features), which may be on the host."""
        with self.backend.scope():
            return predict(self.net, self.params, self.backend.as_floats(x))

    def predict(self, x: Array) -> Array:
        """The output in the target's terms: probabilities, counts, or values. Shapes: x (rows, features)."""
        with self.backend.scope():
            return predict(self.net, self.params, self.backend.as_floats(x), loss=self.loss)

    def predict_table(self, table: Any, *, proba: bool = False) -> Any:
        """Class names or values for the raw rows of a table, as TableEncoder takes them; (rows,) on the host.

        proba: probabilities (rows, classes) instead, for the classes of `target.classes` in their order.
        Raises: ModelFileError if the file held no encoder; DataError.
        """
        if self.encoder is None or self.target is None:
            raise ModelFileError("the model was saved without an encoder: give predict an array")
        return self.answer(self.encoder.encode(self.encoder.source(table)), proba=proba)

    def answer(self, x: Any, *, proba: bool = False) -> Any:
        """Class names, values or probabilities for encoded rows x, on the host."""
        if self.target is None:
            raise ModelFileError("the model was saved without a target: use predict")
        output = self.backend.to_numpy(self.predict(x))
        if proba and not self.target.classes:
            raise SettingError(f"the model predicts values of {self.target.name!r}, which have no probabilities")
        return output if proba else self.target.decode(output)


def save(
    path: str | os.PathLike[str],
    net: Layer,
    params: Mapping[str, Array],
    *,
    loss: Loss | None = None,
    arrays: Mapping[str, Any] | None = None,
    about: Mapping[str, Any] | None = None,
    encoder: TableEncoder | None = None,
    target: Target | None = None,
) -> None:
    """Write a network and its parameters, of any library, to one file; an older file is replaced whole or not at all.

    encoder, target: how a table becomes x, and the output classes or values: then `Model.predict_table` works.
    Raises: ModelFileError if the file cannot be written, or a layer is none of nnx's own.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save as to_bytes

    path = Path(path)
    _check_names(f"{path}: cannot be written", net, params)
    if loss is not None and type(loss) not in LOSSES.values():
        raise ModelFileError(f"{path}: cannot be written: {loss!r} is not one of nnx's losses")
    header = {"version": VERSION, "net": to_data(net), "loss": None if loss is None else to_data(loss)}
    header["about"] = dict(about or {})
    header |= {"encoder": encoder and encoder.to_data(), "target": target and target.to_data()}
    tensors = {f"params.{name}": backend_of(p).to_numpy(p) for name, p in params.items()}
    tensors |= {f"arrays.{name}": a for name, a in (arrays or {}).items()}
    tensors = {name: host.put(a, None, None) for name, a in tensors.items()}  # whole and in C order
    try:
        text = json.dumps(header, allow_nan=False)
        if len(text) > HEADER_LIMIT // 2:
            raise ValueError(f"its description would have {len(text)} bytes, {HEADER_LIMIT // 2} may be written")
        content = to_bytes(tensors, {"format": "nnx", "nnx": text})
    except (TypeError, ValueError, SafetensorError) as error:
        raise ModelFileError(f"{path}: cannot be written: {str(error).splitlines()[0]}") from None
    write_whole(path, content)


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file; an older one is replaced whole or not at all. Raises: ModelFileError."""
    path = Path(path)
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | os.PathLike[str], *, backend: str | Backend = "numpy", dtype: str | None = None) -> Model:
    """Read a model file onto a backend, whichever it was saved from; in the file's float type unless one is given.

    Raises: ModelFileError, BackendError.
    """
    path = Path(path)
    header, tensors = _read(path)
    try:
        if header["version"] != VERSION:
            raise ModelFileError(f"version {header['version']} is not known to this nnx, which reads {VERSION}")
        net, loss = from_data(header["net"], Layer), None if header["loss"] is None else from_data(header["loss"], Loss)
        about = dict(header["about"])
        table = header.get("encoder") and TableEncoder.from_data(header["encoder"])
        target = header.get("target") and Target.from_data(header["target"])
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, NNXError) as error:
        raise ModelFileError(f"{path}: not a model of nnx: {error}") from None
    found = {name.removeprefix("params."): a for name, a in tensors.items() if name.startswith("params.")}
    arrays = {name.removeprefix("arrays."): a for name, a in tensors.items() if name.startswith("arrays.")}
    _check_names(str(path), net, found)
    strange = [name for name, a in found.items() if str(a.dtype) not in DTYPES]
    if strange:
        raise ModelFileError(f"{path}: parameter {strange[0]!r} is not of float32 or float64")
    widest = max((str(a.dtype) for a in found.values()), default="float32")
    chosen = backends.backend(backend, dtype or widest)
    with chosen.scope():
        return Model(
            net,
            {name: chosen.floats(a) for name, a in found.items()},
            loss,
            arrays,
            about,
            chosen,
            table or None,
            target or None,
        )


def _check_names(text: str, net: Layer, params: Mapping[str, Array]) -> None:
    wanted = {*net.names, *net.running}
    if wanted != set(params):
        raise ModelFileError(f"{text}: parameters do not fit the network: {sorted(wanted ^ set(params))[0]!r}")


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
        if length > HEADER_LIMIT:
            raise ModelFileError(f"{path}: not a model file: its header would have {length} bytes")
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != "nnx":
                raise ModelFileError(f"{path}: a safetensors file, but not one of nnx")
            return json.loads(metadata["nnx"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (SafetensorError, ValueError, KeyError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path}: not a model file: {str(error).splitlines()[0]}") from None


def to_data(value: Any) -> Any:
    """A layer, loss or initializer and its settings as plain data. Raises ModelFileError for classes not in nnx."""
    if is_dataclass(value):
        kind = type(value).__name__
        if _KINDS.get(kind) is not type(value):
            raise ModelFileError(f"{kind} is not one of nnx's own and cannot be written to a file")
        return {"kind": kind} | {f.name: to_data(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [to_data(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return numbers(value)  # a setting with one number for each member


def from_data(data: Any, expected: Any, depth: int = 0) -> Any:
    """What `to_data` wrote, if it is of the kind expected: Layer, Loss, Initializer, or numbers and text.

    Raises ModelFileError for an unknown name or setting, or one of another kind.
    """
    if depth > DEPTH_LIMIT:
        raise ModelFileError("layers are nested too deep")
    if isinstance(data, list):
        inner = Layer if expected == tuple[Layer, ...] else expected
        return tuple(from_data(v, inner, depth + 1) for v in data)
    table = _TABLES.get(expected)
    if not isinstance(data, dict):
        if table is not None:
            raise ModelFileError(f"expected a {expected.__name__.lower()}, found {data!r}"[:120])
        return data
    kind = (table or {}).get(str(data.get("kind")))
    if kind is None:
        raise ModelFileError(f"unknown kind {data.get('kind')!r}"[:120])
    types = {f.name: f.type for f in fields(kind)}
    unknown = set(data) - {"kind", *types}
    if unknown:
        raise ModelFileError(f"{kind.__name__} has no setting {sorted(unknown)[0]!r}")
    settings = {name: from_data(v, types[name], depth + 1) for name, v in data.items() if name != "kind"}
    return kind(*settings["layers"]) if "layers" in settings else kind(**settings)
