"""Stochastic descent of one estimator: a session, and the epochs computed one after another."""

import warnings
from typing import Any

from ..backends import Plain
from ..random import seed_words
from ..training.step import Carry
from .arrays import own
from .session import How, Session
from .solver import known_step


def fit(est: Any, X: Any, y: Any, sample_weight: Any, given: Any, how: How, context: Any) -> None:
    """Train the estimator on checked data; y (rows, outputs). given: X and y to validate on, or None."""
    session = Session(est, X, y, sample_weight, given, how, context)
    training, stopped = Training(session), False
    session.give_back = training.give_back
    if session.held is not None:
        session.held.keep()
    with session:
        try:
            while not stopped:
                order = session.begin_epoch()
                stopped = session.end_epoch(training.epoch(order))
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
    session.finish()
    session.layout.last = ({}, {})  # it is kept for the next fit, but not this one's weights


class Training:
    """The arrays of one session while it trains."""

    def __init__(self, session: Session) -> None:
        self.est, self.data, self.layout = session.est, session.data, session.layout
        self.backend = backend = session.est._backend()
        solver, epochs = session.est._optimizer, session.how.epochs
        seed, zero = seed_words(session.seed, backend), backend.floats(0.0)
        self.carry = Carry(session.vectors, session.running, solver.state, seed, zero)
        step = known_step(session.objective, solver.rule, session.layout)
        self.loop = Plain(step) if session.objective.plan.sparse or epochs == 1 else backend.loop(step, "auto", epochs)

    def epoch(self, order: Any) -> float:
        """Train on the rows in this order; the sum over the batches of loss times rows."""
        data, solver = self.data, self.est._optimizer
        self.carry = self.carry._replace(total=self.backend.floats(0.0), state=solver.state)
        for rows in data.batches(order):
            self.carry = self.loop(self.carry, data.X, data.target, data.weight, rows, 0, int(rows.shape[0]))
        solver.state = self.carry.state
        return float(self.carry.total)

    def give_back(self) -> None:
        """The estimator's coefs_ and intercepts_: own arrays with the weights of now."""
        self.est._take({name: own(p) for name, p in self.carry.params(self.layout).items()})
