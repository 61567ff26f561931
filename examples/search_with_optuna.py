"""nnx's estimators under Optuna: it proposes, cross-validation scores. For a grid, nnx.PopulationSearchCV is faster.

pip install optuna
python examples/search_with_optuna.py [--trials 20]
"""

import argparse

from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score

import nnx


def main(trials: int) -> None:
    import optuna

    x, y = load_digits(return_X_y=True)

    def objective(trial: "optuna.Trial") -> float:
        model = nnx.MLPClassifier(
            (trial.suggest_int("width", 16, 128, log=True),),
            learning_rate_init=trial.suggest_float("rate", 1e-4, 1e-1, log=True),
            dropout=trial.suggest_float("dropout", 0.0, 0.5),
            early_stopping=True,
            random_state=0,
        )
        return float(cross_val_score(model, x / 16, y, cv=3).mean())

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=trials)
    print(study.best_params, study.best_value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    main(parser.parse_args().trials)
