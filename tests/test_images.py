"""Images: read from files, kept as uint8, changed at random in training, and trained on by the command."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import nnx
from nnx.backends import backend, namespace
from nnx.cli import main
from nnx.cli.commands import nnx as command
from nnx.images import are_images, open_images
from nnx.training.data import move_x


def pictures(folder, sizes=((6, 8), (6, 8)), mode="L"):
    """A folder with two classes of two pictures: grey levels 10 to 40."""
    level = 0
    for name, (height, width) in zip(("cat", "dog"), sizes, strict=True):
        (folder / name).mkdir(parents=True)
        for i in range(2):
            level += 10
            Image.new("L", (width, height), level).convert(mode).save(folder / name / f"{i}.png")
    return folder


def rows(n=60, side=8, classes=2, seed=0):
    """Images of stripes along an axis, uint8, and which axis."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    x = rng.integers(0, 80, (n, side, side))
    x[y == 0, ::2] += 150
    x[y == 1, :, ::2] += 150
    return x.astype("uint8"), y


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    x, y, classes = nnx.read_images(pictures(tmp_path / "data"))
    assert x.dtype == np.uint8 and x.shape == (4, 6, 8, 1)
    assert x[:, 0, 0, 0].tolist() == [10, 20, 30, 40]
    assert y.tolist() == [0, 0, 1, 1] and classes == ("cat", "dog")


def test_one_image_in_colour_makes_all_of_three_channels(tmp_path):
    folder = pictures(tmp_path / "data")
    Image.new("RGB", (8, 6), (1, 2, 3)).save(folder / "dog" / "9.png")
    x, _, _ = nnx.read_images(folder)
    assert x.shape == (5, 6, 8, 3) and x[4, 0, 0].tolist() == [1, 2, 3] and x[0, 0, 0].tolist() == [10, 10, 10]
    assert nnx.read_images(folder, channels=1)[0].shape == (5, 6, 8, 1)


def test_images_are_brought_to_a_size(tmp_path):
    folder = pictures(tmp_path / "data", ((6, 8), (12, 4)))
    x, _, _ = nnx.read_images(folder, size=(4, 5))
    assert x.shape == (4, 4, 5, 1) and x[2].tolist() == np.full((4, 5, 1), 30).tolist()


def test_other_files_and_hidden_ones_are_left_out(tmp_path):
    folder = pictures(tmp_path / "data")
    (folder / "cat" / "notes.txt").write_text("no picture")
    (folder / "cat" / ".hidden.png").write_text("no picture")
    assert len(nnx.read_images(folder)[0]) == 4


