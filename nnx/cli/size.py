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


def recipe(rows: int) -> Recipe:
    """The settings for a table with so many rows to train on.

    Batches grow with the table as in RealMLP and TabM (Holzmueller et al. 2024; Gorishniy et al. 2025), and epochs
    shrink, so that a run makes a few thousand to a few ten thousand steps; most stop early.

    Measured by ci/recipes.py on 23 tables of 150 to 54,000 rows, all of it in ci/results/recipes.md. The rate 1e-3 was
    better than 2e-3 on 15 of the 19 tables of up to 10,000 rows, by little more than the noise of the seeds.
    256 units beside 128 gained between 1,000 and 10,000 rows and not below. Other dropouts, 5e-3, label smoothing, more
    patience and other schedules gained nothing beyond that noise. Small tables trained without validation are fitted by
    heart, the worst of all. Above 30,000 rows one table was measured, once: 2e-3 was left.
    """
    sizes = ((1_000, 32, 200), (5_000, 64, 150), (30_000, 128, 100), (100_000, 256, 60), (1_000_000, 512, 30))
    batch_size, epochs = next(((b, e) for n, b, e in sizes if rows <= n), (1024, 12))
    width = 128 if rows <= 1_000 else 256
    depth = 2 if rows <= 30_000 else 3
    rate = 1e-3 if rows <= 30_000 else 2e-3
    return Recipe((width,) * depth, 0.1, rate, batch_size, epochs, max(epochs // 5, 5))
