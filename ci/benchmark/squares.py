"""solver="lm" beside L-BFGS on 20 small regressions: the loss that each reaches in the same CPU time.

python ci/benchmark/squares.py [--seconds 1] [--seeds 3] [--out ci/results/squares]

Each has as many seconds of the processor, from the same first weights; alpha is 0. L-BFGS of the estimators ends by
itself where an iteration brings less than a part of 2e-9: it is called again with warm_start for the time that is left.
The third rival is SciPy's L-BFGS-B on nnx's objective without that end (ftol=0), which no estimator offers.
"""

import argparse
import json
import statistics
import time
import warnings

import numpy as np
import scipy.optimize
from run import head
from sklearn.neural_network import MLPRegressor

import nnx
from nnx.estimators.lbfgs import Packed

END = dict(activation="tanh", alpha=0.0, tol=1e-15, max_fun=10**9)


def problems():
    """By name x, y and the hidden widths: functions without noise on 200 to 400 points."""
    rng = np.random.default_rng(0)

    def uniform(columns, rows=300, low=-1.0, high=1.0):
        return rng.uniform(low, high, size=(rows, columns))

    found, line, pi = {}, np.linspace(-1, 1, 200)[:, None], np.pi
    t = line[:, 0]
    found["sine"] = line, np.sin(2 * pi * t), (10,)
    found["sine, three periods"] = line, np.sin(6 * pi * t), (20,)
    found["damped oscillation"] = line, np.exp(-2 * t - 2) * np.cos(8 * t), (15,)
    found["Gaussian bump"] = line, np.exp(-20 * t**2), (8,)
    found["chirp"] = line, np.sin(4 * (t + 1) ** 2), (20,)
    found["Runge's function"] = line, 1 / (1 + 25 * t**2), (10,)
    found["Chebyshev polynomial 4"] = line, 8 * t**4 - 8 * t**2 + 1, (8,)
    found["wave packet, two layers"] = line, np.exp(-4 * t**2) * np.cos(15 * t), (8, 8)
    x = uniform(2)
    far = [np.sum((x - place) ** 2, axis=1) for place in (0.4, -0.4)]
    found["two bumps"] = x, np.exp(-8 * far[0]) - np.exp(-8 * far[1]), (30,)
    x = uniform(2)
    found["Rosenbrock"] = x, (1 - x[:, 0]) ** 2 / 10 + (x[:, 1] - x[:, 0] ** 2) ** 2, (15,)
    x = uniform(2)
    found["product of sines"] = x, np.sin(pi * x[:, 0]) * np.sin(pi * x[:, 1]), (20,)
    x = uniform(2)
    found["saddle"] = x, x[:, 0] * x[:, 1], (8,)
    x = uniform(2, low=-2, high=2)
    a, b = x[:, 0], x[:, 1]
    peaks = 3 * (1 - a) ** 2 * np.exp(-(a**2) - (b + 1) ** 2) - np.exp(-((a + 1) ** 2) - b**2) / 3
    found["peaks"] = x, (peaks - (2 * a - 10 * a**3 - 10 * b**5) * np.exp(-(a**2) - b**2)) / 4, (25,)
    t = np.linspace(0.5, 2.5 * pi, 120)
    arm = np.stack([t * np.cos(t), t * np.sin(t)], axis=1) / 8
    found["two spirals, two layers"] = np.concatenate([arm, -arm]), np.repeat([1.0, -1.0], 120), (15, 10)
    x = uniform(3)
    found["distance"] = x, np.sqrt(np.sum(x**2, axis=1) + 0.1), (30,)
    x = uniform(4, 400, 0, 1)
    y = np.sin(pi * x[:, 0] * x[:, 1]) + 2 * (x[:, 2] - 0.5) ** 2 + x[:, 3]
    found["Friedman 1, four inputs"] = 2 * x - 1, y, (15,)
    x = uniform(4, 400, 0, 1)
    resistance, reactance = 100 * x[:, 0], pi * (40 + 520 * x[:, 1]) * x[:, 2]
    reactance -= 1 / (pi * (40 + 520 * x[:, 1]) * (1 + 10 * x[:, 3]))
    found["Friedman 2"] = 2 * x - 1, np.hypot(resistance, reactance) / 500, (12,)
    found["Friedman 3"] = 2 * x - 1, np.arctan(reactance / (resistance + 10)), (30,)
    x = uniform(2)
    angle = np.cumsum(x, axis=1) * pi / 2
    hand = np.stack([np.cos(angle) @ [1, 0.8], np.sin(angle) @ [1, 0.8]], axis=1)
    found["kinematics, two joints"] = x, hand, (15,)
    x = uniform(3)
    angle = np.cumsum(x, axis=1) * pi / 2
    found["kinematics, three joints"] = x, np.stack([np.cos(angle).sum(1), np.sin(angle).sum(1)], axis=1) / 2, (20,)
    return found


