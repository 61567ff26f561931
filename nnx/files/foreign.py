"""What a file that is no model file is, by its first bytes and its name, and what to do with it."""

from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

PICKLES = tuple(b"\x80" + bytes([n]) for n in range(2, 6))
ZIPPED = {".npz": "arrays of NumPy", ".keras": "a model of Keras", ".xlsx": "an Excel file"}
READERS = {"arrays of NumPy": "numpy.load", "an array of NumPy": "numpy.load", "a file of PyTorch": "torch.load"}
READERS |= {"a Parquet table": "nnx train", "an Arrow table": "nnx train", "a Feather table": "nnx train"}
KINDS = (  # first bytes, and what begins so
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, such as a model of Keras"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"PAR1", "a Parquet table"),
    (b"ARROW1", "an Arrow table"),
    (b"FEA1", "a Feather table"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x28\xb5\x2f\xfd", "a zstandard file"),
    (b"TFL3", "a TensorFlow Lite model"),
    (b"GGUF", "a GGUF model"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
)


def kind_of(file: BinaryIO, suffix: str) -> str:
    """What an open file is that is no model file, in a few words; "" where nothing tells. suffix: of its name."""
    file.seek(0)
    head, suffix = file.read(512), suffix.lower()
    if head.startswith(PICKLES):
        return "a pickle, not a model file: joblib.load reads it, if you trust who wrote it"
    if head.startswith(b"PK\x03\x04"):
        torch = b"data.pkl" in head or suffix in (".pt", ".pth", ".ckpt", ".bin")
        return _no_model("a file of PyTorch" if torch else ZIPPED.get(suffix, "a ZIP file"))
    for begin, what in KINDS:
        if head.startswith(begin):
            return _no_model(what)
    if suffix == ".onnx" or (head[:1] == b"\x08" and b"onnx" in head):
        return "an ONNX model, not a model file: onnxruntime runs it"
    if suffix in (".pt", ".pth", ".pb", ".h5", ".msgpack", ".joblib", ".pkl", ".pickle", ".tflite"):
        return f"not a model file, by its name one of another library ({suffix})"
    if head and is_text(head):
        return "text, not a model file" + (": a table, which nnx train learns from" if b"," in head else "")
    return ""


def _no_model(what: str) -> str:
    return f"{what}, not a model file" + (f": {READERS[what]} reads it" if what in READERS else "")


def is_text(head: bytes) -> bool:
    """True for bytes that begin a text."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        text = head[: error.start].decode() if error.start > len(head) - 4 else "\0"
    return all(c.isprintable() or c.isspace() for c in text)


def folder(path: Path) -> str:
    """What to load in place of a folder."""
    models = sorted(file.name for file in path.iterdir() if file.suffix == ".safetensors")
    if not models:
        return "a folder, with no model file in it"
    best = "best.safetensors" if "best.safetensors" in models else models[0]
    return f"a folder; load the model in it, {best!r}"


def like(path: Path) -> str:
    """The end of the line for a file that is not there: one of nearly this name."""
    try:
        names = [file.name for file in path.parent.iterdir()]
    except OSError:
        return ""
    near = get_close_matches(path.name, names, n=1, cutoff=0.8)
    near = near or [name for name in names if Path(name).stem == path.name and name.endswith(".safetensors")]
    return f"; did you mean {near[0]!r}?" if near else ""
