"""Names of other libraries, and misspelt ones: the line says the name here, or that there is none."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import nnx

X = np.random.default_rng(0).normal(size=(12, 3))
Y = (X[:, 0] > 0).astype(int)
NET = nnx.mlp((4,), 2)
GOOD = {"loss": "softmax_cross_entropy", "epochs": 1}

# nnx.NAME: a part of the line
PUBLIC = {
    "Linear": "did you mean nnx.Dense?",
    "linear": "did you mean nnx.Dense?",
    "Sequential": "did you mean nnx.Chain?",
    "Module": "did you mean nnx.Layer?",
    "BatchNorm1d": "did you mean nnx.BatchNorm?",
    "LayerNormalization": "did you mean nnx.LayerNorm?",
    "relu": "did you mean nnx.ReLU?",
    "Swish": "did you mean nnx.SiLU?",
    "Concatenate": "did you mean nnx.Concat?",
    "CrossEntropyLoss": "did you mean nnx.SoftmaxCrossEntropy?",
    "SparseCategoricalCrossentropy": "did you mean nnx.SoftmaxCrossEntropy?",
    "BCEWithLogitsLoss": "did you mean nnx.BinaryCrossEntropy?",
    "MSELoss": "did you mean nnx.SquaredError?",
    "L1Loss": "did you mean nnx.AbsoluteError?",
    "SmoothL1Loss": "did you mean nnx.Huber?",
    "CosineAnnealingLR": "did you mean nnx.Cosine?",
    "OneCycleLR": "did you mean nnx.OneCycle?",
    "StepLR": "did you mean nnx.StepDecay?",
    "clip_by_global_norm": "did you mean nnx.ClipNorm?",
    "adamw": "did you mean nnx.AdamW?",
    "ModelCheckpoint": "did you mean nnx.Checkpoint?",
    "xavier_uniform_": "did you mean nnx.GlorotUniform?",
    "train": "did you mean nnx.fit?",
    "compile": "did you mean nnx.fit?",
    "Rngs": "did you mean nnx.key?",
    "load_model": "did you mean nnx.load?",
    "StandardScaler": "did you mean nnx.TableEncoder?",
    "GridSearchCV": "did you mean nnx.PopulationSearchCV?",
    "EarlyStoping": "did you mean nnx.EarlyStopping?",
    "Conv3d": "its layers of images are Conv2D",
    "Unfold": "take the windows of x by themselves",
    "LSTM": "nnx has none",
    "softmax": "nnx.SoftmaxCrossEntropy takes logits",
    "Softmax": "nnx.SoftmaxCrossEntropy takes logits",
    "jit": "compiles steps by itself",
    "DataLoader": "a function that returns batches",
    "Tensor": "arrays are those of NumPy",
    "optim": "names of nnx itself",
    "manual_seed": "give seed=0",
    "f1_score": "nnx.f1",
    "Whatever": "has no attribute 'Whatever'",
}

# a call and a keyword that it has not: a part of the line
KEYWORDS = {
    ("Conv2D", "kernel_size"): "did you mean size?",
    ("Conv2D", "strides"): "did you mean stride?",
    ("fit", "lr"): "optimizer=nnx.Adam(rate=0.001)",
    ("fit", "learning_rate"): "optimizer=nnx.Adam(rate=0.001)",
    ("fit", "weight_decay"): "nnx.AdamW(1e-3, weight_decay=0.01)",
    ("fit", "momentum"): "nnx.Momentum(0.01, momentum=0.9)",
    ("fit", "scheduler"): "optimizer=nnx.Adam(schedule=nnx.Cosine())",
    ("fit", "validation_data"): "did you mean validation=(x, y)?",
    ("fit", "validation_split"): "did you mean validation=0.1?",
    ("fit", "class_weight"): "nnx.SoftmaxCrossEntropy(class_weight=(1, 5))",
    ("fit", "device"): "did you mean backend='torch:cuda', say?",
    ("fit", "verbos"): "did you mean verbose?",
    ("fit", "n_epochs"): "did you mean epochs?",
    ("fit", "max_iter"): "did you mean epochs?",
    ("fit", "num_epochs"): "did you mean epochs?",
    ("fit", "callback"): "did you mean callbacks?",
    ("fit", "freeze"): "did you mean frozen='0.*', say?",
    ("fit", "patience"): "nnx.EarlyStopping(patience=10)",
    ("fit", "random_state"): "did you mean seed?",
    ("fit", "criterion"): "did you mean loss?",
    ("fit", "batchsize"): "did you mean batch_size?",
    ("fit", "clipnorm"): "nnx.ClipNorm(nnx.Adam(), norm=1.0)",
    ("fit", "n_jobs"): "leave it out",
    ("fit", "zzz"): "see help(nnx.fit)",
    ("Adam", "lr"): "did you mean rate?",
    ("Adam", "learning_rate"): "did you mean rate?",
    ("Adam", "eps"): "did you mean epsilon?",
    ("SGD", "momentum"): "nnx.Momentum(0.01, momentum=0.9)",
    ("RMSProp", "alpha"): "did you mean decay?",
    ("ClipNorm", "max_norm"): "did you mean norm?",
    ("Dense", "in_features"): "the width of x is known from x",
    ("Dense", "out_features"): "did you mean units?",
    ("Dense", "activation"): "an activation is a layer of its own",
    ("Dropout", "p"): "did you mean rate?",
    ("LeakyReLU", "negative_slope"): "did you mean negative?",
    ("ReLU", "inplace"): "leave it out",
    ("SoftmaxCrossEntropy", "weight"): "did you mean class_weight?",
    ("SoftmaxCrossEntropy", "reduction"): "the mean over the rows is taken",
    ("Huber", "beta"): "did you mean delta?",
    ("Cosine", "T_max"): "did you mean steps?",
    ("StepDecay", "gamma"): "did you mean decay?",
    ("EarlyStopping", "mode"): "did you mean better?",
    ("Checkpoint", "filepath"): "did you mean path?",
    ("EMA", "beta"): "did you mean decay?",
    ("mlp", "hidden_sizes"): "did you mean hidden?",
    ("init", "random_state"): "did you mean seed?",
    ("Chain", "layers"): "give them one by one",
    ("MLPClassifier", "lr"): "did you mean learning_rate_init?",
    ("MLPRegressor", "epochs"): "did you mean max_iter?",
    ("EnsembleClassifier", "members"): "did you mean n_estimators?",
    ("fit", "strategy"): "did you mean ranks?",
    ("TableEncoder", "max_cats"): "did you mean max_categories?",
    ("Member", "lr"): "optimizer=nnx.Adam(rate=0.001)",
}

# a setting of fit that may be a name: a part of the line
VALUES = {
    ("loss", "mse"): "did you mean 'squared_error'?",
    ("loss", "MSE"): "did you mean 'squared_error'?",
    ("loss", "cross_entropy"): "did you mean 'softmax_cross_entropy'?",
    ("loss", "categorical_crossentropy"): "did you mean 'softmax_cross_entropy'?",
    ("loss", "softmax"): "did you mean 'softmax_cross_entropy'?",
    ("loss", "bce"): "did you mean 'binary_cross_entropy'?",
    ("loss", "mae"): "did you mean 'absolute_error'?",
    ("loss", "Squared_Error"): "did you mean 'squared_error'?",
    ("loss", "hinge"): "known: absolute_error",
    ("optimizer", "Adam"): "did you mean 'adam'?",
    ("optimizer", "AdamW"): "did you mean 'adamw'?",
    ("optimizer", "SGD"): "did you mean 'sgd'?",
    ("optimizer", "nadam"): "did you mean 'adam'?",
    ("optimizer", "lbfgs"): "solver='lbfgs' of nnx.MLPClassifier",
    ("activation", "Relu"): "did you mean 'relu'?",
    ("activation", "swish"): "did you mean 'silu'?",
    ("activation", "logistic"): "did you mean 'sigmoid'?",
    ("activation", "softmax"): "nnx.SoftmaxCrossEntropy takes logits",
    ("metrics", "acc"): "did you mean 'accuracy'?",
    ("metrics", "mse"): "did you mean 'mean_squared_error'?",
    ("metrics", "f1_score"): "did you mean 'f1'?",
    ("metrics", "AUC"): "did you mean 'roc_auc'?",
    ("metrics", "rmse"): "did you mean 'root_mean_squared_error'?",
    ("backend", "pytorch"): "did you mean 'torch'?",
    ("backend", "cuda"): "did you mean 'cupy'?",
}

# an attribute of a result: a part of the line
ATTRIBUTES = {
    "predict_proba": "fit.predict(x) gives probabilities",
    "fit": "nnx.fit(fit.net, x, y, params=fit.params, ...)",
    "evaluate": "nnx.evaluation.scores",
    "save": "nnx.save(path, fit)",
    "summary": "print(fit)",
    "weights": "fit.params",
    "coefs_": "fit.params",
    "model": "fit.net",
    "loss_curve_": "fit.history['loss']",
    "predct": "did you mean 'predict'?",
}
FIGURES = {
    "val_loss": "validation=0.1",
    "lss": "did you mean 'loss'?",
    "accuracy": "metrics=['accuracy'] and validation=0.1 give 'validation_accuracy'",
    3: "known: ",
}


def one_line(error, text):
    found = str(error.value)
    assert text in found and "\n" not in found and len(found) <= 200, found


@pytest.fixture(scope="module")
def fit():
    return nnx.fit(NET, X, Y, **GOOD)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_name_of_another_library_gets_the_name_here(name):
    with pytest.raises(AttributeError) as error:
        getattr(nnx, name)
    one_line(error, PUBLIC[name])


@pytest.mark.parametrize(("function", "name"), KEYWORDS)
def test_a_keyword_of_another_library_gets_the_one_here(function, name):
    with pytest.raises(TypeError) as error:
        getattr(nnx, function)(**{name: 1})
    one_line(error, KEYWORDS[function, name])
    assert str(error.value).startswith(f"{function}() got an unexpected keyword argument '{name}': ")


@pytest.mark.parametrize(("setting", "value"), VALUES)
def test_a_value_of_another_library_gets_the_one_here(setting, value):
    with pytest.raises(nnx.NNXError) as error:
        if setting == "activation":
            nnx.mlp((4,), 2, activation=value)
        else:
            given = [value] if setting == "metrics" else value
            nnx.fit(NET, X, Y, validation=0.5, **GOOD | {setting: given})
    one_line(error, VALUES[setting, value])


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_attribute_of_another_librarys_result_says_where_it_is(fit, name):
    with pytest.raises(AttributeError) as error:
        getattr(fit, name)
    one_line(error, ATTRIBUTES[name])


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_that_a_history_has_not_says_which_was_meant(fit, name):
    with pytest.raises(KeyError) as error:
        fit.history[name]
    assert isinstance(error.value, nnx.NNXError)
    one_line(error, FIGURES[name])


def test_at_least_sixty_mistakes_of_other_libraries_are_told():
    assert sum(map(len, (PUBLIC, KEYWORDS, VALUES, ATTRIBUTES, FIGURES))) >= 120


def test_results_are_short_and_without_their_weights(fit):
    population = nnx.fit(NET, X, Y, members=2, **GOOD)
    for result in (fit, population):
        assert len(repr(result)) < 500 and "array" not in repr(result)
    assert "22 parameters" not in repr(fit) and "26 parameters; 1 epochs" in repr(fit) and "loss=" in repr(fit)


def test_results_can_be_copied_and_pickled(fit):
    for other in (pickle.loads(pickle.dumps(fit)), copy.deepcopy(fit)):
        assert other.history == fit.history and type(other.history) is type(fit.history)
        assert not hasattr(other, "predict_proba")


def test_functions_and_classes_keep_their_signatures_and_can_be_pickled():
    assert list(inspect.signature(nnx.Dense).parameters) == ["units", "weight", "bias"]
    assert list(inspect.signature(nnx.fit).parameters)[:4] == ["net", "x", "y", "loss"]
    assert pickle.loads(pickle.dumps(nnx.fit)) is nnx.fit
    for value in (nnx.Adam(0.1), nnx.Chain(nnx.Dense(2)), nnx.EarlyStopping(), nnx.TableEncoder()):
        assert repr(pickle.loads(pickle.dumps(value))) == repr(value)


class Plain(nnx.Layer):
    def evaluate(self, params, x, *, train=False, key=None):
        return x, None


class Scaled(Plain):
    def __init__(self, factor):
        self.factor = factor


def test_classes_of_ones_own_say_it_too():
    for call, text in (
        (lambda: Plain(3), "Plain() takes no arguments"),
        (lambda: Scaled(factr=2), "did you mean factor?"),
        (lambda: nnx.Chain(Plain).evaluate({}, X), "the class Plain; make one: Plain(...)"),
    ):
        with pytest.raises((TypeError, nnx.SettingError)) as error:
            call()
        one_line(error, text)
    assert Scaled(factor=2).factor == 2


@pytest.mark.parametrize(
    ("part", "name", "hint"),
    [
        (nnx.Chain(nnx.Dense(2)), "forward", "net.evaluate(params, x)"),
        (nnx.Dense(2), "nothing", "nothing"),
        (nnx.Dense(2), "W", "params = nnx.init(net, x)"),
        (nnx.Dropout(0.1), "train", "train=True, key="),
        (nnx.SquaredError(), "backward", "net.backprop(params, values, dy)"),
        (nnx.Adam(), "zero_grad", "optimizer.update(params, grads, state)"),
        (nnx.Adam(), "lr", ": rate"),
    ],
)
def test_an_attribute_of_other_libraries_says_what_to_write(part, name, hint):
    with pytest.raises(AttributeError, match=f"{type(part).__name__!r} object has no attribute {name!r}") as caught:
        getattr(part, name)
    assert hint in str(caught.value) and not hasattr(part, name) and not callable(part)


def test_a_property_that_fails_keeps_its_own_error():
    class Broken(nnx.Tanh):
        @property
        def names(self):
            return self.nothing

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = Broken().names
