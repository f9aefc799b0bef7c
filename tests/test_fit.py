"""fit, evaluate, predict and History."""

import copy
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import types
from pathlib import Path

import numpy as np
import pytest
from layers import network

from tinynet import (
    SGD,
    Dense,
    DivergenceError,
    History,
    Layer,
    MSELoss,
    Sequential,
    evaluate,
    fit,
    predict,
    train,
)
from tinynet.metrics import accuracy

ROOT = Path(__file__).parent.parent


class Run:
    """A small network, its data, and a call of fit."""

    def __init__(self, seed=0, lr=0.5, loss=None):
        self.net = network(3, 4, 2, rng=seed)
        self.loss, self.optimizer = loss or MSELoss(), SGD(self.net, lr=lr)
        data = np.random.default_rng(9)
        self.x = data.normal(size=(40, 3))
        self.t = np.stack([self.x[:, 0] > 0, self.x[:, 0] <= 0], axis=1) * 1.0
        self.validation = data.normal(size=(10, 3)), data.uniform(size=(10, 2))

    def fit(self, **options):
        defaults = {"epochs": 3, "batch_size": 4, "progress": "off", "rng": 0}
        arguments = self.net, self.loss, self.optimizer, self.x, self.t
        return fit(*arguments, **{**defaults, **options})


def test_fit_takes_the_steps_of_train():
    fitted, trained = Run(), Run()
    history = fitted.fit()
    arguments = trained.net, trained.loss, trained.optimizer, trained.x, trained.t
    epochs = list(train(*arguments, epochs=3, batch_size=4, rng=0))
    assert np.array_equal(fitted.net.params, trained.net.params)
    assert history["loss"].tolist() == [epoch.loss for epoch in epochs]
    assert history["lr"].tolist() == [0.5] * 3
    assert (history["seconds"] > 0).all()


def test_validation_and_metrics_are_measured_after_each_epoch():
    run, other = Run(), Run()
    metrics = {"accuracy": accuracy, "worst": lambda y, t: np.abs(y - t).max()}
    history = run.fit(validation=run.validation, metrics=metrics)
    names = ("loss", "validation_loss", "validation_accuracy", "validation_worst", "lr", "seconds")
    assert history.names == names
    expected = evaluate(run.net, run.loss, *run.validation, metrics)
    assert history["validation_loss"][-1] == expected["loss"]
    assert history["validation_accuracy"][-1] == expected["accuracy"]
    assert history["validation_worst"][-1] == expected["worst"]
    other.fit()
    assert np.array_equal(run.net.params, other.net.params), "measuring changes nothing"


def test_metrics_without_validation_are_those_of_the_training_data():
    run = Run()
    history = run.fit(metrics=[accuracy], epochs=20)
    assert history.names == ("loss", "accuracy", "lr", "seconds")
    assert history["accuracy"][-1] == accuracy(run.net.predict(run.x), run.t) > 0.9


def test_early_stopping_keeps_the_best_parameters():
    run, best = Run(), Run()
    history = run.fit(epochs=100, validation=run.validation, patience=4)
    assert history.epochs == history.best_epoch + 4 < 100
    assert history["validation_loss"].argmin() == history.best_epoch - 1
    assert evaluate(run.net, run.loss, *run.validation)["loss"] == history["validation_loss"].min()
    best.fit(epochs=history.best_epoch)
    assert np.array_equal(run.net.params, best.net.params)


