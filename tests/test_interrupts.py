"""Ctrl-C while fit runs."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from layers import Run
from signals import KINDS, Training, at_instructions, interrupted

from tinynet import MSELoss, evaluate
from tinynet.training import interrupts

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def python_handles_ctrl_c():
    """A program that was started in the background ignores it."""
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, old)


class Interrupting(MSELoss):
    """Presses Ctrl-C at the given calls of forward, or raises KeyboardInterrupt itself."""

    def __init__(self, *calls, press=lambda: os.kill(os.getpid(), signal.SIGINT)):
        self.calls, self.press, self.count = calls, press, 0

    def forward(self, y, t):
        self.count += 1
        self.calls, self.press = self.calls, self.press  # what forward assigns is no setting
        if self.count in self.calls:
            self.press()
        return super().forward(y, t)


def test_ctrl_c_ends_the_epoch_and_writes_the_checkpoint(tmp_path, capfd):
    run, whole = Run(loss=Interrupting(15)), Run(loss=Interrupting())
    history = run.fit(epochs=9, checkpoint=tmp_path / "run.npz")
    assert history.epochs == 2
    assert "stopping after this epoch; Ctrl-C again stops at once" in capfd.readouterr().err
    whole.fit(epochs=2)
    assert np.array_equal(run.net.params, whole.net.params)
    run.loss.calls = ()
    run.fit(epochs=3, checkpoint=tmp_path / "run.npz", resume=True)
    whole = Run(loss=Interrupting())
    whole.fit(epochs=3)
    assert np.array_equal(run.net.params, whole.net.params)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_ends_the_epoch_where_the_error_stream_is_closed():
    program = """
import os, sys
sys.path.insert(0, "tests")
import layers, test_interrupts
os.close(2)
assert layers.Run(loss=test_interrupts.Interrupting(15)).fit(epochs=9).epochs == 2
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=False, cwd=ROOT
    )
    assert done.stdout == "done\n"


def press_twice():
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)


def interrupt():
    raise KeyboardInterrupt


def fail():
    raise RuntimeError("a fault of a layer")


@pytest.mark.parametrize(
    ("press", "error"),
    [
        (press_twice, KeyboardInterrupt),
        (interrupt, KeyboardInterrupt),
        (lambda: sys.exit(1), SystemExit),
        (fail, RuntimeError),
    ],
)
def test_whatever_ends_fit_leaves_the_last_whole_epoch(tmp_path, press, error, capfd):
    run, whole = Run(loss=Interrupting(25, press=press)), Run(loss=Interrupting())
    with pytest.raises(error):
        run.fit(epochs=9, checkpoint=tmp_path / "run.npz")
    whole.fit(epochs=2)
    assert np.array_equal(run.net.params, whole.net.params)
    assert run.optimizer.steps == 20
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    run.loss.calls = ()
    assert run.fit(epochs=9, checkpoint=tmp_path / "run.npz", resume=True).epochs == 9
    whole = Run(loss=Interrupting())
    whole.fit(epochs=9)
    assert np.array_equal(run.net.params, whole.net.params)


def test_an_interrupt_in_the_first_epoch_leaves_the_network_as_it_was(tmp_path):
    run = Run(loss=Interrupting(3, press=interrupt))
    before = run.net.params.copy()
    with pytest.raises(KeyboardInterrupt):
        run.fit(checkpoint=tmp_path / "run.npz")
    assert np.array_equal(run.net.params, before)
    run.loss.calls = ()
    assert run.fit(checkpoint=tmp_path / "run.npz", resume=True).epochs == 3


def test_a_loop_of_fits_can_be_stopped(capfd):
    """The first Ctrl-C ends one fit, the second in the same fit ends the program's loop."""
    runs = [Run(loss=Interrupting(15, 17)) for _ in range(4)]

    def script():
        for run in runs:
            run.fit()

    with pytest.raises(KeyboardInterrupt):
        script()
    assert [run.optimizer.steps for run in runs] == [10, 0, 0, 0]


def test_ctrl_c_with_patience_leaves_the_best_parameters():
    run = Run(loss=Interrupting(175))
    history = run.fit(epochs=100, validation=run.validation, patience=90)
    assert history.epochs < 100
    assert evaluate(run.net, MSELoss(), *run.validation)["loss"] == history["validation_loss"].min()


def test_a_handler_of_the_program_is_left_alone():
    pressed = []
    old = signal.signal(signal.SIGINT, lambda *args: pressed.append(1))
    try:
        assert Run(loss=Interrupting(5)).fit().epochs == 3
        assert pressed == [1]
    finally:
        signal.signal(signal.SIGINT, old)


def test_fit_runs_outside_the_main_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(Run().fit().epochs))
    thread.start()
    thread.join()
    assert results == [3]


def send_while(at, work):
    """Send SIGINT where Python handles a signal in interrupts.py for that time; whether it came."""
    passed = 0

    def profile(frame, event, argument):
        nonlocal passed
        inside = frame.f_code.co_filename == interrupts.__file__
        if inside and event in ("call", "c_return"):
            passed += 1
            if passed == at:
                signal.raise_signal(signal.SIGINT)

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return passed >= at


@pytest.mark.parametrize("kind", [interrupts.HeldSignals, interrupts.StopRequests])
def test_no_signal_is_lost_or_held_for_ever_while_handlers_are_set_and_restored(kind, capfd):
    def work():
        with kind() as signals:
            signals.requested = signals.holding = True  # as where fit ends

    at, came = 1, True
    while came:
        try:
            came = send_while(at, work)
        except KeyboardInterrupt:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        else:
            assert not came or capfd.readouterr().err  # fit has noted the first one
        signal.signal(signal.SIGINT, signal.default_int_handler)
        at += 1
    assert at > 10


def test_every_waiting_signal_is_delivered_though_the_first_raises():
    seen = []
    old = signal.signal(signal.SIGTERM, lambda *args: seen.append("terminated"))

    def work():
        with interrupts.HeldSignals():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            seen.append("whole")

    try:
        with pytest.raises(KeyboardInterrupt):
            work()
        assert seen == ["whole", "terminated"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, old)


@pytest.mark.parametrize("kind", KINDS)
def test_signals_at_any_instruction_leave_whole_steps(kind, capfd):
    count = at_instructions(())
    assert interrupted(kind, count)[:2] == (False, True)
    rng = np.random.default_rng(0)
    ended = 0
    for first in rng.integers(1, count.instructions, size=12):
        numbers = {first + 7 * n for n in range(rng.integers(1, 4))}
        hit, whole, steps = interrupted(kind, at_instructions(numbers))
        assert whole, (first, steps)
        ended += hit
    assert ended


def test_another_thread_sees_whole_steps_of_the_blocked_path():
    training = Training("blocked", examples=6000)
    states, seen, done = Training("blocked", examples=6000).sequence(), [], threading.Event()

    def look():
        while not done.is_set():
            before = training.optimizer.steps
            state = training.state()
            if before == training.optimizer.steps:
                seen.append((before, state))
            time.sleep(1e-4)

    thread = threading.Thread(target=look)
    thread.start()
    for _ in training.run():
        pass
    done.set()
    thread.join()
    between = [(steps, state) for steps, state in seen if 0 < steps < 5990]
    assert len(between) > 5
    torn = [n for n, state in between if not np.allclose(state, states[n], rtol=1e-8, atol=1e-9)]
    assert len(torn) <= len(between) // 20  # it may look while a block is published
