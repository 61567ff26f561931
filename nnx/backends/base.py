"""A Backend: one array library on one device with one float type, and what a Library must be able to do."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from ..contract import Array
from ..errors import BackendError, shown
from ..markup import heading, table
from .arrays import device, in_parts, is_array, is_sparse, library_name

DTYPES = ("float32", "float64")
PRECISIONS = {"": "not at all", "tf32": "to 10 bits", "bf16": "to 7 bits"}  # of the fraction; sums stay float32


class Traits(NamedTuple):
    """What can be said of a library wherever its arrays are."""

    is_host: bool = False  # its arrays are those of the host, and may be sparse; steps run on threads of nnx
    records: bool = False  # a step of it can be recorded, and compiled or captured from the recording
    has_nccl: bool = False  # ranks exchange its arrays from device to device


class Kind(NamedTuple):
    """What a device is, and what it can compute in."""

    text: str = ""  # by which `find_device` finds it
    is_gpu: bool = False  # a GPU, or another accelerator
    precisions: tuple[str, ...] = ()  # to which it can round the factors of products
    no_double: str = ""  # why it cannot compute in float64, or ""


class Library(Protocol):
    """What nnx needs of an array library beyond the standard. Each module beside this one is a Library."""

    @property
    def traits(self) -> Traits: ...

    @property
    def name(self) -> str: ...

    def namespace(self) -> Any:
        """The array API namespace. Raises BackendError if the library is not installed."""
        ...

    def find_device(self, text: str) -> Any:
        """The library's device for a text such as "cuda:1"; "" is the default. Raises BackendError if there is none."""
        ...

    def kind(self, device: Any) -> Kind:
        """What the device is."""
        ...

    def put(self, x: Any, dtype: Any, device: Any) -> Array:
        """A copy of x, a host array or one of this library, with this dtype (None: its own) on the device."""
        ...

    def get(self, x: Array) -> Any:
        """x as a NumPy array on the host."""
        ...

    def plain(self, x: Array) -> Array:
        """An array given by a user as one that can be computed with. Raises DataError for what cannot become that."""
        ...

    def share(self, x: Any, device: Any) -> Array | None:
        """An array on the device in the memory of this host array; None where that cannot be."""
        ...

    def loop(self, step: Callable[..., Any], mode: bool | str, epochs: int, precision: str) -> "Plain":
        """What runs the steps of a training of so many epochs.

        mode: whether to compile them; True where it must be, "always" where it can be, "auto" where it pays.
        """
        ...

    def scope(self, device: Any, dtype: str, precision: str) -> AbstractContextManager[Any]:
        """What must be set while nnx computes; whatever was set before comes back afterwards."""
        ...

    def compile(self, function: Callable[..., Any], donate: tuple[int, ...]) -> Callable[..., Any]:
        """The function made fast; the arguments numbered in `donate` may be overwritten."""
        ...

    def environment(self, device: Any) -> dict[str, str]:
        """What bits depend on there besides the version of the library."""
        ...

    def free_memory(self, device: Any) -> int:
        """Bytes that new arrays may take there; 0 where that is not known."""
        ...

    def describe(self, device: Any) -> dict[str, str]:
        """Facts for a person: version, device, memory, threads."""
        ...