def test_the_best_parameters_are_kept_too_where_the_epochs_end_first():
    run = Run()
    history = run.fit(epochs=100, validation=run.validation, patience=99)
    assert history.epochs == 100
    assert evaluate(run.net, run.loss, *run.validation)["loss"] == history["validation_loss"].min()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs must be a positive int"),
        ({"batch_size": 1.5}, TypeError, "batch_size must be a positive int"),
        ({"patience": 3}, ValueError, r"pass validation=\(x, t\)"),
        ({"patience": 0, "validation": (np.ones((1, 3)), np.ones((1, 2)))}, ValueError, "patience"),
        ({"progress": "loud"}, ValueError, "'auto', 'bar', 'lines', 'off'.*'loud'"),
        ({"validation": np.ones((2, 3))}, TypeError, r"a tuple \(x, t\).*ndarray"),
        ({"validation": (np.ones((2, 3)), np.ones((3, 2)))}, ValueError, "the same length"),
        ({"validation": (np.ones((2, 5)), np.ones((2, 2)))}, ValueError, r"must be \(N, 3\)"),
        ({"validation": (np.ones((2, 3)), np.ones((2, 1)))}, ValueError, "must be equal"),
        ({"metrics": accuracy}, TypeError, "a list of functions"),
        ({"metrics": ["accuracy"]}, TypeError, "with a name; got 'accuracy'"),
        ({"metrics": [accuracy, accuracy]}, ValueError, r"\['accuracy'\]"),
        ({"metrics": {"loss": accuracy}}, ValueError, r"\['loss'\]"),
        ({"metrics": {"a/b": accuracy}}, ValueError, r"\['a/b'\]"),
        ({"resume": True}, ValueError, "checkpoint=path"),
        ({"checkpoint": "nowhere.npz", "resume": True}, FileNotFoundError, "no file.*resume=os"),
        ({"checkpoint": "/nowhere/run.npz"}, FileNotFoundError, "no folder /nowhere"),
        ({"checkpoint": "."}, IsADirectoryError, "is a folder"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_changes(options, error, message):
    run = Run()
    before = run.net.params.copy()
    with pytest.raises(error, match=message):
        run.fit(**options)
    assert np.array_equal(run.net.params, before)
    assert run.optimizer.steps == 0


def test_a_metric_that_fails_does_so_before_the_first_epoch():
    run = Run()

    def failing(y, t):
        raise ZeroDivisionError("metric")

    with pytest.raises(ZeroDivisionError):
        run.fit(metrics=[failing])
    assert run.optimizer.steps == 0


def test_divergence_leaves_the_last_checkpoint(tmp_path):
    run = Run(lr=lambda step: 0.1 if step < 20 else 1e200)
    with pytest.raises(DivergenceError):
        run.fit(epochs=9, checkpoint=tmp_path / "run.npz")
    again = Run()
    assert again.fit(epochs=2, checkpoint=tmp_path / "run.npz", resume=True).epochs == 2


def test_divergence_after_resuming_tells_from_where_epochs_count(tmp_path):
    Run().fit(epochs=3, checkpoint=tmp_path / "run.npz")
    run = Run(lr=lambda step: 0.1 if step < 50 else 1e200)
    with pytest.raises(DivergenceError, match="in epoch 3") as caught:
        run.fit(epochs=9, checkpoint=tmp_path / "run.npz", resume=True)
    assert caught.value.__notes__[0] == "epochs are counted from epoch 3, where the run was resumed"


def test_a_network_that_grows_too_large_is_measured_without_a_warning():
    run = Run(lr=lambda step: 0.1 if step < 9 else 1e200)  # the last step of the epoch
    history = run.fit(epochs=1, validation=run.validation)
    assert not np.isfinite(history["validation_loss"][0])


# Interrupts


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
import test_fit
os.close(2)
assert test_fit.Run(loss=test_fit.Interrupting(15)).fit(epochs=9).epochs == 2
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


# What it shows

LINE = r"epoch {}/3  loss 0\.\d+  validation loss 0\.\d+  lr 0\.5  \d+\.\d s"


def test_lines_where_nobody_watches_and_nothing_when_off(capsys):
    run = Run()
    run.fit(progress="auto", validation=run.validation)
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert all(re.fullmatch(LINE.format(n), line) for n, line in enumerate(lines, 1)), lines
    assert len(lines) == 3
    assert printed.err == ""
    run.fit(progress="off")
    assert capsys.readouterr() == ("", "")


def on_a_terminal(program):
    """What the program writes to a terminal."""
    main, side = pty.openpty()
    termios.tcsetwinsize(side, (24, 100))
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=side, stderr=side, cwd=ROOT, env={"TERM": "xterm"}
    )
    os.close(side)
    text = b""
    while True:
        try:
            chunk = os.read(main, 4096)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        text += chunk
    os.close(main)
    assert child.wait() == 0, text
    return text.decode()


def test_lines_on_a_terminal_without_tqdm():
    text = on_a_terminal(
        "import sys; sys.modules['tqdm'] = None; sys.path.insert(0, 'tests'); import test_fit;"
        "test_fit.Run().fit(progress='auto')"
    )
    assert re.findall(r"epoch (\d)/3  loss", text) == ["1", "2", "3"]


