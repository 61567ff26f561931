"""Every parameter of every public callable with values of every wrong kind: it works, or one line names it."""

import inspect
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nnx
from nnx.evaluation import Evaluation, permutation_importance, scores
from nnx.training import rate_range

X = np.random.default_rng(0).normal(size=(12, 3))
Y = (X[:, 0] > 0).astype(int)
NET = nnx.Chain(nnx.Dense(4), nnx.ReLU(), nnx.Dense(2))
PARAMS = nnx.init(NET, X, seed=0)
P = np.full((12, 2), 0.5)


class Nothing:
    """An object of no kind."""


WRONG = {
    "None": None,
    "text": "x",
    "-1": -1,
    "0": 0,
    "2.5": 2.5,
    "True": True,
    "nan": float("nan"),
    "inf": float("inf"),
    "10**20": 10**20,
    "10**400": 10**400,
    "[]": [],
    "{}": {},
    "bytes": b"x",
    "complex": 1j,
    "object": Nothing(),
    "class": nnx.Dense,
    "layer": nnx.ReLU(),
    "loss": nnx.SquaredError(),
    "optimizer": nnx.Adam(),
    "schedule": nnx.Cosine(),
    "initializer": nnx.Zeros(),
    "array": np.arange(3.0),
    "function": lambda *given, **more: None,
    "list of texts": ["x"],
}
# What a required parameter of this name is given where another one is wrong.
RIGHT = {
    "layers": NET,
    "layer": nnx.Identity(),
    "net": NET,
    "x": X,
    "X": X,
    "y": Y,
    "loss": nnx.SoftmaxCrossEntropy(),
    "optimizer": nnx.SGD(),
    "params": PARAMS,
    "direction": PARAMS,
    "features": 3,
    "heads": 2,
    "hidden": (4,),
    "outputs": 2,
    "units": 2,
    "members": 2,
    "every": 2,
    "value": 0.5,
    "seed": 0,
    "path": "file",
    "folder": "folder",
    "part": nnx.Tanh(),
    "kind": nnx.Dense,
    "model": nnx.MLPClassifier((3,), max_iter=2),
    "estimator": nnx.MLPClassifier((3,), max_iter=2),
    "size": 2,
    "param_grid": {"alpha": [0.1]},
    "target": np.zeros((12, 2)),
    "task": "classification",
    "predicted": P,
    "classes": ("a", "b"),
    "predict": lambda x: x[:, 0],
    "columns": {"a": [0]},
    "score": lambda y: 0.0,
}
FEW = {"epochs": 1, "compile": False, "max_iter": 2, "n_estimators": 2, "repeats": 1, "tol": 1e9}  # where optional
# Made by nnx, or asked for by another name.
NO_CALL = {
    "__version__",
    "Backend",
    "BackendCheck",
    "Model",
    "Ranks",
    "Report",
    "Summary",
    "namespace",
    "Fit",
    "PopulationFit",
    "PopulationReport",
    "Key",
}
OWN = {
    **{name: {"y": P, "target": Y} for name in ("accuracy", "balanced_accuracy", "f1", "log_loss", "roc_auc")},
    "Population": {"members": [nnx.Member(NET, "softmax_cross_entropy")]},
    "Population.fit": {"y": Y},
    "fit": {"y": Y},
    "save": {"path": "saved", "params": PARAMS},
    "scores": {"target": Y},
    "of": {"target": Y, "classes": ("a", "b")},
    **{name: {"loss": nnx.SquaredError()} for name in ("EnsembleLoss", "PositionLoss")},
    "ClampedLoss": {"loss": nnx.SquaredError(), "low": 0.0, "high": 1.0},
    **{name: {"activation": nnx.Tanh()} for name in ("ParametricActivation", "MonotoneActivation")},
    "ScaledLoss": {"loss": nnx.SquaredError(), "mean": (1.0,), "scale": (2.0,)},
    "Embedding": {"sizes": (4,), "columns": (0,)},
    **{name: {"edges": ((0.0, 1.0, 2.0),) * 3} for name in ("PiecewiseLinear", "PiecewiseLinearEmbedding")},
    "check_backend": {"xp": "numpy"},
    "gradient": {"output": 0},
    "Reshape": {"row": (3, 1)},
    "cnn": {"units": (4,)},
    "read_images": {"folder": "pictures", "size": None},
    "TokenEmbedding": {"vocabulary": 5},
    "transformer_block": {"features": 4},
    "jvp": {"dx": X},
    "to_onnx": {"model": NET, "params": PARAMS},
    **{name: {"y": P} for name in ("r2", "mean_squared_error", "mean_absolute_error", "root_mean_squared_error")},
}
MORE = {
    "evaluation.scores": scores,
    "evaluation.permutation_importance": permutation_importance,
    "evaluation.Evaluation.of": Evaluation.of,
    "training.rate_range": rate_range,
    "Population.fit": nnx.Population(OWN["Population"]["members"]).fit,
}
# Rows with several axes, of the layers that take such.
ROWS = {name: (6, 4, 2) for name in ("Conv2D", "MaxPool", "AvgPool", "GlobalPool", "Flatten")} | {"Conv1D": (6, 2)}
ROWS["transformer_block"] = (6, 4)
ROWS |= dict.fromkeys(("LearnedPositions", "MultiHeadAttention", "Masked", "GRU"), (6, 2))
ROWS |= {name: (6, 4, 2) for name in ("RandomFlip", "RandomShift", "Cutout", "cnn")}
ROWS["SqueezeExcite"] = (6, 4, 2)
ROWS["GroupNorm"] = (6, 4, 8)
# Slow ones are crossed with a few values, and what they share with another one only there.
SHORT = ("None", "text", "-1", "nan", "10**400", "object", "class")
FAMILIES = {"MLPRegressor": "MLPClassifier", "EnsembleRegressor": "EnsembleClassifier"}
FAMILIES |= {"TabularRegressor": "TabularClassifier"}
SLOW = {"MLPClassifier", "EnsembleClassifier", "TabularClassifier", "PopulationSearchCV", "Population.fit", *FAMILIES}
FIT = {"epochs": 1, "compile": False, "loss": nnx.SoftmaxCrossEntropy()}
# Functions of the user's that nnx calls fail as they like.
CALLS = {("fit", "x"), ("PopulationSearchCV", "refit"), ("evaluation.permutation_importance", "predict")}
CALLS |= {("evaluation.permutation_importance", "score")}
ALSO = {  # by what else a line may name a parameter
    "layers": ["layer 0"],
    "class_weight": ["class weights"],
    **{name: ["single numbers", "not finite"] for name in ("rate", "weight_decay", "decay", "norm")},
    "part": ["nnx.check("],
    "schedule": ["steps is not known"],
    "target": ["nnx.check(", "rows"],
    "predicted": ["predictions for"],
    "kind": ["frozen dataclass"],
    "folder": ["tensorboardX"],
    "loss": ["target has shape"],
    "scale_target": ["ScaledLoss"],
    "net": ["path must be", "the loss of 1", "target has shape"],
    "params": ["path must be", "parameters do not fit"],
    "model": ["parameters do not fit"],
    "path": ["cannot be read", "not a model file"],
    "resume": ["cannot be read", "checkpoint"],
    "metrics": ["unknown metric"],
    "param_grid": ["no candidates"],
    "scoring": ["scorers"],
    "cv": ["number of splits", "no folds"],
    "classes": ["class numbers"],
    "x": ["gave no batch"],
    "name": ["unknown backend"],
    "xp": ["unknown backend"],
}
RAW = (
    *("not supported between", "unsupported operand", "object is not", "has no attribute", "cannot unpack"),
    *("subscriptable", "expected str, bytes", "invalid literal", "could not convert", "truth value", "unhashable"),
    *("positional argument", "cannot be interpreted", "int too large", "can't multiply", "must be real number"),
    *("bad operand", "ufunc", "len()", "0-dimensional", "an integer is required"),
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nnx.save("file", NET, PARAMS)
    for name in "ab":
        Path("pictures", name).mkdir(parents=True)
        Image.new("L", (3, 2)).save(f"pictures/{name}/1.png")


def public():
    """The callables that a person may call, by name."""
    found = {}
    for name in set(nnx.__all__) - NO_CALL:
        value = getattr(nnx, name)
        error = isinstance(value, type) and issubclass(value, Exception)
        if callable(value) and not getattr(value, "_is_protocol", False) and not error:
            found[name] = value
    return found | MORE


def given(name, function):
    """Good arguments: what is required, and few epochs."""
    own = OWN.get(name, OWN.get(name.rpartition(".")[2], {}))
    right, found = RIGHT | own, {}
    for p in inspect.signature(function).parameters.values():
        if p.kind is not p.VAR_KEYWORD and (p.default is p.empty or p.name in own):
            found[p.name] = right[p.name]
        elif p.name in FEW:
            found[p.name] = FEW[p.name]
    return found


def crossing(name, function):
    """A parameter and a wrong value for each call."""
    known = inspect.signature(public()[FAMILIES[name]]).parameters if name in FAMILIES else ()
    for p in inspect.signature(function).parameters.values():
        if p.kind is not p.VAR_KEYWORD and p.name not in known:
            values = SHORT if name in SLOW else WRONG
            yield from ((p.name, what) for what in values if (p.name, what) != ("compile", "True"))  # it takes long


def called(function, arguments):
    several = [n for n, p in inspect.signature(function).parameters.items() if p.kind is p.VAR_POSITIONAL]
    positional = [arguments[n] for n in several if n in arguments]
    return function(*positional, **{n: v for n, v in arguments.items() if n not in several})


def used(made):
    """Do with it what it is for: a wrong setting does not wait until then."""
    kinds = type(made).__mro__
    if nnx.Layer in kinds:
        members = getattr(made, "members", 0) if not isinstance(made, nnx.EnsembleView) else 0
        layer = nnx.Chain(nnx.EnsembleView(members), made) if members else made
        block = type(made) is nnx.Chain and isinstance(made.layers[0], nnx.Residual)
        images = type(made) is nnx.Chain and isinstance(made.layers[0], nnx.Conv2D)
        kind = "transformer_block" if block else "cnn" if images else type(made).__name__
        x = np.ones((12, *ROWS[kind])) if kind in ROWS else X
        layer.evaluate(nnx.init(layer, x), x, train=True, key=nnx.key(0, 1))
    elif nnx.Loss in kinds:
        z, target = (
            np.zeros((12 * made.copies, 2 if made.labels else made.outputs(1))),
            Y if made.labels else Y[:, None],
        )
        for _ in range(made.positions):  # one each
            z, target = z[:, None], target[:, None]
        made.evaluate(z, target)
    elif nnx.Initializer in kinds:
        nnx.init(nnx.Dense(2, weight=made), 3)
    elif isinstance(made, nnx.Population | nnx.Member):
        population = made if isinstance(made, nnx.Population) else nnx.Population([made])
        population.fit(X, Y, epochs=1, compile=False)
    elif isinstance(made, nnx.TableEncoder):
        made.fit(X)
    elif hasattr(made, "get_params"):
        made.fit(X, Y)
    else:
        for setting, kind in SETTINGS.items():
            if kind in kinds:
                more = {"validation": 0.5} if setting == "early_stopping" else {}
                nnx.fit(NET, X, Y, **{setting: [made] if setting == "callbacks" else made}, **more, **FIT)
        if nnx.Schedule in kinds:
            nnx.fit(NET, X, Y, optimizer=nnx.SGD(schedule=made), **FIT)


SETTINGS = {"optimizer": nnx.Optimizer, "early_stopping": nnx.EarlyStopping, "checkpoint": nnx.Checkpoint}


def fault(name, parameter, error):
    """What is wrong with an error, or ""."""
    text = str(error)
    estimator = hasattr(getattr(nnx, name, None), "get_params") and isinstance(error, (ValueError, TypeError))
    if not isinstance(error, (nnx.NNXError, TypeError)) and not estimator:
        return "an error of no kind of nnx"
    if any(raw in text for raw in RAW) and not (estimator and text.startswith("cv: ")):
        return "an error of Python's own"
    if "\n" in text or (len(text) > 200 and not estimator):  # scikit-learn lists all that it takes
        return "no line of at most 200 characters"
    return (
        "" if any(word in text for word in (parameter, *ALSO.get(parameter, ()))) else "it does not name the parameter"
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(public()))
def test_what_a_parameter_cannot_be_is_one_line_that_names_it(name, capsys):
    function, found = public()[name], []
    for parameter, what in crossing(name, function):
        try:
            used(called(function, given(name, function) | {parameter: WRONG[what]}))
        except Exception as error:
            text = fault(name, parameter, error)
            if text and not ((name, parameter) in CALLS and what in ("function", "class")):
                found.append(f"{parameter}={what}: {text}: {type(error).__name__}: {str(error)[:150]}")
    assert not found, "\n" + "\n".join(found)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(public()))
def test_what_is_good_works(name):
    used(called(public()[name], given(name, public()[name])))


def test_thousands_of_mistakes_are_tried():
    assert sum(len(list(crossing(name, function))) for name, function in public().items()) > 4000
