"""The quirks of scikit-learn that are kept unless `fixes` names them."""

from typing import Any

from ..errors import unknown

FIXES = {
    "counts": "loss='poisson' refuses a y below 0",
    "float32": "solver='lbfgs' gives float32 weights for float32 data",
    "log_proba": "predict_log_proba comes from the outputs, so that it is finite where a probability is 0",
    "one_class": "with one class, predict_proba has one column",
    "outputs": "with several outputs, squared error descends the mean that it reports, and not the sum",
    "partial_fit": "MLPRegressor(solver='lbfgs') has no partial_fit, as MLPClassifier has none",
    "patience": "training stops after n_iter_no_change epochs without improvement, and not after one more",
    "schedules": "learning_rate='invscaling' and 'adaptive' are for every solver, and not for 'sgd' alone",
    "stratify": "early_stopping holds out rows of all classes in proportion, and not only of two",
    "stream": "partial_fit goes on with the random numbers, and does not begin anew from an integer random_state",
    "sum_to_one": "float32 probabilities add up to 1, and never to more, when they are added in float64",
    "warm_start": "warm_start keeps the optimizer's state, and refuses other hidden_layer_sizes",
}


def fixed(est: Any, name: str) -> bool:
    """True if the estimator has this quirk fixed."""
    chosen = (est.fixes,) if isinstance(est.fixes, str) else est.fixes
    return name in chosen or "all" in chosen


def check(est: Any) -> None:
    """Raise ValueError if `fixes` has an unknown name."""
    for name in () if isinstance(est.fixes, str) else est.fixes:
        if str(name) not in (*FIXES, "all"):
            raise ValueError("fixes: " + unknown("quirk", str(name), [*FIXES, "all"]))