def damaged(folder):
    whole = (folder / "cat" / "0.png").read_bytes()
    (folder / "dog" / "0.png").write_bytes(whole[: len(whole) // 2])


def deep(folder):
    Image.fromarray(np.zeros((6, 8), np.uint16)).save(folder / "dog" / "0.png")


FAULTS = {
    "damaged": (damaged, "dog/0.png: "),
    "no_picture": (lambda f: (f / "dog" / "0.png").write_text("text"), "dog/0.png: no image that can be read"),
    "of_16_bits": (deep, "dog/0.png: more than 8 bits a pixel; save it with 8"),
    "other_size": (
        lambda f: Image.new("L", (3, 3)).save(f / "dog" / "0.png"),
        "dog/0.png: 3 x 3 pixels, 0.png has 6 x 8",
    ),
    "empty_class": (lambda f: (f / "eel").mkdir(), "eel: no images in it, the folder of a class"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_file_is_one_line_that_names_it(fault, tmp_path):
    change, text = FAULTS[fault]
    folder = pictures(tmp_path / "data")
    change(folder)
    with pytest.raises(nnx.DataError) as caught:
        nnx.read_images(folder)
    assert text in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_without_classes_is_refused_by_read_images(tmp_path):
    pictures(tmp_path / "data")
    with pytest.raises(nnx.DataError, match="a sub-folder for each class"):
        nnx.read_images(tmp_path / "data" / "cat")


def test_what_are_images_is_told_from_tables(tmp_path):
    x, y = rows()
    np.savez(tmp_path / "images.npz", x=x, y=y)
    np.savez(tmp_path / "table.npz", x=x[:, 0], y=y)
    np.savez(tmp_path / "keras.npz", x_train=x, y_train=y, x_test=x[:5], y_test=y[:5])
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.csv").write_text("a,b\n1,2\n")
    found = {name: are_images(str(tmp_path / name)) for name in ("images.npz", "table.npz", "keras.npz", "tables")}
    assert found == {"images.npz": True, "table.npz": False, "keras.npz": True, "tables": False}
    assert are_images(str(pictures(tmp_path / "data")))
    assert len(open_images(str(tmp_path / "keras.npz")).test[0]) == 5


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_images_of_uint8_are_kept_so_and_trained_on_as_their_floats_are(name):
    x, y = rows(40)
    net = nnx.Chain(nnx.Reshape((8, 8, 1), axes=2), nnx.Rescale(), nnx.Conv2D(4, 3), nnx.Flatten(), nnx.Dense(2))
    settings = {"loss": "softmax_cross_entropy", "epochs": 2, "batch_size": 16, "backend": name}
    kept = move_x(backend(name), x)
    assert namespace(kept).isdtype(kept.dtype, "integral")
    a, b = nnx.fit(net, x, y, **settings), nnx.fit(net, x.astype("float32"), y, **settings)
    assert a.history["loss"] == b.history["loss"]
    assert all(np.array_equal(np.asarray(a.params[k]), np.asarray(b.params[k])) for k in a.params)


def test_a_missing_axis_of_channels_is_said_with_its_remedy():
    with pytest.raises(nnx.ShapeError, match=r"Reshape\(\(8, 8, 1\), axes=2\) before it"):
        nnx.init(nnx.Conv2D(4, 3), (8, 8))


def test_rescale_is_saved_with_the_network(tmp_path):
    net = nnx.Chain(nnx.Rescale(1 / 255, -0.5), nnx.Flatten(), nnx.Dense(2))
    nnx.save(tmp_path / "a.safetensors", net, nnx.init(net, (4, 4, 1)), row=(4, 4, 1))
    assert nnx.load(tmp_path / "a.safetensors").net == net


def test_half_of_the_images_are_turned():
    x = np.broadcast_to(np.arange(3.0)[:, None], (2000, 1, 3, 1))
    y, _ = nnx.RandomFlip().evaluate({}, x, train=True, key=nnx.key(1))
    turned = y[:, 0, 0, 0] == 2
    assert abs(turned.mean() - 0.5) < 0.05 and np.array_equal(y[turned], x[turned][:, :, ::-1])
    assert np.array_equal(nnx.RandomFlip(0.0).evaluate({}, x, train=True, key=nnx.key(1))[0], x)
    assert np.array_equal(nnx.RandomFlip(1.0).evaluate({}, x, train=True, key=nnx.key(1))[0], x[:, :, ::-1])


def test_shifts_are_all_of_those_allowed_and_equally_frequent():
    x = np.zeros((5000, 5, 5, 1))
    x[:, 2, 2] = 1.0
    y, _ = nnx.RandomShift(1).evaluate({}, x, train=True, key=nnx.key(3))
    found = y[..., 0].sum(axis=0)
    assert found.sum() == 5000 and np.all(abs(found[1:4, 1:4] / 5000 - 1 / 9) < 0.02)


def test_what_is_moved_in_from_outside_is_zero():
    x = np.ones((200, 3, 4, 2))
    y, _ = nnx.RandomShift(2).evaluate({}, x, train=True, key=nnx.key(0))
    assert set(np.unique(y)) == {0.0, 1.0}
    assert {int(one.sum()) for one in y} <= {2 * h * w for h in (1, 2, 3) for w in (2, 3, 4)}


def test_cutout_takes_a_square_around_any_pixel():
    y, _ = nnx.Cutout(3).evaluate({}, np.ones((4000, 6, 6, 1)), train=True, key=nnx.key(0))
    gone = (y == 0).sum(axis=(1, 2, 3))
    assert set(gone) == {4, 6, 9}  # in a corner, at an edge, within
    assert abs((gone == 9).mean() - 16 / 36) < 0.03


def test_predictions_see_no_change():
    net = nnx.Chain(nnx.RandomFlip(), nnx.RandomShift(2), nnx.Cutout(2))
    x = np.random.default_rng(0).normal(size=(3, 6, 6, 1))
    assert np.array_equal(nnx.predict(net, {}, x), x)


def test_cnn_halves_between_its_stages():
    net = nnx.cnn((4, 8, 16), 3, dropout=0.2)
    assert [row for _, row in stages(net, (12, 12, 1))][-4:] == [(3, 3, 16), (16,), (16,), (3,)]


def stages(net, row):
    for layer in net.layers:
        shapes, row = layer.shapes(row)
        yield shapes, row


def run(*words):
    return CliRunner().invoke(command, [str(word) for word in words])


@pytest.fixture
def trained(tmp_path):
    """A run on images that learn at once, and the file."""
    x, y = rows()
    np.savez(tmp_path / "images.npz", x=x, y=y)
    words = ("--epochs", 12, "--hidden", "4,8", "--rate", 0.02, "--set", "training.average=0", "-q")
    found = run("train", tmp_path / "images.npz", "--out", tmp_path / "run", *words)
    assert found.exit_code == 0, found.output
    return tmp_path / "run", tmp_path / "images.npz", y


TOLD = (nnx.GroupNorm(2), nnx.MaxPool(2), nnx.AvgPool(2), nnx.GlobalPool(), nnx.Flatten(), nnx.SqueezeExcite(2))


@pytest.mark.parametrize("layer", TOLD, ids=lambda layer: type(layer).__name__)
def test_a_layer_told_of_three_axes_refuses_a_batch_without_one(layer):
    params = nnx.init(layer, (4, 5, 6))
    for shape in ((5, 6), (7, 5, 6)):
        with pytest.raises(nnx.ShapeError, match="expected rows of 3 axes"):
            layer.evaluate(params, np.ones(shape, "float32"))


def test_the_command_trains_evaluates_predicts_and_inspects_images(trained):
    folder, data, y = trained
    scores = json.loads(run("evaluate", folder, data, "--json").output)
    assert scores["accuracy"] > 0.9
    run("predict", folder, data, "-o", folder.parent / "out.csv")
    written = list(csv.DictReader((folder.parent / "out.csv").read_text().splitlines()))
    assert [row["y"] for row in written[:2]] == ["0", "1"] and len(written) == len(y)
    assert "60 images of 8 x 8, uint8" in run("inspect", data).output
    assert "rows     8 x 8" in run("inspect", folder).output
    assert {p.name for p in folder.iterdir()} >= {"best.safetensors", "config.toml", "metrics.csv", "README.md"}


def test_a_folder_of_images_is_predicted_by_the_names_of_its_files(tmp_path):
    x, y = rows(40)
    for i, (image, label) in enumerate(zip(x, y, strict=True)):
        (tmp_path / "data" / f"c{label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / "data" / f"c{label}" / f"{i:02}.png")
    found = run("train", tmp_path / "data", "--out", tmp_path / "run", "--epochs", 2, "--hidden", "4", "-q")
    assert found.exit_code == 0, found.output
    lines = run("predict", tmp_path / "run", tmp_path / "data").output.splitlines()
    assert lines[0] == "file,class" and lines[1].startswith(str(Path("c0/00.png,c")))
    flat = run("predict", tmp_path / "run", tmp_path / "data" / "c1", "--proba").output.splitlines()
    assert flat[0] == "file,c0,c1" and len(flat) == 21


def test_values_are_learned_too(tmp_path, capsys):
    x, y = rows()
    np.savez(tmp_path / "values.npz", x=x / 255, y=y * 2.5 + 1)
    found = run("train", tmp_path / "values.npz", "--out", tmp_path / "run", "--epochs", 3, "--hidden", "4", "--json")
    assert found.exit_code == 0, found.output
    assert "root_mean_squared_error" in found.output
    for other, text in (
        (np.array(["a", "b"])[y], "the labels are text"),
        (np.where(y, np.nan, 1.0), "y has values that are not finite"),
    ):
        np.savez(tmp_path / "other.npz", x=x / 255, y=other)
        assert code("evaluate", tmp_path / "run", tmp_path / "other.npz") == 2
        assert text in capsys.readouterr().err


def test_pixels_whose_squares_leave_their_type_are_brought_to_deviation_1(tmp_path):
    x, y = rows()
    np.savez(tmp_path / "half.npz", x=(x * 100.0).astype("float16"), y=y)
    found = run("train", tmp_path / "half.npz", "--out", tmp_path / "run", "--epochs", 1, "--hidden", "4", "-q")
    assert found.exit_code == 0, found.output
    front = nnx.load(tmp_path / "run" / "best.safetensors").net.layers[1]
    assert 0 < front.factor < 1 and np.isfinite(front.offset)


def test_classes_that_are_whole_floats_are_learned(tmp_path):
    x, y = rows()
    np.savez(tmp_path / "floats.npz", x=x, y=y.astype(float))
    words = ("--task", "classification", "--epochs", 1, "--hidden", "4", "-q")
    found = run("train", tmp_path / "floats.npz", "--out", tmp_path / "run", *words)
    assert found.exit_code == 0, found.output
    assert nnx.load(tmp_path / "run" / "best.safetensors").target.classes == ("0", "1")
    assert "accuracy" in run("evaluate", tmp_path / "run", tmp_path / "floats.npz").output


UNFIT = {
    "one pixel high": (lambda x, y: (x[:, :1], y), "images of 1 x 8: at least 2 x 2 are needed"),
    "a label that is none": (lambda x, y: (x, np.where(y == 1, np.nan, y)), "y has values that are not finite"),
}


@pytest.mark.parametrize("fault", UNFIT)
def test_images_that_cannot_be_trained_on_are_refused_in_a_line(fault, tmp_path, capsys):
    change, text = UNFIT[fault]
    x, y = change(*rows())
    np.savez(tmp_path / "images.npz", x=x, y=y)
    words = ("--task", "classification", "--out", tmp_path / "run")
    assert code("train", tmp_path / "images.npz", *words) == 2
    assert text in capsys.readouterr().err


def code(*words):
    """The exit code of the command."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


REFUSED = {
    "members": (("--members", "3"), "training.members is of tables"),
    "target": (("--target", "y"), "data.target is of tables"),
    "delimiter": (("--delimiter", ";"), "data.delimiter is of tables"),
    "loss": (("--loss", "huber"), "does not fit a classification"),
}


@pytest.mark.parametrize("option", REFUSED)
def test_options_of_tables_are_refused_in_a_line(option, tmp_path, capsys):
    words, text = REFUSED[option]
    x, y = rows()
    np.savez(tmp_path / "images.npz", x=x, y=y)
    assert code("train", tmp_path / "images.npz", "--out", tmp_path / "run", *words) == 2
    assert text in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_images_of_another_size_are_refused(trained, capsys):
    folder, _, _ = trained
    np.savez(folder.parent / "other.npz", x=np.zeros((2, 9, 9), "uint8"))
    assert code("predict", folder, folder.parent / "other.npz") == 2
    assert "images of shape (9, 9), the model takes (8, 8)" in capsys.readouterr().err


def test_an_array_in_the_place_of_an_npz_is_refused(trained, capsys):
    folder, _, _ = trained
    np.save(folder.parent / "x.npy", np.zeros((2, 8, 8), "uint8"))
    assert code("predict", folder, folder.parent / "x.npy") == 2
    assert "x.npy: expected an NPZ file, found one array" in capsys.readouterr().err


def test_a_prediction_of_rows_with_other_axes_is_one_line():
    net = nnx.Chain(nnx.Flatten(2), nnx.Dense(1))
    x = np.ones((6, 3, 2))
    fit = nnx.fit(net, x, x[:, 0, 0], loss="squared_error", epochs=1)
    with pytest.raises(nnx.ShapeError, match=r"rows of shape \(2,\), the network was trained on rows of \(3, 2\)"):
        fit.predict(x[0])
