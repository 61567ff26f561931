"""Coverage-guided fuzzing of model files with atheris: `ci/soak fuzz`. Only ModelFileError, or a model that predicts.

Most inputs are signed first, as a forger would, for the sha256 stops nearly all of the others.
"""

import json
import sys
import tempfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["nnx.files", "nnx.tables", "nnx.layers", "nnx.losses"]):
    import nnx
    from nnx.files import read

import model_files
import numpy as np


def framed(content: bytes) -> bytes:
    """The file that an input stands for: its first byte says whether it is a file, one to sign, or a part of one."""
    way, content = content[:1], content[1:]
    if way == b"f":
        return content
    if way == b"s":
        return model_files.signed(content)
    if way == b"t":  # what follows the metadata in the header, and the data
        listed, _, data = content.partition(b"|")
        head = model_files.header(json.dumps(model_files.FINE), "")
        return model_files.framed(head[:-1] + listed + b"}", data)
    return model_files.packed(content.decode("latin-1"), model_files.DENSE, bytes(32))


def one(content: bytes) -> None:
    """One input."""
    content = framed(content)
    with suppress(nnx.ModelFileError):
        model = read(BytesIO(content), len(content))
        with suppress(nnx.ShapeError):
            model.output(np.zeros((2, 3)))


def main() -> None:
    folder = tempfile.mkdtemp()
    files = [bad for _, bad, _ in model_files.corpus() if len(bad) < 8192]
    files.append(model_files.fine(encoder=model_files.ENCODER, target=model_files.TARGET))
    for i, content in enumerate(files):
        Path(folder, f"{i}f").write_bytes(b"f" + content)
        Path(folder, f"{i}s").write_bytes(b"s" + content)
        with suppress(ValueError, KeyError):
            metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
            Path(folder, f"{i}d").write_bytes(b"d" + metadata["nnx"].encode())
    Path(folder, "t").write_bytes(b"t" + model_files.entries(model_files.DENSE).encode() + b"|" + bytes(32))
    atheris.Setup([*sys.argv, folder], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
