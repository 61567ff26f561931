"""Files of every version load for ever, and say what they said when they were written."""

import json
from io import BytesIO
from pathlib import Path

import golden
import numpy as np
import pytest

import nnx
from nnx.files.check import READS, checked

FILES = sorted((Path(__file__).parent / "data").glob("*.safetensors"))


@pytest.mark.parametrize("path", FILES, ids=[p.stem for p in FILES])
def test_a_golden_file_predicts_what_it_did(path):
    """Written once a version by `python tests/golden.py tests/data`; what it then answered lies beside it."""
    model = nnx.load(path)
    if model.encoder is not None:
        pytest.importorskip("pyarrow")
    found, wanted = golden.answers(model), json.loads(path.with_suffix(".json").read_text())
    net, _, parts = golden.GOLDEN[path.stem.rpartition("-")[2]]()
    assert model.row == (3 if model.encoder is None else model.encoder.width,)  # found in those of format 1
    assert (model.net, model.loss) == (net, parts.get("loss")) and found["about"] == wanted["about"]
    assert list(found["arrays"]) == list(wanted["arrays"])
    for name, (dtype, values) in wanted["arrays"].items():
        assert found["arrays"][name] == [dtype, values]
    exact = model.backend.dtype == "float64" and model.encoder is None  # what an encoder gives is float32
    np.testing.assert_allclose(found["predict"], wanted["predict"], rtol=1e-12 if exact else 1e-5, atol=1e-7)
    if "table" in wanted and model.target.classes:
        assert found["table"] == wanted["table"]
    elif "table" in wanted:
        np.testing.assert_allclose(found["table"], wanted["table"], rtol=1e-5)


def test_every_kind_of_file_is_there_in_every_format():
    described = {p: checked(BytesIO(p.read_bytes()), p.stat().st_size)[0] for p in FILES}
    written = {(d["version"], p.stem.rpartition("-")[2]) for p, d in described.items()}
    assert written >= {(form, name) for form in READS for name in golden.GOLDEN} - golden.NEW
    assert sum(p.stat().st_size for p in FILES) < 100_000
