"""nnx's estimators on a Dask cluster: scikit-learn's own search, whose fits Dask's workers run.

pip install "dask[distributed]"
python examples/search_with_dask.py [--address tcp://scheduler:8786]
"""

import argparse

import joblib
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

import nnx


def main(address: str | None) -> None:
    from dask.distributed import Client

    x, y = load_digits(return_X_y=True)
    grid = {"learning_rate_init": [1e-4, 1e-3, 1e-2], "hidden_layer_sizes": [(32,), (64,)]}
    search = GridSearchCV(nnx.MLPClassifier(max_iter=50, random_state=0), grid, cv=3)
    with Client(address) if address else Client(n_workers=2, threads_per_worker=1), joblib.parallel_backend("dask"):
        search.fit(x / 16, y)
    print(search.best_params_, search.best_score_)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address")
    main(parser.parse_args().address)
