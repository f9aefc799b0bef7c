"""Ctrl-C while fit runs."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from layers import Run

from tinynet import MSELoss, evaluate

ROOT = Path(__file__).parent.parent


class Interrupting(MSELoss):
    """Presses Ctrl-C at the given calls of forward, or raises KeyboardInterrupt itself."""

    def __init__(self, *calls, press=lambda: os.kill(os.getpid(), signal.SIGINT)):
        self.calls, self.press, self.count = calls, press, 0

    def forward(self, y, t):
        self.count += 1
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


@pytest.mark.parametrize("press", [press_twice, interrupt])
def test_a_second_ctrl_c_goes_back_to_the_last_whole_epoch(tmp_path, press, capfd):
    run, whole = Run(loss=Interrupting(25, press=press)), Run(loss=Interrupting())
    history = run.fit(epochs=9, checkpoint=tmp_path / "run.npz")
    assert history.epochs == 2
    whole.fit(epochs=2)
    assert np.array_equal(run.net.params, whole.net.params)
    assert run.optimizer.steps == 20
    run.loss.calls = ()
    run.fit(epochs=9, checkpoint=tmp_path / "run.npz", resume=True)
    whole = Run(loss=Interrupting())
    whole.fit(epochs=9)
    assert np.array_equal(run.net.params, whole.net.params)


def test_ctrl_c_in_the_first_epoch_returns_an_empty_history(tmp_path):
    run = Run(loss=Interrupting(3, press=interrupt))
    before = run.net.params.copy()
    history = run.fit(checkpoint=tmp_path / "run.npz")
    assert history.epochs == 0
    assert np.array_equal(run.net.params, before)
    run.loss.calls = ()
    assert run.fit(checkpoint=tmp_path / "run.npz", resume=True).epochs == 3


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
