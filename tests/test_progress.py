"""The lines and the bar of fit."""

import os
import pty
import re
import subprocess
import sys
import termios
import types
from pathlib import Path

import numpy as np
import pytest
from layers import Run

from tinynet import fit

ROOT = Path(__file__).parent.parent

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
        "import sys; sys.modules['tqdm'] = None; sys.path.insert(0, 'tests'); import layers;"
        "layers.Run().fit(progress='auto')"
    )
    assert re.findall(r"epoch (\d)/3  loss", text) == ["1", "2", "3"]


class Bar:
    """What tqdm is told."""

    n = 0

    def __init__(self, **options):
        self.calls = [options]
        self.n = options["initial"]
        Bar.last = self

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.calls.append("closed")

    def set_description_str(self, text, refresh):
        self.calls.append(text)

    def set_postfix_str(self, text, refresh):
        self.calls.append(text)

    def update(self, count):
        self.n += count
        self.calls.append(self.n)


@pytest.fixture
def bar(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    auto = types.ModuleType("tqdm.auto")
    auto.tqdm = Bar
    monkeypatch.setitem(sys.modules, "tqdm.auto", auto)
    return Bar


def test_the_bar_counts_batches_and_names_the_epoch(bar):
    Run().fit(epochs=2, progress="bar")
    calls = bar.last.calls
    assert calls[0] == {"total": 20, "initial": 0, "unit": "batch", "desc": "epoch 0/2"}
    assert [call for call in calls if isinstance(call, int)] == [
        *range(1, 10),
        9,
        10,
        *range(11, 20),
        19,
        20,
    ]
    assert calls[-1] == "closed"
    assert "epoch 2/2" in calls
    assert any(re.fullmatch(r"loss 0\.\d+  lr 0\.5  \d+\.\d s", str(call)) for call in calls)


def test_the_bar_of_a_resumed_run_begins_where_the_last_one_ended(bar, tmp_path):
    Run().fit(epochs=2, progress="off", checkpoint=tmp_path / "run.npz")
    Run().fit(epochs=3, progress="bar", checkpoint=tmp_path / "run.npz", resume=True)
    assert bar.last.calls[0]["initial"] == 20
    assert bar.last.n == 30


@pytest.mark.parametrize("batch_size", [1, 64])
def test_the_bar_of_a_long_epoch_moves_within_it_and_seldom(bar, batch_size):
    run = Run()
    x, t = np.tile(run.x, (100, 1)), np.tile(run.t, (100, 1))
    fit(run.net, run.loss, run.optimizer, x, t, epochs=1, batch_size=batch_size, progress="bar")
    moves = [call for call in bar.last.calls if isinstance(call, int)]
    assert moves == sorted(moves)
    assert 60 < len(moves) < 260
    assert moves[-1] == -(-len(x) // batch_size)


def test_what_a_console_cannot_show_does_not_end_training():
    program = """
import sys
sys.path.insert(0, "tests")
import layers
run = layers.Run()
print(run.fit(epochs=2, progress="lines", metrics={"точность × 2": lambda y, t: 1.0}).epochs)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.stdout.endswith("\n2\n")
    assert "? 2 1" in done.stdout


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