class Enough:
    """A callback that ends a training when so many seconds of the processor are used."""

    def __init__(self, seconds):
        self.until = time.process_time() + seconds

    def __call__(self, *_):
        return time.process_time() >= self.until


def by_lm(x, y, hidden, seed, seconds):
    given = dict(hidden_layer_sizes=hidden, random_state=seed, max_iter=10**9, callbacks=Enough(seconds))
    return nnx.MLPRegressor(solver="lm", **given, **END).fit(x, y)


def by_lbfgs(kind):
    def fit(x, y, hidden, seed, seconds):
        model = kind(hidden_layer_sizes=hidden, random_state=seed, solver="lbfgs", warm_start=True, **END)
        each, enough = seconds / 1000, Enough(seconds)
        while not enough():
            began = time.process_time()
            model.set_params(max_iter=max(int((enough.until - began) / each), 1)).fit(x, y)
            each = max(time.process_time() - began, 1e-6) / max(model.n_iter_, 1)
        return model

    return fit


def by_scipy(x, y, hidden, seed, seconds):
    model = nnx.MLPRegressor(hidden_layer_sizes=hidden, random_state=seed, solver="lbfgs", **END).initialize(x, y)
    packed, enough = Packed(model, x, y.reshape(len(x), -1), None), Enough(seconds)

    def seen(_):
        if enough():
            raise StopIteration

    options = dict(maxiter=10**9, maxfun=10**9, ftol=0.0, gtol=0.0)
    found = scipy.optimize.minimize(
        packed.evaluate, packed.start, method="L-BFGS-B", jac=True, options=options, callback=seen
    )
    model._take(packed.unpacked(found.x))
    return model


RIVALS = {
    "nnx lm": by_lm,
    "scikit-learn lbfgs": by_lbfgs(MLPRegressor),
    "nnx lbfgs": by_lbfgs(nnx.MLPRegressor),
    "L-BFGS-B, ftol=0": by_scipy,
}


def measured(seconds, seeds):
    """By problem and rival the mean over the rows of half the squares, for each seed."""
    found = {}
    for name, (x, y, hidden) in problems().items():
        found[name] = {rival: [] for rival in RIVALS}
        for seed in range(seeds):
            for rival, fit in RIVALS.items():
                z = fit(x, y, hidden, seed, seconds).predict(x)
                found[name][rival].append(float(np.sum((z - y) ** 2)) / 2 / len(x))
        print(name, {rival: statistics.median(losses) for rival, losses in found[name].items()}, flush=True)
    return found


def ratios(losses, rival):
    """By problem the loss of a rival over that of lm, the median over the seeds."""
    return {
        name: statistics.median(b / a for a, b in zip(own["nnx lm"], own[rival], strict=True))
        for name, own in losses.items()
    }


def table(report):
    """The results as Markdown."""
    machine, losses = report["head"]["machine"], report["losses"]
    others = [rival for rival in RIVALS if rival != "nnx lm"]
    over = {rival: ratios(losses, rival) for rival in others}
    lines = ['# solver="lm" beside L-BFGS', ""]
    lines += [f"{report['head']['when']}, {machine['processor']}, one thread. Twenty regressions without noise, tanh,"]
    lines += [
        f"alpha=0, {report['seconds']:g} s of CPU time each. The loss, half the mean squared error, and how many times"
    ]
    lines += [f"that of lm it is: medians of {report['seeds']} seeds of the first weights.", ""]
    lines += [f"| problem, hidden units | nnx lm | {' | '.join(others)} |", f"|---|---|{'---|' * len(others)}"]
    for name, (_, _, hidden) in problems().items():
        cells = [f"{statistics.median(losses[name][r]):.1e} ({over[r][name]:.3g} x)" for r in others]
        own = statistics.median(losses[name]["nnx lm"])
        lines.append(f"| {name}, {'-'.join(map(str, hidden))} | {own:.1e} | {' | '.join(cells)} |")
    lines += [f"| **median ratio** | | {' | '.join(f'{statistics.median(over[r].values()):.3g} x' for r in others)} |"]
    reached = [f"{sum(v >= 10 for v in over[r].values())} of {len(over[r])}" for r in others]
    lines += [f"| **10 times or more** | | {' | '.join(reached)} |", ""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", help="write FILE.json and FILE.md")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    report = {
        "head": head(),
        "seconds": args.seconds,
        "seeds": args.seeds,
        "losses": measured(args.seconds, args.seeds),
    }
    print(table(report))
    if args.out:
        with open(args.out + ".json", "w") as file:
            json.dump(report, file, indent=1)
        with open(args.out + ".md", "w") as file:
            file.write(table(report))


if __name__ == "__main__":
    main()
