"""Follow a training in Weights & Biases: a callback of a few lines. It needs `pip install wandb`, which nnx does not.

python examples/track_with_wandb.py [--epochs 20] [--mode offline]
"""

import argparse

from sklearn.datasets import load_digits

import nnx


def wandb_callback(run):
    """A callback that sends the figures of each epoch to the run."""

    def send(report) -> None:
        run.log(report.figures, step=report.epoch)

    return send


def train(epochs: int, *callbacks) -> nnx.Fit:
    """The digits, followed by the callbacks."""
    x, y = load_digits(return_X_y=True)
    return nnx.fit(
        nnx.mlp((64,), 10),
        x / 16,
        y,
        loss="softmax_cross_entropy",
        epochs=epochs,
        batch_size=64,
        validation=0.2,
        metrics=["accuracy"],
        callbacks=callbacks,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--mode", default="offline", choices=["offline", "online"], help="offline needs no account")
    args = parser.parse_args()
    import wandb

    with wandb.init(project="nnx", mode=args.mode, config={"hidden": 64, "epochs": args.epochs}) as run:
        fit = train(args.epochs, wandb_callback(run))
        nnx.save("model.safetensors", fit.net, fit.params, loss=fit.loss)
        run.save("model.safetensors")
    print(f"validation accuracy {fit.history['validation_accuracy'][-1]:.3f}")
