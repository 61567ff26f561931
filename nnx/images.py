"""Images from files: folders with a sub-folder for each class, and NPZ files with arrays x and y, as arrays of pixels.

The letters: n = images, h = height, w = width, c = channels (1 for grey, 3 for red, green and blue).
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from .backends import numpy as host
from .errors import DataError, require, shown
from .names import spelled
from .settings import Range, integer
from .tables.sources.arrays import arrays_of, member
from .tables.sources.content import Content

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
COLOURS = {1: "L", 3: "RGB"}  # Pillow's words for channels
GREY = ("1", "L", "LA")
DEEP = ("I", "F", "I;16", "I;16B", "I;16L")  # more than 8 bits a pixel, which would be cut off
BEFORE, AFTER = ("x", "x_train"), ("x", "x_test", "x_train")  # arrays of an NPZ file: to train on, to predict for


@dataclass(frozen=True)
class Images:
    """Images as they are in files: x (n, h, w) or (n, h, w, c); y names of classes or numbers, (n,), or None."""

    place: str
    x: Any
    y: Any = None
    files: tuple[str, ...] = ()  # of a folder, within it
    test: tuple[Any, Any] | None = None  # x and y kept apart by the file itself

    @property
    def row(self) -> tuple[int, ...]:
        return tuple(self.x.shape[1:])


@spelled
def read_images(
    folder: str | os.PathLike[str], *, size: int | tuple[int, int] | None = None, channels: int | None = None
) -> tuple[Any, Any, tuple[str, ...]]:
    """Images of a folder that has a sub-folder for each class: folder/cat/1.png, folder/dog/2.png, ...

    Files are read in the order of their names, sub-folder after sub-folder: PNG, JPEG, BMP, GIF (the first picture),
    TIFF and WebP; other files and hidden ones are left out. Pictures of a camera are turned as it says, and what is
    transparent is not.

    Parameters
    ----------
    folder : str or path
        The folder.
    size : int or tuple of int, default None
        Height and width in pixels that each image is brought to; one number for both. None: all must have one size.
    channels : int, default None
        1 for grey, 3 for red, green and blue; None: 1 if all images are grey, else 3.

    Returns
    -------
    x : array
        Pixels, uint8 (n, height, width, channels), on the host.
    y : array
        The number of the class of each image, int64 (n,), on the host.
    classes : tuple of str
        The names of the sub-folders, sorted.

    Raises
    ------
    DataError
        If there are no images, one cannot be read or has another size, or Pillow is not installed: `pip install
        'nnx-array[images]'`.
    SettingError
        If size or channels is out of its range.

    Examples
    --------
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> for name, grey in (("dark", 0), ("light", 255)):
    ...     Path("pictures", name).mkdir(parents=True)
    ...     Image.new("L", (8, 6), grey).save(f"pictures/{name}/1.png")
    >>> x, y, classes = nnx.read_images("pictures")
    >>> x.shape, y.tolist(), classes
    ((2, 6, 8, 1), [0, 1], ('dark', 'light'))
    """
    if size is not None:
        sides = size if isinstance(size, (tuple, list)) else (size, size)
        require(len(sides) == 2, f"read_images: size must be a number or (height, width), got {shown(size)}")
        size = (integer("read_images: size", sides[0]), integer("read_images: size", sides[1]))
    if channels is not None:
        channels = integer("read_images: channels", channels, Range("must be 1 or 3", lambda v: v in COLOURS))
    require(isinstance(folder, (str, os.PathLike)), f"read_images: folder must be a path, got {shown(folder)}")
    if not Path(folder).is_dir():
        raise DataError(f"read_images: folder {shown(folder)} is not there, or no folder")
    found = of_folder(Path(folder), size, channels)
    if found.y is None:
        raise DataError(f"{folder}: expected a sub-folder for each class, such as {Path(folder) / 'cat' / '1.png'}")
    classes = tuple(sorted(set(found.y)))
    return found.x, host.put([classes.index(name) for name in found.y], "int64", None), classes


def are_images(path: str, *, labelled: bool = True) -> bool:
    """True for an NPZ file whose x has an axis of height and width, and for a folder of images.

    labelled: the folder must have them in sub-folders.
    """
    place = Path(path)
    if place.is_dir():
        return next(_listed(place, labelled=labelled), None) is not None
    if place.suffix.lower() != ".npz" or not place.is_file():
        return False
    try:
        with ZipFile(place) as file:
            name = next((f"{name}.npy" for name in AFTER if f"{name}.npy" in file.namelist()), "")
            if not name:
                return False
            with file.open(name) as stream:
                return len(host.shape_of_npy(stream)) > 2
    except (OSError, ValueError, BadZipFile, NotImplementedError):
        return False  # the reader of tables has words for it


def open_images(path: str, row: tuple[int, ...] | None = None) -> Images:
    """The images of a file or folder; with `row`, the shape of one as a model takes it, those to predict for.

    Raises: DataError.
    """
    place = Path(path)
    if place.is_dir():
        if row is None:
            return of_folder(place)
        return of_folder(place, (row[0], row[1]), row[2] if len(row) == 3 else 1, flat=len(row) == 2)
    found = of_npz(place, BEFORE if row is None else AFTER)
    if row is not None and found.row != row:
        raise DataError(f"{place}: images of shape {found.row}, the model takes {row}")
    return found


def of_npz(path: Path, names: Sequence[str]) -> Images:
    """The images of an NPZ file, the array of the first of these names in it. Raises: DataError."""
    with arrays_of(Content.of(path)) as arrays:
        chosen = next((name for name in names if name in arrays.files), None)
        if chosen is None:
            raise DataError(f"{path}: expected arrays {names[0]} and y, found {', '.join(arrays.files)[:80] or 'none'}")
        x, y = _pair(str(path), arrays, chosen)
        test = None
        if chosen == "x_train" and names is BEFORE and "x_test" in arrays.files:
            test = _pair(str(path), arrays, "x_test")
            if test[1] is None or test[0].shape[1:] != x.shape[1:]:
                raise DataError(f"{path}: x_test and y_test must be like x_train and y_train")
    return Images(str(path), x, y, test=test)


def _pair(place: str, arrays: Any, name: str) -> tuple[Any, Any]:
    """The array of images of this name, and that of their labels or None."""
    x, label = member(place, arrays, name), name.replace("x", "y", 1)
    if getattr(x, "ndim", 0) not in (3, 4) or x.dtype.kind not in "fiub" or 0 in x.shape:
        got = f"{getattr(x, 'shape', '()')} of {getattr(x, 'dtype', 'no numbers')}"
        raise DataError(f"{place}: {name} must hold numbers (n, height, width) or (n, height, width, c), got {got}")
    if x.dtype.kind == "f" and not host.namespace().isfinite(x).all():
        raise DataError(f"{place}: {name} has values that are not finite")
    if label not in arrays.files:
        return x, None
    y = member(place, arrays, label)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape != x.shape[:1] or y.dtype.kind not in "fiubU":
        raise DataError(f"{place}: {label} must hold {len(x)} labels or values, got {y.shape} of {y.dtype}")
    return x, y


def of_folder(
    folder: Path, size: tuple[int, int] | None = None, channels: int | None = None, *, flat: bool = False
) -> Images:
    """The images of a folder, with names of classes where they are in sub-folders. Raises: DataError.

    flat: without an axis of channels.
    """
    try:
        files = list(_listed(folder, labelled=True))
        labels = [file.parent.name for file in files]
        files = files or list(_listed(folder, labelled=False))
        empty = [d for d in _entries(folder) if labels and d.is_dir() and d.name not in labels]
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror}") from None
    if not files:
        raise DataError(f"{folder}: no images in it, nor in its sub-folders ({' '.join(SUFFIXES)})")
    if empty:
        raise DataError(f"{empty[0]}: no images in it, the folder of a class ({' '.join(SUFFIXES)})")
    x = _read(files, size, channels)
    names = tuple(str(file.relative_to(folder)) for file in files)
    return Images(str(folder), x[..., 0] if flat else x, labels or None, names)


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _listed(folder: Path, *, labelled: bool) -> Iterator[Path]:
    """The images in a folder, or in its sub-folders, in the order of their names."""
    for path in _entries(folder):
        if labelled and path.is_dir():
            yield from _listed(path, labelled=False)
        elif not labelled and path.suffix.lower() in SUFFIXES and path.is_file():
            yield path


def _read(files: Sequence[Path], size: tuple[int, int] | None, channels: int | None) -> Any:
    """The pixels of image files, uint8 (n, h, w, c). Raises: DataError."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise DataError("images need Pillow: pip install 'nnx-array[images]'") from None
    if channels is None:
        channels = 1
        for file in files:
            with _naming(file), Image.open(file) as opened:
                if opened.mode not in (*GREY, *DEEP):
                    channels = 3
                    break
    x: Any = None
    for i, file in enumerate(files):
        with _naming(file), Image.open(file) as opened:
            if opened.mode in DEEP:
                raise ValueError("more than 8 bits a pixel; save it with 8")
            image: Any = ImageOps.exif_transpose(opened).convert(COLOURS[channels])
        if size is not None and image.size != size[::-1]:
            image = image.resize(size[::-1], Image.Resampling.BILINEAR, reducing_gap=3.0)
        if x is None:
            x = host.namespace().empty((len(files), image.height, image.width, channels), dtype="uint8")
        if image.size != (x.shape[2], x.shape[1]):
            own, first = f"{image.height} x {image.width}", f"{x.shape[1]} x {x.shape[2]}"
            raise DataError(
                f"{file}: {own} pixels, {files[0].name} has {first}; nnx.read_images(folder, size=) resizes"
            )
        x[i] = host.put(image, "uint8", None).reshape(x.shape[1:])
    return x


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """What a file that cannot be read leads to, as one line that names it."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        text = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
        text = "no image that can be read, or a damaged one" if "cannot identify" in text else text[:120]
        raise DataError(f"{file}: {text}") from None
