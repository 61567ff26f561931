"""Model files: one safetensors file with the network as JSON in its metadata. No pickle, no code, no paths inside.

`check` says what a model file is, `data` how a network is written in one, `shapes` which tensors fit it, `write` how a
file is replaced.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, BinaryIO

from .. import backends
from ..backends import DTYPES, Backend, backend_of, numpy as host
from ..contract import Array, Layer, Loss, Params, Row
from ..errors import ModelFileError, NNXError, SettingError
from ..inputs import as_numbers
from ..inspection import layers_table, named, size_of
from ..markup import heading, table
from ..names import spelled
from ..network import predict
from ..settings import file_path, integer, optional_name
from . import foreign
from .check import HEADER_LIMIT, NAME, TENSOR_LIMIT, TYPES, VERSION, NoModelFile, Tensor, checked, header, parse
from .data import from_data, register, row_from, to_data
from .given import check_beside, sorted_out
from .lock import LockWarning, locked, writer
from .shapes import Found, fit, row_of
from .write import fault, open_whole, replacing, write_whole

if TYPE_CHECKING:  # reading tables is a third of nnx, and a training on arrays needs none of it
    from ..tables import TableEncoder, Target

__all__ = [
    "HEADER_LIMIT",
    "VERSION",
    "LockWarning",
    "Model",
    "from_data",
    "load",
    "locked",
    "open_whole",
    "read",
    "register",
    "replacing",
    "save",
    "to_data",
    "write_whole",
    "writer",
]


@dataclass(repr=False)
class Model:
    """Content of a model file, as `nnx.load` gives it: a network, its parameters on a backend, and its loss.

    Parameters
    ----------
    net : Layer
        The network.
    params : dict of str to array
        The parameters by name, on the backend's device.
    loss : Loss or None
        The loss that it was trained on; None if the file holds none. `predict` then gives the output.
    arrays : dict of str to array
        Further host arrays of the file, such as the means of the input columns.
    about : dict of str to Any
        Further plain data of the file, such as the names of classes.
    backend : Backend
        The library, device and float type that computes.
    encoder : TableEncoder or None, default None
        The way from the columns of a table to x.
    target : Target or None, default None
        The way from the output to class names or values.
    row : tuple of int or None, default None
        The shape of a row of x, such as (20,), where parameters or encoder tell it.

    Examples
    --------
    >>> net = nnx.mlp((8,), 2)
    >>> nnx.save("a.safetensors", net, nnx.init(net, 3), loss=nnx.SoftmaxCrossEntropy())
    >>> model = nnx.load("a.safetensors")
    >>> model.row, model.predict(np.zeros((4, 3))).shape
    ((3,), (4, 2))
    """

    net: Layer
    params: Params
    loss: Loss | None
    arrays: dict[str, Any]  # host arrays, such as the means of the input columns
    about: dict[str, Any]  # plain data, such as the names of classes
    backend: Backend
    encoder: "TableEncoder | None" = None  # from the columns of a table to x
    target: "Target | None" = None  # from the output to class names or values
    row: Row | None = None  # the shape of a row of x, where parameters or encoder tell it

    def _beside(self) -> list[str]:
        """What is beside the network, its parameters and its loss."""
        beside = [name for name in ("encoder", "target") if getattr(self, name) is not None]
        return beside + ([f"{len(self.arrays)} arrays"] if self.arrays else [])

    def __repr__(self) -> str:
        """The network and its loss, and what is beside them."""
        said = "".join(f"; with {', '.join(names)}" for names in [self._beside()] if names)
        count = size_of(self.params)
        return f"Model({named(self.net)}, {self.loss!r}; {count} parameters on {self.backend}{said})"

    def _repr_html_(self) -> str:
        facts = [("loss", repr(self.loss)), ("backend", str(self.backend)), ("with", ", ".join(self._beside()) or "-")]
        return heading("Model") + table((), facts) + layers_table(self.net, self.params)

    def __getstate__(self) -> dict[str, Any]:
        """Pickled with host arrays: JAX makes float32 of its own float64 ones as it reads them."""
        with self.backend.scope():
            return vars(self) | {"params": {name: self.backend.to_numpy(p) for name, p in self.params.items()}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        with self.backend.scope():
            self.params = {name: self.backend.floats(p) for name, p in self.params.items()}

    def output(self, x: Array) -> Array:
        """Output z of the network for rows of x, before the loss gives it a meaning.

        Parameters
        ----------
        x : array or sparse matrix
            Rows (rows, features), of the backend's library or on the host.

        Returns
        -------
        array
            The output (rows, outputs), on the backend's device.
        """
        with self.backend.scope():
            return predict(self.net, self.params, self.backend.as_floats(as_numbers("x", x, sparse=True)))

    def predict(self, x: Array) -> Array:
        """Predictions for rows of x in the target's terms: probabilities, counts, or values.

        Parameters
        ----------
        x : array or sparse matrix
            Rows (rows, features), of the backend's library or on the host.

        Returns
        -------
        array
            The predictions (rows, outputs), on the backend's device.
        """
        with self.backend.scope():
            return predict(
                self.net, self.params, self.backend.as_floats(as_numbers("x", x, sparse=True)), loss=self.loss
            )

    def predict_table(self, table: Any, *, proba: bool = False) -> Any:
        """Class names or values for the raw rows of a table, as TableEncoder takes them.

        Parameters
        ----------
        table : Any
            A table in memory, such as a data frame or a dict of columns.
        proba : bool, default False
            Give probabilities instead, for the classes of `target.classes` in their order.

        Returns
        -------
        array
            On the host: names or values (rows,), or probabilities (rows, classes).

        Raises
        ------
        ModelFileError
            If the file held no encoder.
        SettingError
            If probabilities are asked of a model of values.
        DataError
            If the table does not have the columns that are needed.
        """
        if self.encoder is None or self.target is None:
            raise ModelFileError("the model was saved without an encoder: give predict an array")
        return self.answer(self.encoder.encode(self.encoder.source(table)), proba=proba)

    def answer(self, x: Any, *, proba: bool = False) -> Any:
        """Class names, values or probabilities for encoded rows x, on the host.

        Parameters
        ----------
        x : array
            Rows (rows, features) as the encoder makes them.
        proba : bool, default False
            Give probabilities instead, for the classes of `target.classes` in their order.

        Returns
        -------
        array
            On the host: names or values (rows,), or probabilities (rows, classes).

        Raises
        ------
        ModelFileError
            If the file held no target.
        SettingError
            If probabilities are asked of a model of values.
        """
        if self.target is None:
            raise ModelFileError("the model was saved without a target: use predict")
        output = self.backend.to_numpy(self.predict(x))
        if proba and not self.target.classes:
            raise SettingError(f"the model predicts values of {self.target.name!r}, which have no probabilities")
        return output if proba else self.target.decode(output)


@spelled
def save(
    path: str | os.PathLike[str],
    net: Any,
    params: Mapping[str, Array] | None = None,
    *,
    loss: Loss | None = None,
    arrays: Mapping[str, Any] | None = None,
    about: Mapping[str, Any] | None = None,
    encoder: "TableEncoder | None" = None,
    target: "Target | None" = None,
    row: int | Sequence[int] | None = None,
) -> None:
    """Write a network and its parameters, of any library, to one file.

    The file is safetensors, with the network as JSON in its metadata: no pickle, no code. `nnx.load` reads it onto any
    backend. An older file is replaced whole or not at all.

    Parameters
    ----------
    path : str or path
        The file, such as "model.safetensors". The path is known by its type, so that `nnx.save(fit, path)` is the same
        as `nnx.save(path, fit)`.
    net : Layer, Fit or Model
        A network, with params; or an nnx.Fit, or what `nnx.load` gives, which have parameters and a loss of their own.
    params : dict of str to array, default None
        The parameters of a network by name, on any backend.
    loss : Loss, default None
        The loss, so that a loaded model predicts in the target's terms; a result has its own.
    arrays : dict of str to array, default None
        Further arrays to keep in the file, such as the means of the input columns.
    about : dict of str to Any, default None
        Further plain data to keep, which JSON can hold, such as the names of classes.
    encoder : TableEncoder, default None
        The way from a table to x; with a target, `Model.predict_table` then works.
    target : Target, default None
        The way from the output to classes or values.
    row : int or sequence of int, default None
        The shape of one row of x, such as (20,); None: what the parameters are for.

    Raises
    ------
    ModelFileError
        If the file cannot be written, or a layer or loss is neither nnx's own nor registered (`nnx.register`).
    SettingError
        If there is no path, no network, or a network without parameters; and for populations and estimators.

    Examples
    --------
    >>> net = nnx.mlp((8,), 2)
    >>> params = nnx.init(net, 3)
    >>> nnx.save("a.safetensors", net, params, loss=nnx.SoftmaxCrossEntropy(), about={"classes": ["no", "yes"]})
    >>> nnx.load("a.safetensors").about
    {'classes': ['no', 'yes']}
    """
    path, net, params, own = sorted_out(path, net, params)
    loss = own[0] if loss is None else loss
    encoder = own[1] if encoder is None else encoder
    target = own[2] if target is None else target
    row = own[3] if row is None else row
    try:
        check_beside(loss=loss, arrays=arrays, about=about, encoder=encoder, target=target)
        if row is not None:
            row = row_from([integer("row", n) for n in (row if isinstance(row, (list, tuple)) else [row])])
        else:
            row = row_of(net, {name: tuple(p.shape) for name, p in params.items()})
        if row is None and encoder is not None:
            row = (encoder.width,)
        description: dict[str, Any] = {"version": VERSION, "net": to_data(net), "row": row and list(row)}
        description |= {"loss": loss and to_data(loss), "about": dict(about or {})}
        description |= {"encoder": encoder and encoder.to_data(), "target": target and target.to_data()}
        text = json.dumps(description, allow_nan=False)
        found = {f"params.{name}": backend_of(p).to_numpy(p) for name, p in params.items()}
        found |= {f"arrays.{name}": a for name, a in (arrays or {}).items()}
        tensors, pieces = _lay_out(found)
        _Described(parse(text), tensors)  # what would not be read back is not written
        head, place = header(text, tensors)
    except (TypeError, ValueError, AttributeError, RecursionError, NNXError) as error:
        raise fault(path, f"cannot be written: {_line(error)}") from None
    digest = sha256(head)
    for piece in pieces:
        digest.update(piece)
    write_whole(path, head[:place], digest.hexdigest().encode(), head[place + 64 :], *pieces)


@spelled
def load(path: str | os.PathLike[str], *, backend: str | Backend | None = None, dtype: str | None = None) -> Model:
    """Read a model file onto a backend, whichever it was saved from.

    All of the file is checked before anything is made of it, and nothing in it is run, so that a file of a stranger can
    be opened: see SECURITY.md.

    Parameters
    ----------
    path : str or path
        A file that `nnx.save`, a checkpoint of `nnx.fit` or `nnx train` has written.
    backend : str or Backend, default None
        A name such as "numpy", "torch:cuda" or "jax", or an nnx.Backend; None: NNX_BACKEND or NumPy.
    dtype : str, default None
        The float type to compute in, "float32" or "float64"; None: the file's.

    Returns
    -------
    Model
        The model, with `net`, `params`, `loss`, `arrays`, `about`, `backend`, `encoder`, `target` and `row`, and the
        methods `predict`, `output` and `predict_table`.

    Raises
    ------
    ModelFileError
        If the file is no model file, is damaged, or holds layers that are unknown here; the text says what it is
        instead.
    BackendError
        If the backend cannot run here.

    Examples
    --------
    >>> net = nnx.mlp((8,), 2)
    >>> nnx.save("a.safetensors", net, nnx.init(net, 3), loss=nnx.SoftmaxCrossEntropy())
    >>> model = nnx.load("a.safetensors", dtype="float64")
    >>> model.predict(np.zeros((4, 3))).shape
    (4, 2)
    """
    path, dtype = file_path("load", path), optional_name("load: dtype", dtype)
    try:
        if path.is_dir():
            raise ModelFileError(foreign.folder(path))
        with open_whole(path) as file:
            try:
                return read(file, os.fstat(file.fileno()).st_size, backend, dtype)
            except NoModelFile as error:
                raise ModelFileError(foreign.kind_of(file, path.suffix) or str(error)) from None
    except ModelFileError as error:
        raise fault(path, str(error)) from None
    except FileNotFoundError as error:
        raise fault(path, f"cannot be read: {error.strerror}{foreign.like(path)}") from None
    except MemoryError as error:
        raise fault(path, f"too large for the memory: {_line(error)}") from None
    except (OSError, ValueError) as error:
        if isinstance(error, NNXError):
            raise
        raise fault(path, f"cannot be read: {getattr(error, 'strerror', None) or _line(error)}") from None


def read(file: BinaryIO, size: int, backend: str | Backend | None = "numpy", dtype: str | None = None) -> Model:
    """The model in an open file of so many bytes.

    Raises: ModelFileError, whose text does not name the file; BackendError.
    """
    description, tensors = checked(file, size)
    made = _Described(description, tensors)
    arrays = {t.name: _array(file, t) for t in tensors}
    params = {name.removeprefix("params."): a for name, a in arrays.items() if name.startswith("params.")}
    others = {name.removeprefix("arrays."): a for name, a in arrays.items() if name.startswith("arrays.")}
    chosen = backends.backend(backend, dtype or max((str(a.dtype) for a in params.values()), default="float32"))
    with chosen.scope():
        floats = {name: chosen.floats(a) for name, a in params.items()}
    return Model(made.net, floats, made.loss, others, made.about, chosen, made.encoder, made.target, made.row)


class _Described:
    """A description that fits together, and the tensors beside it. Raises: ModelFileError."""

    def __init__(self, data: dict[str, Any], tensors: list[Tensor]) -> None:
        try:
            keys = ("version", "net", *(["row"] if data["version"] > 1 else []), "loss", "about", "encoder", "target")
            for key in (*keys, *data):
                if key not in data or key not in keys:
                    raise ModelFileError(f"its description {'lacks' if key in keys else 'has'} {key[:40]!r}")
            if type(data["about"]) is not dict:
                raise ModelFileError("what is written beside it is no object")
            shapes = {t.name.removeprefix("params."): t.shape for t in tensors if t.name.startswith("params.")}
            strange = [t.name for t in tensors if t.name.startswith("params.") and t.dtype not in DTYPES]
            if strange:
                raise ModelFileError(f"parameter {strange[0][:60]!r} is not of float32 or float64")
            self.about: dict[str, Any] = data["about"]
            self.net: Layer = from_data(data["net"], Layer)
            self.loss: Loss | None = None if data["loss"] is None else from_data(data["loss"], Loss)
            from ..tables import TableEncoder, Target

            self.encoder = None if data["encoder"] is None else TableEncoder.from_data(data["encoder"])
            self.target = None if data["target"] is None else Target.from_data(data["target"])
            self.row = row_from(data.get("row")) or row_of(self.net, shapes)
            self._fit(shapes)
        except ModelFileError as error:
            raise ModelFileError(f"not a model of nnx: {error}") from None
        except (LookupError, ArithmeticError, TypeError, ValueError, AttributeError, RecursionError, NNXError) as error:
            raise ModelFileError(f"not a model of nnx: {_line(error)}") from None

    def _fit(self, shapes: Found) -> None:
        """Raise unless parameters, encoder and target are for the network, and all of them for the same rows."""
        if self.encoder is not None:
            self.row = self.row or (self.encoder.width,)
            if self.row != (self.encoder.width,):
                wrong = f"parameters do not fit the network: its encoder makes {self.encoder.width} columns"
                raise ModelFileError(f"{wrong}, it takes rows of {self.row}")
        out = fit(self.net, shapes, self.row)
        classes = 0 if self.target is None else len(self.target.classes)
        copies = 1 if self.loss is None else self.loss.copies
        if copies != self.net.copies and (self.loss is not None or self.target is not None):
            raise ModelFileError(f"its loss is for {copies} members, its network has {self.net.copies}")
        if classes and out is not None and out != (classes,):
            raise ModelFileError(f"its target has {classes} classes, its network outputs {out}")


def _lay_out(arrays: Mapping[str, Any]) -> tuple[list[Tensor], list[Any]]:
    """The place of each host array, the wide types first so that all are aligned; and their bytes in that order.

    Raises: ValueError.
    """
    xp, kinds = host.namespace(), {dtype: width for dtype, width in TYPES.values()}
    whole = {name: host.put(a, None, None) for name, a in arrays.items()}  # in C order
    for name, a in whole.items():
        if not NAME.fullmatch(name):
            raise ValueError(f"the name {name[:60]!r} has other than letters, digits and _.- or is too long")
        if str(a.dtype) not in kinds:
            raise ValueError(f"{name[:60]!r} is of {str(a.dtype)[:20]}, which a model file cannot hold")
    if len(whole) > TENSOR_LIMIT:
        raise ValueError(f"it has {len(whole)} tensors, {TENSOR_LIMIT} may be written")
    tensors, pieces, end = [], [], 0
    for name in sorted(whole, key=lambda name: (-kinds[str(whole[name].dtype)], name)):
        a = whole[name]
        tensors.append(Tensor(name, str(a.dtype), a.shape, end, end + a.nbytes))
        pieces.append(memoryview(xp.asarray(a, dtype=a.dtype.newbyteorder("<")).reshape(-1).view("uint8")))
        end += a.nbytes
    return tensors, pieces


def _array(file: BinaryIO, tensor: Tensor) -> Any:
    """The host array of a tensor, which begins where the file stands."""
    xp = host.namespace()
    flags = tensor.dtype == "bool"
    a = xp.empty(tensor.shape, dtype=xp.dtype("uint8" if flags else tensor.dtype).newbyteorder("<"))
    flat = a.reshape(-1).view("uint8")
    view, done = memoryview(flat), 0
    while done < len(view):
        count = file.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            raise ModelFileError("it was changed while it was read")
        done += count
    if flags and (flat > 1).any():
        raise ModelFileError(f"not a model file: tensor {tensor.name[:60]!r} has truth values other than 0 and 1")
    return a.view("bool") if flags else xp.asarray(a, dtype=a.dtype.newbyteorder("="))


def _line(error: BaseException) -> str:
    """The first line of an error's text."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
