"""Coverage-guided fuzzing of model files with atheris: `ci/soak fuzz`. Only ModelFileError, or a model that predicts.

Half of the inputs are signed first, as a forger would, for the sha256 stops nearly all of the others.
"""

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


def one(content: bytes) -> None:
    """One input."""
    if content[-1:] < b"\x80":
        content = model_files.signed(content)
    with suppress(nnx.ModelFileError):
        read(BytesIO(content), len(content))


def main() -> None:
    folder = tempfile.mkdtemp()
    for i, (_, bad, _) in enumerate(model_files.corpus()):
        if len(bad) < 8192:
            Path(folder, f"{i}").write_bytes(bad)
    Path(folder, "fine").write_bytes(model_files.fine(encoder=model_files.ENCODER, target=model_files.TARGET))
    atheris.Setup([*sys.argv, folder], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
