"""An existing scikit-learn script, with two lines changed: the import, and the name of a backend if one is wanted.

    python examples/sklearn_drop_in.py [--backend numpy]

The numbers are those of scikit-learn's own MLPClassifier with the same random_state.
"""

import argparse

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nnx import MLPClassifier  # was: from sklearn.neural_network import MLPClassifier


def train(backend: str) -> float:
    """The accuracy on digits that were not trained on."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    model = make_pipeline(
        StandardScaler(),
        MLPClassifier((64,), max_iter=60, tol=0.01, random_state=0, backend=backend),
    )
    model.fit(X, y)
    return float(model.score(X_test, y_test))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default="numpy")
    print(f"accuracy {train(parser.parse_args().backend):.4f}")
