"""A network of characters learns to add: "12+345=" to 357, on sums that it has not seen.

A sum is a string whose numbers are written from the last digit, "210+543=", so that carries go from left to right. The
network is convolutions over the characters, each of which is a token. It has a target for each position: digits of the
sum, from the last, under the second number and "=". The positions before have weight 0.

    python examples/addition.py [--backend numpy|torch|jax|cupy] [--seed 0]
"""

import argparse

import numpy as np

import nnx

DIGITS, CHARACTERS = 3, "0123456789+="
ANSWER = slice(DIGITS + 1, None)  # the positions of the sum


def written(number: int, digits: int = DIGITS) -> str:
    """A number from its last digit: 12 is "210"."""
    return f"{number:0{digits}}"[::-1]


def encoded(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x, the tokens (sums, characters), and the digit under each, 0 where none is asked for."""
    texts = [f"{written(a)}+{written(b)}=" for a, b in pairs]
    x = np.array([[CHARACTERS.index(c) for c in text] for text in texts])
    y = np.zeros_like(x)
    y[:, ANSWER] = [[int(c) for c in written(a + b, DIGITS + 1)] for a, b in pairs]
    return x, y


def right(p: np.ndarray, y: np.ndarray) -> float:
    """The share of sums whose digits are all right, of probabilities (sums, characters, 10)."""
    return float(np.mean(np.all(np.argmax(p, axis=-1)[:, ANSWER] == y[:, ANSWER], axis=-1)))


def network(width: int = 64) -> nnx.Chain:
    """The first convolution sees a digit of both numbers, 4 characters apart; the others hand on carries."""
    tokens = nnx.TokenEmbedding(len(CHARACTERS), width // 2)
    carry = [nnx.Residual(nnx.Chain(nnx.Conv1D(width, 3, padding="same"), nnx.ReLU())) for _ in range(DIGITS)]
    both = nnx.Conv1D(width, 3, padding="same", dilation=DIGITS + 1)
    return nnx.Chain(tokens, both, nnx.ReLU(), *carry, nnx.Dense(10))


def train(backend: str = "numpy", seed: int = 0, sums: int = 10000, epochs: int = 10) -> tuple[nnx.Fit, float]:
    """The network, and the share of 2000 other sums that it gets right."""
    pairs = np.stack(np.divmod(np.random.default_rng(seed).permutation(10 ** (2 * DIGITS)), 10**DIGITS), axis=-1)
    (x, y), (x_new, y_new) = encoded(pairs[:sums]), encoded(pairs[sums : sums + 2000])
    weight = np.zeros(y.shape)
    weight[:, ANSWER] = 1.0
    fit = nnx.fit(
        network(),
        x,
        y,
        loss="softmax_cross_entropy",
        optimizer=nnx.Adam(rate=0.003, schedule=nnx.Cosine()),
        epochs=epochs,
        batch_size=64,
        sample_weight=weight,
        seed=seed,
        backend=backend,
    )
    return fit, right(fit.backend.to_numpy(fit.predict(x_new)), y_new)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    fit, share = train(args.backend, args.seed)
    for a, b in [(12, 345), (999, 1), (708, 594)]:
        digits = np.argmax(fit.backend.to_numpy(fit.predict(encoded(np.array([[a, b]]))[0])), axis=-1)[0, ANSWER]
        print(f"{a} + {b} = {int(''.join(map(str, digits[::-1])))}")
    print(f"{fit.backend.place}: {share:.1%} of 2000 sums that it has not seen are right")
