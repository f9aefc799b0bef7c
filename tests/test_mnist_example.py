"""The main job, examples/mnist.py, on part of the data."""

import importlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def mnist():
    sys.path.insert(0, str(ROOT / "examples"))
    yield importlib.import_module("mnist")
    sys.path.remove(str(ROOT / "examples"))
    for name in ("mnist", "program"):
        del sys.modules[name]


def test_a_short_run_learns_reports_and_draws(mnist, tmp_path, capsys):
    picture = tmp_path / "mnist.png"
    result = mnist.main(["--limit", "3000", "--epochs", "2", "--output", str(picture)])
    printed = capsys.readouterr().out
    assert result > 0.8
    lines = printed.splitlines()
    assert lines[0].startswith("784-100-10, sigmoid")
    assert "3,000 training and 10,000 test images" in lines[1]
    assert re.fullmatch(r" +1 +0\.\d{5} +\d\d\.\d\d% +\d+\.\d", lines[4])
    assert f"test accuracy {result:.2%}\n" in printed
    assert re.search(r"most frequent mistakes: \d as \d \(\d+ times\)", printed)
    assert lines[-1] == f"picture: {picture}"
    assert "\r" not in printed
    assert matplotlib.image.imread(picture).shape[0] > 500
    assert [path.name for path in tmp_path.iterdir()] == ["mnist.png"]


def test_the_same_seed_gives_the_same_result_and_quiet_prints_it_alone(mnist, tmp_path, capsys):
    arguments = ["--limit", "500", "--epochs", "1", "--quiet", "--output", str(tmp_path / "a.png")]
    first = mnist.main(arguments)
    assert capsys.readouterr().out.count("\n") == 1
    assert mnist.main(arguments) == first
    assert mnist.main([*arguments, "--seed", "1"]) != first


def test_the_options_reach_the_network(mnist, tmp_path, capsys):
    mnist.main(
        [
            *("--limit", "200", "--epochs", "1", "--hidden", "8", "7", "--batch-size", "16"),
            *("--lr", "0.25", "--dtype", "float64", "--no-bias", "--seed", "5"),
            *("--output", str(tmp_path / "a.png")),
        ]
    )
    assert capsys.readouterr().out.splitlines()[0] == (
        "784-8-7-10, sigmoid, without biases, mean squared error, SGD, learning rate 0.25, "
        "batch size 16, float64, seed 5"
    )


def test_a_terminal_gets_a_bar_that_whole_lines_replace(mnist, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    mnist.main(["--limit", "100", "--epochs", "3", "--output", str(tmp_path / "a.png")])
    printed = terminal.getvalue()
    assert "[####################..........] 2/3 epochs, about " in printed
    for line in printed.split("\n"):
        assert "epochs" not in line.rsplit("\x1b[K", 1)[-1]


def test_show_draws_one_training_example(mnist, tmp_path, capsys):
    picture = tmp_path / "digit.png"
    mnist.main(["--show", "0", "--output", str(picture)])
    assert capsys.readouterr().out.splitlines()[0] == "training example 0 is a 5"
    assert picture.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "no/such/folder"], "no/such/folder"),
        (["--epochs", "0"], "positive"),
        (["--limit", "-3"], "positive"),
        (["--lr", "nan"], "positive"),
        (["--hidden", "0"], "positive"),
        (["--hidden", "abc"], "argument --hidden: must be a positive whole number; got abc"),
        (["--lr", "abc"], "argument --lr: must be a positive number; got abc"),
        (["--seed", "-1"], "argument --seed: must be a whole number of at least 0; got -1"),
        (["--show", "-1"], "argument --show: must be a whole number of at least 0; got -1"),
        (["--dtype", "int8"], "float32"),
        (["--show", "60000"], "60000"),
        (["--limit", "50", "--output", "no/such/folder/a.png"], "no/such/folder"),
        (["--limit", "50", "--lr", "1e200", "--hidden", "3"], "learning rate"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(mnist, arguments, message, capsys):
    with pytest.raises(SystemExit) as info:
        mnist.main(arguments)
    assert info.value.code == 2
    printed = capsys.readouterr()
    assert message in printed.err.splitlines()[-1]
    assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    ("arguments", "compared"),
    [
        ([], True),
        (["--seed", "3", "--dtype", "float64", "--no-bias", "--quiet"], True),
        *((["--hidden", "20"], False), (["--epochs", "1"], False), (["--limit", "9"], False)),
    ],
)
def test_the_published_accuracy_is_compared_with_the_textbooks_network_only(
    mnist, arguments, compared
):
    remark = mnist._published(mnist._parser().parse_args(arguments))
    assert remark == (" (published for the textbook's network: 96.87%)" if compared else "")


