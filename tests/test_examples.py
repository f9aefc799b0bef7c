"""The smaller examples: those on part of MNIST, and spirals.py."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from tinynet import load

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module", params=["mnist_deep", "mnist_conv", "mnist_rows", "spirals"])
def example(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "examples")
        yield importlib.import_module(request.param)


@pytest.fixture
def mnist_deep(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module("mnist_deep")


@pytest.fixture
def spirals(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module("spirals")


def short(example):
    """Arguments for a run of about a second."""
    return [] if example.__name__ == "spirals" else ["--limit", "1000", "--epochs", "2"]


def test_a_run_says_what_it_reached_and_draws_it(example, tmp_path, capsys):
    picture = tmp_path / "a.png"
    result = example.main([*short(example), "--output", str(picture)])
    printed = capsys.readouterr().out
    assert re.search(rf"^test accuracy {100 * result:.1f}", printed, re.M)
    assert printed.splitlines()[-1] == f"picture: {picture}"
    assert matplotlib.image.imread(picture).shape[0] > 500
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_the_same_seed_gives_the_same_result_and_quiet_prints_it_alone(example, tmp_path, capsys):
    arguments = [*short(example), "--quiet", "--output", str(tmp_path / "a.png")]
    first = example.main(arguments)
    assert re.fullmatch(r"test accuracy \d+\.\d+ ?%.*\n", capsys.readouterr().out)
    assert example.main(arguments) == first


def test_what_cannot_be_done_is_said_in_one_line_before_any_work(example, capsys):
    with pytest.raises(SystemExit) as info:
        example.main(["--output", "no/such/folder/a.png"])
    assert info.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.endswith("error: --output: there is no folder no/such/folder\n")


@pytest.mark.parametrize(
    ("name", "message"),
    [("", "is a folder"), ("a.text", ".text is not a format of pictures; use one of ")],
)
def test_a_picture_that_cannot_be_written_is_refused_before_any_work(
    example, tmp_path, capsys, name, message
):
    with pytest.raises(SystemExit):
        example.main(["--output", str(tmp_path / name)])
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert not list(tmp_path.iterdir())


def test_the_deeper_network_reports_each_epoch(mnist_deep, tmp_path, capsys):
    output = str(tmp_path / "a.png")
    options = ["--limit", "6000", "--epochs", "3", "--output", output]
    accuracy = mnist_deep.main([*options, "--save", str(tmp_path / "net.npz")])
    assert load(tmp_path / "net.npz")[-1].W.shape == (256, 10)
    lines = capsys.readouterr().out.splitlines()
    assert accuracy > 0.93
    assert lines[0].startswith("784-512-256-10, ReLU, batch normalisation")
    assert "6,000 training and 10,000 test images" in lines[1]
    for number, line in enumerate(lines[4:7], start=1):
        assert re.fullmatch(rf" +{number} +\d\.\d{{5}} +\d\d\.\d\d% +\d+\.\d", line)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "no/such/folder"], "no/such/folder"),
        (["--epochs", "0"], "positive"),
        (["--lr", "-1"], "positive"),
        (["--batch-size", "1"], "leaves no single example over"),
        (["--limit", "129"], "leaves no single example over"),
        (["--limit", "300", "--lr", "1e30"], "learning rate"),
    ],
)
def test_options_that_cannot_work_are_refused(mnist_deep, arguments, message, capsys, tmp_path):
    with pytest.raises(SystemExit) as info:
        mnist_deep.main([*arguments, "--output", str(tmp_path / "a.png")])
    assert info.value.code == 2
    error = capsys.readouterr().err
    assert message in error.splitlines()[-1]
    assert "Traceback" not in error


def test_the_schedule_of_the_deeper_network_rises_and_falls_to_zero(mnist_deep):
    rates = [mnist_deep.schedule(0.1, 400)(step) for step in range(401)]
    assert max(rates) == 0.1
    assert np.argmax(rates) == 9
    assert rates[-1] == 0
    assert mnist_deep.schedule(0.1, 1)(0) == 0.1


def test_points_lie_on_as_many_arms_as_there_are_classes(spirals):
    x, arms = spirals.spirals(3000, np.random.default_rng(0))
    assert x.shape == (3000, 2)
    assert set(arms) == set(range(spirals.ARMS))
    assert np.hypot(*x.T).max() <= 1
    plane = np.column_stack([x, np.ones(len(x))])
    flat, *_ = np.linalg.lstsq(plane, np.eye(spirals.ARMS)[arms])
    assert ((plane @ flat).argmax(axis=1) == arms).mean() < 0.6  # no straight lines part them


def test_the_convolutional_network_learns_and_predict_reads_with_it(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(ROOT / "examples")
    model, output = str(tmp_path / "net.npz"), ["--output", str(tmp_path / "a.png")]
    options = ["--limit", "4000", "--epochs", "2", "--quiet", "--save", model, *output]
    assert importlib.import_module("mnist_conv").main(options) > 0.88
    files = sorted(str(path) for path in (ROOT / "examples/data/digits").glob("*.png"))
    digits = importlib.import_module("predict").main([*files, "--model", model, *output])
    assert len(digits) == len(files)
    capsys.readouterr()


@pytest.mark.parametrize("layer", ["lstm", "gru", "attention"])
def test_rows_are_read_by_each_layer_and_predict_reads_with_it(
    layer, tmp_path, monkeypatch, capsys
):
    monkeypatch.syspath_prepend(ROOT / "examples")
    model, output = str(tmp_path / "net.npz"), ["--output", str(tmp_path / "a.png")]
    options = ["--limit", "2000", "--epochs", "1", "--batch-size", "8", "--quiet"]
    main = importlib.import_module("mnist_rows").main
    assert main([*options, "--layer", layer, "--save", model, *output]) > 0.6
    files = sorted(str(path) for path in (ROOT / "examples/data/digits").glob("*.png"))
    digits = importlib.import_module("predict").main([*files, "--model", model, *output])
    assert len(digits) == len(files)
    capsys.readouterr()


def test_the_network_tells_the_arms_apart(spirals, tmp_path):
    assert spirals.main(["--quiet", "--output", str(tmp_path / "a.png")]) > 0.98


@pytest.mark.parametrize("name", ["mnist_deep", "mnist_conv", "mnist_rows", "spirals"])
def test_help_names_every_option(name):
    command = [sys.executable, str(ROOT / "examples" / f"{name}.py"), "--help"]
    printed = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT)}
    ).stdout
    options = "seed output quiet"
    if name != "spirals":
        options += " data epochs batch-size lr limit"
    for option in options.split():
        assert f"--{option}" in printed
