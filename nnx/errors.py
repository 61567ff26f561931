"""The errors nnx raises on purpose: each is one line saying what was expected, what came and what to do."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

MOST = 200  # characters of a message
QUOTED = r"""(?<!\w)'(?:[^'\\]|\\.)*'(?!\w)|(?<!\w)"(?:[^"\\]|\\.)*"(?!\w)"""
GIVEN, LEAST = re.compile(rf"{QUOTED}|\S+"), 24  # what is in quotes, or one word; no shorter than this
LISTED = re.compile(r"(?:[^,;:()]+, ){4,}[^,;:()]+")


class NNXError(Exception):
    """Base of all errors that nnx raises on purpose: `except nnx.NNXError` catches them all.

    Parameters
    ----------
    message : object, default ""
        The text, one line, which is shortened to 200 characters.
    *more : Any
        Further arguments, as of Exception.

    Examples
    --------
    >>> try:
    ...     nnx.Dense(0)
    ... except nnx.NNXError as error:
    ...     print(type(error).__name__)
    SettingError
    """

    def __init__(self, message: object = "", *more: Any) -> None:
        super().__init__(shortened(str(message)), *more)


class ShapeError(NNXError, ValueError):
    """Error for an array that has the wrong shape for where it was given; a ValueError.

    Parameters
    ----------
    message : object, default ""
        The text, one line.
    *more : Any
        Further arguments, as of Exception.

    Examples
    --------
    >>> net = nnx.Dense(2)
    >>> try:
    ...     net.evaluate(nnx.init(net, 3), np.ones((5, 4)))
    ... except nnx.ShapeError as error:
    ...     print(error)
    Dense(2): x has 4 features, W expects 3; was the network initialised for another shape?
    """


class SettingError(NNXError, ValueError):
    """Error for a setting of a layer, loss, optimizer or fit that is outside its range, or a name that is unknown.

    It is a ValueError.

    Parameters
    ----------
    message : object, default ""
        The text, one line.
    *more : Any
        Further arguments, as of Exception.

    Examples
    --------
    >>> try:
    ...     nnx.fit(nnx.Dense(1), np.ones((4, 2)), np.ones(4), loss="mse")
    ... except nnx.SettingError as error:
    ...     print(error)
    unknown loss 'mse': did you mean 'squared_error'?
    """


class DataError(NNXError, ValueError):
    """Error for data that cannot be trained on: empty, not finite, the wrong length, labels out of range; a ValueError.

    Parameters
    ----------
    message : object, default ""
        The text, one line.
    *more : Any
        Further arguments, as of Exception.

    Examples
    --------
    >>> try:
    ...     nnx.fit(nnx.Dense(1), np.array([[1.0], [np.nan]]), np.ones(2), loss="squared_error")
    ... except nnx.DataError as error:
    ...     print(error)
    x has 1 values that are not finite, the first in row 1, column 0
    """


class BackendError(NNXError, RuntimeError):
    """Error for a backend that cannot run here, or for arrays of different libraries that were mixed; a RuntimeError.

    Parameters
    ----------
    message : object, default ""
        The text, one line.
    *more : Any
        Further arguments, as of Exception.

    Examples
    --------
    >>> try:
    ...     nnx.backend("numpy:cuda")
    ... except nnx.BackendError as error:
    ...     print(error)
    backend 'numpy' runs on the CPU only, not on 'cuda'
    """


class OutOfMemoryError(NNXError, MemoryError):
    """Error for a device that has too little memory; the text says how much was needed, and what would fit.

    It is a MemoryError.

    Parameters
    ----------
    message : object, default ""
        The text, one line.
    *more : Any
        Further arguments, as of Exception.

    Examples
    --------
    >>> try:
    ...     nnx.init(nnx.mlp((10**7,), 10**7), 1)
    ... except MemoryError:
    ...     print("it needs a smaller network")
    it needs a smaller network
    """


class ModelFileError(NNXError, ValueError):
    """Error for a model file that is none, is damaged, or holds names unknown here; a ValueError.

    Parameters
    ----------
    message : object, default ""
        The text, one line.
    *more : Any
        Further arguments, as of Exception.

    Examples
    --------
    >>> try:
    ...     nnx.load("absent.safetensors")
    ... except nnx.ModelFileError as error:
    ...     print(error)
    absent.safetensors: cannot be read: No such file or directory
    """


class TrainingError(NNXError, RuntimeError):
    """Error for a training whose loss stopped being finite; a RuntimeError.

    Parameters
    ----------
    message : str
        The text, one line.
    fit : Fit, default None
        The result up to the last good epoch, also the error's attribute `fit`; of members a PopulationFit.

    Examples
    --------
    >>> try:
    ...     nnx.fit(nnx.Dense(1), np.full((4, 1), 1e9), np.ones(4), loss="squared_error", optimizer=nnx.SGD(1e9))
    ... except nnx.TrainingError as error:
    ...     print(error.fit.stopped)
    not finite
    """

    def __init__(self, message: str, fit: Any = None) -> None:
        super().__init__(message)
        self.fit = fit


def shown(value: Any, most: int = 60) -> str:
    """A value as a person may read it in a line: its repr, cut off, or the shape of an array."""
    if isinstance(value, type):
        return f"the class {value.__name__}"[:most]
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"an array of shape {tuple(shape)}"[:most]
    if isinstance(value, (str, bytes)):
        value = value[: most + 1]
    try:
        text = " ".join(repr(value).split())
    except Exception:  # of a class of the user's, or a number of very many digits
        text = f"an object of {type(value).__name__}"
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def printable(text: str) -> str:
    """The text with control characters spelled out: names in files may hold what a terminal obeys."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shortened(text: str, given: Sequence[str] = ()) -> str:
    """The text in at most 200 characters: what was given is shortened in it, and not what it says to do.

    What was given is in quotes, is a long word such as a path, is a list, or one of the texts `given`.
    """
    while (excess := len(text) - MOST) > 0:
        pieces = [found.span() for found in GIVEN.finditer(text)]
        pieces += [(at, at + len(own)) for own in given if (at := text.find(own)) >= 0]
        start, end = max(pieces, key=lambda span: span[1] - span[0])
        listed = max(LISTED.finditer(text), key=lambda found: len(found[0]), default=None)
        if (size := end - start) > LEAST:
            keep = max(size - excess, LEAST) - 3
            new = f"{text[start : start + keep - keep // 2]}...{text[end - keep // 2 : end]}"
        elif listed:
            (start, end), new = listed.span(), ", ".join([*listed[0].removesuffix(", ...").split(", ")[:-1], "..."])
        else:
            break
        text = f"{text[:start]}{new}{text[end:]}"
    return text


def unknown(kind: str, name: Any, known: Iterable[str]) -> str:
    """The message for an unknown name, with the one that was meant, by its name elsewhere too, or the nearest."""
    from .names import hint

    return f"unknown {kind} {shown(name)}: {hint(kind, str(name), known)}"


def require(holds: bool, message: str, *given: Any) -> None:
    """Raise SettingError unless `holds`: the message, and what was given instead, which costs nothing if it holds."""
    if not holds:
        raise SettingError(", got ".join([message, *map(shown, given)]))


def numbers(setting: Any) -> list[float]:
    """The numbers in a setting: itself, or one for each member of the population."""
    return [float(setting)] if isinstance(setting, (int, float)) else [float(v) for v in setting]