def test_the_bar_is_that_of_tqdm(monkeypatch):
    calls = []

    class Bar:
        def __init__(self, **options):
            calls.append(options)

        def __enter__(self):
            return self

        def __exit__(self, *args):
            calls.append("closed")

        def set_postfix_str(self, text, refresh):
            calls.append(text)

        def update(self):
            calls.append("update")

    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    auto = types.ModuleType("tqdm.auto")
    auto.tqdm = Bar
    monkeypatch.setitem(sys.modules, "tqdm.auto", auto)
    Run().fit(epochs=1, progress="bar")
    assert calls[0] == {"total": 1, "initial": 0, "unit": "epoch"}
    assert re.fullmatch(r"loss 0\.\d+  lr 0\.5  \d+\.\d s", calls[1])
    assert calls[2:] == ["update", "closed"]


def test_a_bar_without_tqdm_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match=r"pip install tqdm"):
        Run().fit(progress="bar")


def test_importing_tinynet_imports_no_extra():
    program = "import sys, tinynet; print({'tqdm', 'safetensors', 'matplotlib'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "set()\n"


def test_a_function_of_ones_own_may_report():
    seen = []
    history = Run().fit(progress=lambda epoch, row: seen.append((epoch, row["loss"])))
    assert seen == list(zip((1, 2, 3), history["loss"], strict=True))


# History


def test_a_history_is_indexed_by_name_and_printed_as_a_table():
    history = Run().fit()
    assert isinstance(history["loss"], np.ndarray)
    assert "loss" in history
    assert "accuracy" not in history
    with pytest.raises(KeyError, match="there is no 'accuracy'; there are loss, lr, seconds"):
        history["accuracy"]
    lines = repr(history).splitlines()
    assert lines[0].split() == ["epoch", "loss", "lr", "seconds"]
    assert len(lines) == 5


def test_a_long_history_prints_its_ends():
    text = repr(History({"loss": np.arange(1000.0)}))
    assert len(text.splitlines()) == 13
    assert "..." in text
    assert text.split()[-2:] == ["1000", "999"]


def test_the_best_epoch_is_the_first_of_equals_and_never_nan():
    assert History({"loss": [3, 1, 1]}).best_epoch == 2
    assert History({"loss": [1, 2], "validation_loss": [np.nan, 5]}).best_epoch == 2
    with pytest.raises(ValueError, match="none yet"):
        History({"loss": []}).best_epoch  # noqa: B018, a property


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="equal lengths"):
        History({"loss": [1], "lr": []})
    with pytest.raises(ValueError, match="equal lengths"):
        History({})


# predict and evaluate


class Noting(Layer):
    """Notes how many rows it sees at once."""

    def __init__(self):
        self.rows = []

    def forward(self, x):
        raise AssertionError("predict must not train")

    def predict(self, x):
        self.rows.append(len(x))
        return np.stack([x, -x], axis=-1)

    def backward(self, dy):
        return dy


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 25, 30])
def test_predict_takes_some_rows_at_a_time(count):
    layer, x = Noting(), np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    y = predict(layer, x, batch_size=10)
    assert y.dtype == np.float32
    assert np.array_equal(y, np.stack([x, -x], axis=-1))
    assert max(layer.rows) <= 10
    assert sum(layer.rows) == count


def test_evaluate_leaves_no_trace():
    run = Run()
    value = run.loss.forward(run.net.forward(run.x), run.t)
    gradient = run.loss.backward()
    measured = evaluate(run.net, run.loss, run.x[:5], run.t[:5], [accuracy])
    assert np.array_equal(run.loss.backward(), gradient)
    run.net.backward(gradient)
    assert evaluate(run.net, run.loss, run.x, run.t) == {"loss": pytest.approx(value, rel=1e-14)}
    assert measured.keys() == {"loss", "accuracy"}
    with pytest.raises(ValueError, match="the same length"):
        evaluate(run.net, run.loss, run.x, run.t[:3])


@pytest.mark.parametrize("patience", [None, 5])
def test_a_divergence_leaves_the_network_of_the_last_whole_epoch(patience):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 2))
    net = Sequential(Dense(2, 2, rng=rng))
    optimizer = SGD(net, lr=lambda step: 0.1 if step < 40 else 1e200)
    options = {"batch_size": 1, "validation": (x, x), "patience": patience, "progress": "off"}
    twin, twin_optimizer = copy.deepcopy((net, optimizer))
    fit(twin, MSELoss(), twin_optimizer, x, x, epochs=2, rng=1, **options)
    with pytest.raises(DivergenceError, match="epoch 3") as caught:
        fit(net, MSELoss(), optimizer, x, x, epochs=5, rng=1, **options)
    assert "epoch 2" in caught.value.__notes__[-1]
    np.testing.assert_array_equal(net.params, twin.params)
    assert optimizer.steps == 40