@dataclass(frozen=True, repr=False)
class Backend:
    """Array library on one device, with the float type to compute in.

    `nnx.backend("torch:cuda")` makes one by name, and most functions of nnx take either. The methods move arrays to it
    and back; `xp` computes with them.

    Parameters
    ----------
    library : Library
        The module of nnx that knows the array library.
    xp : module
        The library's namespace of the array API standard: `backend.xp.exp(x)`.
    device : Any, default None
        The library's own device object; None is its default device.
    dtype : str, default "float32"
        The float type to compute in, "float32" or "float64".
    why : str, optional
        Of several names, which was taken and why the others were not, in one line.
    precision : str, optional
        To what a GPU may round the factors of float32 matrix products: "tf32" (10 bits of the fraction) or "bf16" (7
        bits); "" is not at all. Sums stay float32.

    Raises
    ------
    BackendError
        For another dtype or precision, or a precision that is not for float32 on a GPU.

    Examples
    --------
    >>> backend = nnx.backend("numpy", dtype="float64")
    >>> x = backend.floats([[1, 2], [3, 4]])
    >>> print(backend, x.dtype, backend.xp.sum(x))
    numpy, float64 float64 10.0
    """

    library: Library
    xp: Any
    device: Any = None
    dtype: str = "float32"
    why: str = field(default="", compare=False)
    precision: str = ""

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise BackendError(
                f"dtype {self.dtype!r} is not supported on {self.name}: choose one of {', '.join(DTYPES)}"
            )
        if self.precision not in PRECISIONS:
            raise BackendError(f"precision must be 'tf32' or 'bf16', or left out; got {shown(self.precision)}")
        kind = self.library.kind(self.device)
        if self.dtype == "float64" and kind.no_double:
            raise BackendError(f"dtype 'float64' is not supported on {self.place}: {kind.no_double}; use 'float32'")
        if self.precision and self.dtype == "float32" and kind.is_gpu and self.precision not in kind.precisions:
            raise BackendError(f"precision={self.precision!r} changes nothing on {self.place}: leave it out")
        if self.precision and (self.dtype != "float32" or not kind.is_gpu):
            raise BackendError(
                f"precision={self.precision!r} is for float32 on a GPU, not for {self.place}, {self.dtype}"
            )

    @property
    def name(self) -> str:
        """The library: "numpy", "cupy", "torch", "jax", "mlx", or that of other arrays."""
        return self.library.name

    @property
    def is_gpu(self) -> bool:
        """True if its device is a GPU, or another accelerator such as a TPU."""
        return self.library.kind(self.device).is_gpu

    @property
    def has_double(self) -> bool:
        """True if its device computes in float64."""
        return not self.library.kind(self.device).no_double

    @property
    def is_host(self) -> bool:
        """True for NumPy, whose arrays are those of the host."""
        return self.library.traits.is_host

    @property
    def records(self) -> bool:
        """True if steps can be recorded, to be compiled or captured."""
        return self.library.traits.records

    @property
    def has_nccl(self) -> bool:
        """True if ranks can exchange its arrays from device to device."""
        return self.library.traits.has_nccl

    def __hash__(self) -> int:  # CuPy's devices can be compared, but have no hash
        return hash((self.name, str(self.device), self.dtype, self.precision))

    def __reduce__(self) -> tuple[Any, tuple[str, str, str]]:
        """Pickled as its name: a module or a device cannot travel."""
        from .choose import backend

        where = "" if self.device is None else self.library.kind(self.device).text
        return backend, (f"{self.name}:{where}" if where else self.name, self.dtype, self.precision)

    def __str__(self) -> str:
        return f"{self.place}, {self.precision or self.dtype}"

    def __repr__(self) -> str:
        """The library, its device, and the type of numbers."""
        return f"<Backend {self}>"

    def _repr_html_(self) -> str:
        facts = {"dtype": self.dtype} | ({"precision": self.precision} if self.precision else {})
        facts |= self.describe() | ({"why": self.why} if self.why else {})
        return heading(f"Backend {self.place}") + table((), [*facts.items()])

    @property
    def place(self) -> str:
        """The library and its device, for a person."""
        return self.name + (f" on {self.device}" if self.device is not None else "")

    def floats(self, x: Any) -> Array:
        """Own copy of x in the backend's float type, on its device.

        Parameters
        ----------
        x : array, list or sparse matrix
            Numbers of any library, or on the host. A sparse matrix of SciPy becomes one of compressed rows.

        Returns
        -------
        array
            The copy.

        Raises
        ------
        BackendError
            If x is sparse and the backend is not NumPy's.
        """
        if is_sparse(x):
            return self._sparse(x, copy=True)
        return self.library.put(self._near(x), getattr(self.xp, self.dtype), self.device)

    def as_floats(self, x: Any) -> Array:
        """Array of the backend's float type on its device: x itself if it is that already, to be read only.

        Parameters
        ----------
        x : array, list or sparse matrix
            Numbers of any library, or on the host.

        Returns
        -------
        array
            X, or a copy of it.

        Raises
        ------
        BackendError
            If x is sparse and the backend is not NumPy's.
        """
        if is_sparse(x):
            return self._sparse(x, copy=False)
        own = library_name(x) == self.name and is_array(x) and x.dtype == getattr(self.xp, self.dtype)
        return x if own and (self.device is None or device(x) in (None, self.device)) else self.floats(x)

    def _sparse(self, x: Any, *, copy: bool) -> Any:
        """A sparse matrix as compressed rows of the backend's float type. Raises BackendError but on NumPy."""
        if not self.is_host:
            raise BackendError(f"sparse x is computed with by NumPy, not by {self.name}: give backend='numpy'")
        return x.tocsr().astype(self.dtype, copy=copy)

    def asarray(self, x: Any, dtype: Any = None) -> Array:
        """Own copy of x on the backend's device, its type kept unless one is given.

        Parameters
        ----------
        x : array or list
            Numbers of any library, or on the host.
        dtype : Any, default None
            The library's own type for the copy; None keeps that of x.

        Returns
        -------
        array
            The copy.
        """
        return self.library.put(self._near(x), dtype, self.device)

    def _near(self, x: Any) -> Any:
        """x itself, or on the host if it is an array of a third library."""
        name = library_name(x)
        if name in ("", "numpy", self.name) or not is_array(x):
            return x
        from .choose import backend_of

        return backend_of(x, "float32").to_numpy(x)

    def integers(self, x: Any) -> Array:
        """Own copy of x in the library's default integer type: labels and row numbers.

        Parameters
        ----------
        x : array or list
            Whole numbers of any library, or on the host.

        Returns
        -------
        array
            The copy.
        """
        kinds = self.xp.__array_namespace_info__().default_dtypes(device=self.device)
        return self.library.put(self._near(x), kinds["integral"], self.device)

    def share(self, x: Any) -> Array | None:
        """Array on the device in the memory of a host array.

        Parameters
        ----------
        x : array
            A host array.

        Returns
        -------
        array or None
            The array that shares the memory; None where that cannot be.
        """
        return self.library.share(x, self.device)

    def loop(self, step: Callable[..., Any], mode: bool | str = "auto", epochs: int = 1) -> "Plain":
        """Loop that runs the steps of a training: see `Plain`.

        Parameters
        ----------
        step : callable
            One step: a function of arrays.
        mode : bool or str, default "auto"
            Whether to compile the steps: True where it must be, False not, "auto" where it pays. With "auto" the
            environment variable NNX_COMPILE may say "never", or "always" for all that can be compiled.
        epochs : int, default 1
            How many epochs there will be, by which it is known whether compiling pays.

        Returns
        -------
        Plain
            The loop, whose `how` says how steps are run.
        """
        if mode == "auto":
            wanted = os.environ.get("NNX_COMPILE", "")
            mode = False if wanted == "never" else "always" if wanted == "always" else mode
        return self.library.loop(step, mode, epochs, self.precision)

    @property
    def lanes(self) -> int:
        """How many programs of steps may run side by side, each in a thread and on a core of its own."""
        if not self.is_host:  # the other libraries use all cores themselves
            return 1
        from .numpy import lanes

        return lanes()

    def one_core(self) -> AbstractContextManager[Any]:
        """While it lasts, each program of steps uses one core."""
        if not self.is_host:
            return nullcontext()
        from .numpy import one_core

        return one_core()

    def to_numpy(self, x: Array) -> Any:
        """NumPy array on the host with the values of an array of the backend.

        Parameters
        ----------
        x : array
            An array of the backend's library.

        Returns
        -------
        numpy.ndarray
            The array on the host.
        """
        return self.library.get(x)

    def scope(self) -> AbstractContextManager[Any]:
        """Compute inside `with backend.scope():`: the device is current, and JAX has the float type asked for."""
        return self.library.scope(self.device, self.dtype, self.precision)

    def compile(self, function: Callable[..., Any], donate: tuple[int, ...] = ()) -> Callable[..., Any]:
        """Function made as fast as the library can run it.

        Parameters
        ----------
        function : callable
            A function of arrays.
        donate : tuple of int, default ()
            The numbers of the arguments that may be overwritten.

        Returns
        -------
        callable
            The compiled function, or the same one where the library compiles nothing.
        """
        return self.library.compile(function, donate)

    def for_rows(
        self, function: Callable[[Any, Array], Array], size: int, axes: Callable[[tuple[int, ...]], int]
    ) -> Callable[[Any, Array], Array]:
        """Function of parameters and rows of x, each row on its own, made fast for any number of rows.

        Parameters
        ----------
        function : callable
            A function of parameters and rows.
        size : int
            How many rows may be computed at once.
        axes : callable
            How many axes a row of the result has, for the shape of a row of x.

        Returns
        -------
        callable
            The same function, made fast.
        """
        made: Callable[..., Callable[[Any, Array], Array]] = getattr(self.library, "for_rows", in_parts)
        return made(function, size, axes)

    def environment(self) -> dict[str, str]:
        """Facts that bits depend on besides the library's version."""
        return self.library.environment(self.device)

    def free_memory(self) -> int:
        """Bytes that new arrays may take on the device; 0 where that is not known."""
        return self.library.free_memory(self.device)

    def describe(self) -> dict[str, str]:
        """Facts for a person: version, device, memory, threads."""
        return self.library.describe(self.device)


