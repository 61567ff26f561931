"""Follow a training in MLflow: a callback of a dozen lines. It needs `pip install mlflow`, which nnx does not.

python examples/track_with_mlflow.py [--epochs 20] [--uri sqlite:///mlflow.db]
mlflow ui --backend-store-uri sqlite:///mlflow.db
"""

import argparse

from sklearn.datasets import load_digits

import nnx


class MLflow:
    """Send the figures of each epoch to the run that is active."""

    def __init__(self, **settings: object) -> None:
        import mlflow

        self.log = mlflow.log_metrics
        mlflow.log_params(settings)

    def __call__(self, report) -> None:
        self.log(report.figures, step=report.epoch)


def train(epochs: int) -> nnx.Fit:
    """The digits, followed in the active run."""
    x, y = load_digits(return_X_y=True)
    settings = {"epochs": epochs, "batch_size": 64, "validation": 0.2, "seed": 0}
    return nnx.fit(
        nnx.mlp((64,), 10),
        x / 16,
        y,
        loss="softmax_cross_entropy",
        metrics=["accuracy"],
        callbacks=[MLflow(hidden=64, **settings)],
        **settings,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--uri", default="sqlite:///mlflow.db")
    args = parser.parse_args()
    import mlflow

    mlflow.set_tracking_uri(args.uri)
    with mlflow.start_run() as run:
        fit = train(args.epochs)
        nnx.save("model.safetensors", fit.net, fit.params, loss=fit.loss)
        mlflow.log_artifact("model.safetensors")
    print(f"validation accuracy {fit.history['validation_accuracy'][-1]:.3f}, run {run.info.run_id}")
