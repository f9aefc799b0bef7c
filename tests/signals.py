"""Signals that hit training at any moment, and whether the network is then at a whole step.

`python tests/signals.py [COUNT] [KIND ...]` sends COUNT real signals, 1,000 unless given, into each
kind of training, and prints how many of them left a state that is none of the exact sequence. The
tests take others, which come at chosen instructions.
"""

import functools
import os
import random
import signal
import sys
import threading
import time

import numpy as np

from tinynet import (
    SGD,
    Adam,
    AdamW,
    BatchNorm,
    Dense,
    Dropout,
    MSELoss,
    Sequential,
    Sigmoid,
    fit,
    train,
)

KINDS = (
    "blocked",
    "blocked with state",
    "plain",
    "momentum",
    "adam",
    "clipped",
    "fit",
    "terminated",
)
EPOCHS = 2


class Terminated(BaseException):
    """What a job's own handler of SIGTERM raises."""


class Training:
    """A small training of one kind, and what it may be interrupted at."""

    def __init__(self, kind, examples=None):
        width, self.kind, rng = 6, kind, np.random.default_rng(0)
        data = np.random.default_rng(1)
        self.number = signal.SIGTERM if kind == "terminated" else signal.SIGINT
        examples = examples or (140 if kind.startswith("blocked") else 14)
        self.x, self.t = data.normal(size=(examples, 4)), data.normal(size=(examples, 2))
        state = [] if kind == "blocked" else [BatchNorm(width), Dropout(0.2, rng=rng)]
        layers = Dense(4, width, rng=rng), Sigmoid(), *state, Dense(width, 2, rng=rng)
        self.net, self.rng = Sequential(*layers), rng
        self.optimizer = {
            "momentum": lambda net: SGD(net, lr=0.02, momentum=0.9, nesterov=True),
            "adam": lambda net: Adam(net, lr=0.1, weight_decay=0.01),
            "clipped": lambda net: AdamW(net, lr=0.1, clip_norm=0.1),
        }.get(kind, lambda net: SGD(net, lr=0.05))(self.net)

    def run(self, blocked=None):
        """Train; a signal may end it."""
        options = {"batch_size": 2, "rng": 2, "epochs": EPOCHS}
        arguments = self.net, MSELoss(), self.optimizer, self.x, self.t
        if self.kind == "fit":
            fit(*arguments, **options, progress="off")
            return
        blocked = self.kind.startswith("blocked") if blocked is None else blocked
        yield from train(*arguments, **options, blocked=blocked)

    def state(self):
        """All that a step changes, as one vector: parameters, buffers, optimizer, random state."""
        arrays = [self.net.params, *(a for _, a in self.net.named_buffers())]
        arrays += [vector for _, vector in self.optimizer.named_state()]
        draws = np.random.default_rng()
        draws.bit_generator.state = self.rng.bit_generator.state
        return np.concatenate([*(a.ravel() for a in arrays), draws.random(3)])

    def sequence(self):
        """The states that the training goes through, by the number of steps."""
        states, step = {0: self.state()}, self.optimizer.step

        def recorded():
            step()
            states[self.optimizer.steps] = self.state()

        self.optimizer.step = recorded
        try:
            for _ in self.run(blocked=False):
                pass
        finally:
            del self.optimizer.step
        if self.kind == "fit":  # which goes back to a whole epoch
            steps = len(self.x) // 2
            return {n: state for n, state in states.items() if n % steps == 0}
        return states

    def is_whole(self, states):
        """Whether the state is that after as many steps as the optimizer has counted."""
        wanted = states.get(self.optimizer.steps)
        # BatchNorm on two rows enlarges rounding; what a torn step leaves out is larger than that
        return wanted is not None and np.allclose(self.state(), wanted, rtol=0, atol=3e-6)


@functools.cache
def sequence(kind, **size):
    """The states that every training of that kind goes through."""
    return Training(kind, **size).sequence()


def interrupted(kind, prepare, **size):
    """Run a training into the signals that `prepare` arranges; whether its state is whole."""
    training, states = Training(kind, **size), sequence(kind, **size)

    def terminate(number, frame):
        raise Terminated

    old = signal.signal(signal.SIGTERM, terminate)
    hit = False
    finish = prepare(training)
    try:
        for _ in training.run():
            pass
    except (KeyboardInterrupt, Terminated):
        hit = True
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):  # some may still be on their way
            signal.signal(number, signal.SIG_IGN)
        finish()
        time.sleep(0.002)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, old)
    return hit, training.is_whole(states), training.optimizer.steps


def real(seconds, burst):
    """Another thread sends signals to this process after so many seconds."""

    def prepare(training):
        started = threading.Event()

        def send():
            started.wait()  # a signal must not come while the thread is starting
            time.sleep(0.005 + seconds)
            for _ in range(burst):
                os.kill(os.getpid(), training.number)
                time.sleep(1e-4 * random.random())

        thread = threading.Thread(target=send)
        thread.start()
        started.set()
        return thread.join

    return prepare


def at_instructions(numbers):
    """The signal comes right before these instructions of tinynet, counted from the first."""

    def prepare(training):
        count = 0

        def trace(frame, event, argument):
            nonlocal count
            if "tinynet" not in frame.f_code.co_filename or "/tests/" in frame.f_code.co_filename:
                return None
            frame.f_trace_opcodes = True
            if event == "opcode":
                count += 1
                if count in numbers:
                    signal.raise_signal(training.number)
            return trace

        sys.settrace(trace)

        def finish():
            sys.settrace(None)
            prepare.instructions = count

        return finish

    return prepare


def main(count, kinds):
    for kind in kinds:
        size = {"examples": 400}
        start = time.perf_counter()
        for _ in Training(kind, **size).run():
            pass
        duration = time.perf_counter() - start
        torn = hits = 0
        for _ in range(count):
            burst = random.choice((1, 1, 2, 5)) if kind != "fit" else random.choice((2, 3, 5))
            hit, whole, _ = interrupted(kind, real(duration * random.random(), burst), **size)
            hits, torn = hits + hit, torn + (not whole)
        print(f"{kind}: {count} times signals sent, {hits} ended training, {torn} torn", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1000, sys.argv[2:] or KINDS)