TOLD: list[Callable[[str], object]] = []  # who shows the progress of a training: the last is told once what takes long


def compiling(seconds: float) -> None:
    """Tell that the step is now compiled, which takes so long, if somebody looks on."""
    if TOLD and seconds >= 1:
        tell, TOLD[-1] = TOLD[-1], str
        tell(f"compiling the step: about {seconds:.0f} s")


class Plain:
    """Steps run one after another. What compiles them inherits this and gives the same results.

    carry is handed from step to step; x, target and weight are the data; rows (batches, size) holds the numbers of the
    rows of each batch, of which those from start to stop are run. Without rows x, target and weight are one batch.
    """

    how = "step by step"  # for a person

    def __init__(self, step: Callable[..., Any]) -> None:
        self.step = step
        self.choices: dict[str, bool] = {}  # for each kind of batch, whether its steps are compiled: kept on resuming

    def restore(self, choices: dict[str, bool]) -> None:
        """Go on with the choices of another process."""
        self.choices.update(choices)

    def join(self, other: "Plain") -> None:
        """Work on the memory of another loop, of the same kind, whose carries are like this one's."""

    def __call__(self, carry: Any, x: Array, target: Array, weight: Any, rows: Any, start: int, stop: int) -> Any:
        if rows is None:
            return self.step(carry, x, target, weight, None)
        for number in range(start, stop):
            carry = self.step(carry, x, target, weight, rows[number, :])
        return carry


def plain(name: str, step: Callable[..., Any], mode: bool | str) -> Plain:
    """The loop of a library that cannot compile steps."""
    if mode is True:
        raise BackendError(f"backend {name!r} cannot compile a step: leave compile out")
    return Plain(step)


def missing(name: str, extra: str) -> BackendError:
    """The error for a library that is not installed."""
    return BackendError(
        f"backend {name!r}: {name} is not installed; pip install 'nnx-array[{extra}]', or use backend 'numpy'"
    )
