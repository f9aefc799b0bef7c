"""The doctests of the estimators, the page on tables and the program about wine."""

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest

import tinynet.interop.sklearn

ROOT = Path(__file__).parents[2]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture
def wine(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module("wine")


def options(folder):
    return ["--output", str(folder / "wine.png"), "--save", str(folder / "wine.pickle")]


def test_the_examples_of_the_docstrings_are_true():
    failed, attempted = doctest.testmod(tinynet.interop.sklearn, optionflags=FLAGS)
    assert not failed
    assert attempted > 8


def test_the_examples_of_the_page_are_true():
    page = str(ROOT / "docs/how-to-tables.md")
    failed, attempted = doctest.testfile(page, module_relative=False, optionflags=FLAGS)
    assert not failed
    assert attempted > 30


def test_the_program_says_what_it_reached_draws_it_and_saves_the_model(wine, tmp_path, capsys):
    result = wine.main(options(tmp_path))
    printed = capsys.readouterr().out
    assert result > 0.93
    assert re.search(rf"^test accuracy {100 * result:.1f}%$", printed, re.M)
    assert len(re.findall(r"^ +\d\d\.\d%  hidden=", printed, re.M)) == 6
    assert printed.splitlines()[-1] == f"picture: {tmp_path / 'wine.png'}"
    assert matplotlib.image.imread(tmp_path / "wine.png").shape[0] > 500
    assert wine.load_model(tmp_path / "wine.pickle").classes_[0] == "first grower"
    assert wine.main([*options(tmp_path), "--quiet"]) == result
    assert re.fullmatch(r"test accuracy \d+\.\d%\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "no/such/folder/a.png"], "--output: there is no folder no/such/folder"),
        (["--save", "no/such/folder/a"], "--save: there is no folder no/such/folder"),
        (["--output", "a.png", "--save", "a.png"], "are the same file, a.png: use two names"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_before_any_work(wine, arguments, message, capsys):
    with pytest.raises(SystemExit) as info:
        wine.main(arguments)
    assert info.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err.splitlines()[-1]


def test_without_scikit_learn_the_program_says_what_to_install(tmp_path):
    code = "import sys; sys.modules['sklearn'] = None; import wine; wine.main()"
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'examples'}"},
    )
    assert run.stderr.endswith("error: this program needs scikit-learn: pip install scikit-learn\n")
    assert not list(tmp_path.iterdir())


def test_help_names_every_option():
    command = [sys.executable, str(ROOT / "examples/wine.py"), "--help"]
    printed = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT)}
    ).stdout
    for option in ("seed", "output", "quiet", "save"):
        assert f"--{option}" in printed
