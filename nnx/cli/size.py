"""Network, steps and rate for a table of this size, where the user has not said them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """What is chosen."""

    hidden: tuple[int, ...]
    dropout: float
    rate: float
    batch_size: int
    epochs: int
    patience: int


def recipe(rows: int, task: str) -> Recipe:
    """The settings for a table with so many rows to train on.

    Batches grow with the table as in RealMLP and TabM (Holzmueller et al. 2024; Gorishniy et al. 2025), and epochs
    shrink, so that a run makes a few thousand to a few ten thousand steps. Measured in ci/recipes.
    """
    sizes = ((1_000, 32, 200), (5_000, 64, 150), (30_000, 128, 100), (100_000, 256, 60), (1_000_000, 512, 30))
    batch_size, epochs = next(((b, e) for n, b, e in sizes if rows <= n), (1024, 12))
    width = 128 if rows <= 5_000 else 256
    depth = 2 if rows <= 30_000 else 3
    return Recipe((width,) * depth, 0.1, 2e-3, batch_size, epochs, max(epochs // 5, 5))
