"""The lines and the bar of fit."""

import os
import pty
import re
import subprocess
import sys
import termios
import types
from pathlib import Path

import pytest
from layers import Run

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