def test_a_reader_who_leaves_is_no_error(tmp_path):
    command = [sys.executable, str(ROOT / "examples" / "mnist.py"), "--limit=50", "--epochs=3"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes) as program:
        assert program.stdout.readline().startswith(b"784-100-10")
        program.stdout.close()
        assert program.stderr.read() == b""


def test_help_shows_the_textbooks_network(mnist, capsys):
    with pytest.raises(SystemExit):
        mnist.main(["--help"])
    printed = capsys.readouterr().out
    options = "data epochs hidden lr batch-size seed dtype limit no-bias show output quiet help"
    for option in options.split():
        assert f"--{option}" in printed
    assert "NeuralNetwork(input_nodes=784" in printed


def test_the_textbooks_network_trains_and_answers(mnist):
    network = mnist.NeuralNetwork(4, 3, 2, 0.1, rng=0)
    inputs, targets = [0.01, 1.0, 0.5, 0.01], [0.99, 0.01]
    before = network.query(inputs)
    for _ in range(200):
        network.train(inputs, targets)
    after = network.query(inputs)
    assert after.shape == (2,)
    assert np.abs(after - targets).max() < np.abs(before - targets).max()
    assert network.query([inputs, inputs]).shape == (2, 2)


def test_the_textbooks_network_takes_the_textbooks_step(mnist):
    """Δw = η · error · y (1 − y) · input, for a network whose hidden layer is one unit."""
    network = mnist.NeuralNetwork(1, 1, 3, 0.3, bias=False, rng=0)
    (_, W1), (_, W2) = network.net.named_parameters()
    w1, w2 = W1.copy(), W2.copy()
    t = np.array([[0.99, 0.01, 0.5]])
    h = 1 / (1 + np.exp(-0.7 * w1))
    y = 1 / (1 + np.exp(-h * w2))
    error = (t - y) * y * (1 - y)
    network.train([0.7], t[0])
    np.testing.assert_allclose(W2, w2 + 0.3 * h.T @ error)
    np.testing.assert_allclose(W1, w1 + 0.3 * 0.7 * (error @ w2.T) * h * (1 - h))


def test_a_resumed_run_ends_as_one_that_was_never_stopped(mnist, tmp_path, capsys):
    def run(name, *more):
        common = ["--limit", "500", "--hidden", "9", "--output", str(tmp_path / "a.png")]
        mnist.main([*common, "--save", str(tmp_path / name), *more])
        return capsys.readouterr().out.splitlines()

    checkpoint = ["--checkpoint", str(tmp_path / "run.npz")]
    assert f"network: {tmp_path / 'whole.npz'}" in run("whole.npz", "--epochs", "3")
    run("half.npz", "--epochs", "1", *checkpoint)
    lines = run("resumed.npz", "--epochs", "3", *checkpoint, "--resume")
    assert [line.split()[0] for line in lines[5:7]] == ["2", "3"]
    assert lines[1] == f"continuing from {checkpoint[1]}, with the order of its examples"
    assert (tmp_path / "resumed.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert (tmp_path / "half.npz").read_bytes() != (tmp_path / "whole.npz").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume"], "--resume needs the file to continue from"),
        (["--checkpoint", "run.npz", "--resume"], "there is no file run.npz"),
        (["--checkpoint", "old.npz"], "the checkpoint old.npz exists: add --resume"),
        (["--save", "."], "--save: . is a folder; add the name of a file in it"),
        (["--save", "nowhere/net.npz"], "--save: there is no folder nowhere"),
        (["--checkpoint", "nowhere/run.npz"], "--checkpoint: there is no folder nowhere"),
        (["--checkpoint", "a.npz", "--save", "./a.npz"], "are the same file, a.npz: use two names"),
        (["--output", "a.png", "--save", "a.png"], "--save and --output are the same file"),
    ],
)
def test_a_file_to_save_to_or_resume_from_must_make_sense(
    mnist, tmp_path, capsys, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.npz").touch()
    with pytest.raises(SystemExit) as caught:
        mnist.main(["--limit", "100", "--epochs", "1", *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["cp1251", "ascii"])
def test_any_console_shows_the_result_and_the_network_is_saved(encoding, tmp_path):
    program = ROOT / "examples" / "mnist.py"
    options = ["--limit", "500", "--epochs", "1", "--save", "сеть.npz", "--output", "a.png"]
    done = subprocess.run(
        [sys.executable, program, *options],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)},
    )
    assert b"most frequent mistakes: " in done.stdout
    assert (tmp_path / "сеть.npz").exists()
