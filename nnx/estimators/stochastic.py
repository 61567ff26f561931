"""Stochastic descent of one estimator: a session, and the epochs computed one after another."""

import warnings
from typing import Any

from ..backends import is_sparse
from ..random import seed_words
from ..training.agreed import Agreed
from ..training.engine import Program
from ..training.interrupt import Interrupt
from ..training.memory import Memory
from ..training.parts import bytes_of, loop_of
from ..training.step import Carry
from .arrays import own
from .ranks import check_same, prints, ranks_of
from .session import How, Session
from .solver import known_step


def fit(est: Any, X: Any, y: Any, sample_weight: Any, given: Any, how: How, context: Any) -> None:
    """Train the estimator on checked data; y (rows, outputs). given: X and y to validate on, or None."""
    session = Session(est, X, y, sample_weight, given, how, context)
    training, stopped = Training(session), False
    session.give_back = training.give_back
    if session.validation is not None:
        session.validation.keep()
    ranks = ranks_of(est)
    if ranks is not None:
        check_same(est, session.data, ranks)
    with (
        session,
        Interrupt(told=prints(est)) as own_interrupt,
        Memory(training.backend, session.data.batch, est.micro_batches) as memory,
    ):
        memory.needs = training.needs
        try:
            interrupt = own_interrupt if ranks is None else Agreed(ranks, own_interrupt)
            while not stopped:
                total = training.epoch(session.begin_epoch(), interrupt)
                if interrupt.seen:
                    raise KeyboardInterrupt
                stopped = session.end_epoch(total)
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
        carry = Carry(session.vectors, session.running, solver.state, seed, zero, backend.xp.zeros_like(zero))
        step = known_step(session.objective, solver.rule, session.layout, session.est.micro_batches)
        plain = is_sparse(session.data.X) or epochs == 1
        ranks = ranks_of(session.est)
        loop = loop_of(backend, step, "auto", epochs, plain=plain, ranks=ranks)
        self.program = Program(carry, loop, singly=ranks is not None)

    def epoch(self, order: Any, interrupt: Interrupt) -> float:
        """Train on the rows in this order; the sum over the batches of loss times rows."""
        solver, program = self.est._optimizer, self.program
        program.carry = program.carry._replace(state=solver.state)
        program.run(self.data.batches(order), self.backend.floats(0.0), interrupt)
        solver.state = program.carry.state
        return float(program.carry.total)

    def needs(self, rows: int) -> int:
        """The bytes that a step on so many rows makes for itself. Raises Refused if it cannot be followed."""
        return bytes_of(self.program.loop, self.program.carry, self.data.like, rows)

    def give_back(self) -> None:
        """The estimator's coefs_ and intercepts_: own arrays with the weights of now."""
        self.est._take({name: own(p) for name, p in self.program.carry.params(self.layout).items()})
