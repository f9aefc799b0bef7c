"""Under `python -OO`, without asserts and docstrings, tinynet does and says the same."""

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from tinynet import (
    SGD,
    Adam,
    Dense,
    Layer,
    MSELoss,
    Sequential,
    fit,
    load,
    load_parameters,
    save,
    train,
)
from tinynet.testing import check_layer, check_loss, check_optimizer

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.py") if path.stem != "program")


class Doubled(Layer):
    def forward(self, x):
        self._x = x
        return 2 * x

    def backward(self, dy):
        return dy


class Forgetful(Layer):
    def forward(self, x):
        return 2 * x * self.factor

    def backward(self, dy):
        return dy


def network():
    rng = np.random.default_rng(0)
    return Sequential(Dense(3, 4, rng=rng), Dense(4, 2, rng=rng))


def usage(name):
    """The part of `--help` before the docstring of the program, and that after it."""
    printed = io.StringIO()
    arguments = mock.patch.object(sys, "argv", [name, "--help"])
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit), arguments:
        importlib.import_module(name).main()
    text = printed.getvalue()
    return text.partition("\n\n")[0], text.partition("options:\n")[2]


def error(call, *arguments, **options):
    """The text of the error of a call, with its notes."""
    try:
        call(*arguments, **options)
    except Exception as caught:
        return [type(caught).__name__, str(caught), *getattr(caught, "__notes__", ())]
    raise RuntimeError(f"{call!r} must refuse these arguments, and raised no error")


def trained(make_optimizer):
    """The losses and parameters of a short training."""
    x = np.random.default_rng(1).normal(size=(70, 3))
    net = network()
    optimizer = make_optimizer(net)
    losses = [e.loss for e in train(net, MSELoss(), optimizer, x, x[:, :2], epochs=2, rng=0)]
    return [*losses, *net.params.tolist()]


def saved(folder):
    """The numbers that come back from files, and the texts."""
    x, path = np.random.default_rng(1).normal(size=(20, 3)), Path(folder, "run.npz")
    for epochs in 1, 2:
        net = network()
        optimizer = Adam(net, lr=0.01)
        data = MSELoss(), optimizer, x, x[:, :2]
        options = {"checkpoint": path, "resume": epochs > 1, "rng": 0, "progress": "off"}
        history = fit(net, *data, epochs=epochs, **options)
    save(net, Path(folder, "net.npz"))
    again = load(Path(folder, "net.npz"))
    load_parameters(again, path)
    refused = [
        line.replace(folder, "") for line in error(load_parameters, Dense(2, 2, rng=0), path)
    ]
    return [*history["loss"].tolist(), *again.params.tolist()], [repr(again), *refused]


def facts():
    """What tinynet does and says, as JSON keeps it."""
    with tempfile.TemporaryDirectory() as folder:
        numbers, files = saved(folder)
    for make_optimizer in lambda net: SGD(net, lr=0.1), lambda net: Adam(net, lr=0.1):
        numbers += trained(make_optimizer)
    return {
        "numbers": numbers,
        "examples": {name: usage(name) for name in EXAMPLES},
        "files": files,
        "good": [
            check_layer(Dense(3, 2, rng=0), input_shape=(4, 3)).passed,
            check_loss(MSELoss(), shape=(4, 2)).passed,
            check_optimizer(lambda net: SGD(net, lr=0.1), lambda w, g, state: w - 0.1 * g).passed,
        ],
        "bad": [
            error(check_layer, Doubled(), input_shape=(2, 3)),
            error(check_layer, Forgetful(), input_shape=(2, 3)),
            error(Dense(3, 2, rng=0).backward, np.ones((4, 2))),
            error(Dense(3, 2, rng=0).forward, np.ones((4, 2))),
            error(train, network(), MSELoss(), None, 1, 2, epochs=1, verbose=1),
        ],
    }


def test_a_refusal_that_does_not_come_is_an_error():
    with pytest.raises(RuntimeError, match="raised no error"):
        error(len, [])
    assert error(len, 3)[0] == "TypeError"


def test_without_asserts_and_docstrings_everything_is_the_same(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    monkeypatch.setenv("COLUMNS", "80")  # into which argparse fits its text
    program = "import json, test_optimized as here; print(json.dumps([__debug__, here.facts()]))"
    done = subprocess.run(
        [sys.executable, "-OO", "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={
            **{"COLUMNS": "80", "OPENBLAS_NUM_THREADS": "1"},
            "PYTHONPATH": os.pathsep.join(str(ROOT / each) for each in ("", "tests", "examples")),
        },
    )
    assert done.returncode == 0, done.stderr
    debug, optimized = json.loads(done.stdout)
    assert not debug
    here = json.loads(json.dumps(facts()))
    # the last bits of a product depend on where BLAS finds its operands in memory
    np.testing.assert_allclose(optimized.pop("numbers"), here.pop("numbers"), rtol=1e-8, atol=1e-12)
    for name, value in here.items():
        assert optimized[name] == value
    assert here["files"][1] == "LoadError"
    for name, (_, options) in optimized["examples"].items():
        assert "--help" in options, name
