"""Compiled functions on the disk: when they count as prepared, and what is said. Needs no Numba."""

import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tinynet import SGD, Dense, MSELoss, train
from tinynet.training.compiled import __main__ as command
from tinynet.training.compiled import engine, preparation

TAG = f"py{sys.version_info.major}{sys.version_info.minor}"
SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    """Nothing that these tests pretend is remembered."""
    for function in (preparation.kernels, preparation.prepare, preparation._digest_of_sources):
        function.cache_clear()
    yield
    monkeypatch.undo()
    for function in (preparation.kernels, preparation.prepare, preparation._digest_of_sources):
        function.cache_clear()


@pytest.fixture
def computed(monkeypatch, tmp_path):
    """Compilations that only leave a note, for a folder of their own."""
    calls = []
    stats = SimpleNamespace(cache_path=str(tmp_path))
    module = SimpleNamespace(take_steps=SimpleNamespace(stats=stats))
    monkeypatch.setattr(preparation, "kernels", lambda: module)
    monkeypatch.setattr(preparation, "_digest_of_sources", lambda: "now")
    monkeypatch.setattr(preparation, "_digest_of_machine", lambda: "here")
    monkeypatch.setattr(preparation, "_compute_a_gradient", calls.append)
    return calls


def test_a_compilation_is_announced_once_and_remembered(computed, capsys):
    assert not preparation.is_prepared(SINGLE)
    for _ in range(2):
        assert preparation.prepare(SINGLE)
    assert computed == [SINGLE]
    assert preparation.is_prepared(SINGLE)
    assert not preparation.is_prepared(DOUBLE)
    text = capsys.readouterr().err
    assert text == "tinynet compiles its training steps for float32, once ...\n"
    preparation.prepare.cache_clear()  # as in another process
    assert preparation.prepare(SINGLE)
    assert not capsys.readouterr().err


def test_what_was_compiled_from_other_sources_is_removed(computed, tmp_path):
    """Numba would use it again if only a file that `kernels` imports has changed."""
    old = (
        "kernels.take_steps-1.py311.nbi",
        "kernels.take_steps-1.py311.1.nbc",
        "tinynet-old-float32",
    )
    for name in (*old, "unrelated.nbi", "kernels.take_steps-1.py399.nbi"):
        tmp_path.joinpath(name).touch()
    preparation.prepare(SINGLE)
    assert {p.name for p in tmp_path.iterdir()} == {
        "kernels.take_steps-1.py399.nbi",  # of another Python
        "unrelated.nbi",
        "tinynet-now-here-float32",
    }
    tmp_path.joinpath(old[0]).touch()
    preparation.prepare(DOUBLE)  # beside what is right
    assert tmp_path.joinpath(old[0]).exists()


def test_without_a_folder_nothing_counts_as_prepared(computed, monkeypatch):
    monkeypatch.setattr(preparation, "folder", lambda: None)
    assert preparation.prepare(SINGLE)
    assert computed == [SINGLE]
    assert not preparation.is_prepared(SINGLE)


def test_a_folder_that_is_gone_or_full_is_no_error(computed, monkeypatch):
    monkeypatch.setattr(preparation, "folder", lambda: Path("/nowhere/at/all"))
    assert preparation.prepare(SINGLE)
    assert not preparation.is_prepared(SINGLE)


def test_a_damaged_file_is_replaced(computed, monkeypatch, tmp_path):
    index = tmp_path / f"kernels.take_steps-1.{TAG}.nbi"

    def compute(dtype):
        if index.exists():
            raise EOFError("no pickle")
        computed.append(dtype)

    monkeypatch.setattr(preparation, "_compute_a_gradient", compute)
    for name in (index.name, "tinynet-now-here-float32"):
        tmp_path.joinpath(name).touch()
    assert preparation.prepare(SINGLE)
    assert computed == [SINGLE]
    assert preparation.is_prepared(SINGLE)


def test_a_numba_that_fails_to_compile_is_one_warning(monkeypatch, computed):
    def fail(dtype):
        raise RuntimeError("no target")

    monkeypatch.setattr(preparation, "_compute_a_gradient", fail)
    monkeypatch.setattr(engine, "kernels", preparation.kernels)
    monkeypatch.setattr(engine, "LOADING", 0)
    monkeypatch.setattr(engine, "COMPILING", 0)
    x, t = np.ones((9, 2)), np.ones((9, 1))
    nets = [Dense(2, 1, rng=0) for _ in range(2)]
    with pytest.warns(UserWarning, match="nothing is compiled: no target"):
        list(train(nets[0], MSELoss(), SGD(nets[0], lr=0.1), x, t, epochs=3, rng=0))
    list(train(nets[1], MSELoss(), SGD(nets[1], lr=0.1), x, t, epochs=3, rng=0, engine="numpy"))
    np.testing.assert_array_equal(nets[0].params, nets[1].params)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="with this Numba, which does not work"):
            train(nets[0], MSELoss(), SGD(nets[0], lr=0.1), x, t, epochs=3, engine="compiled")


def test_the_command_says_what_it_has_done(monkeypatch, computed, capsys, tmp_path):
    monkeypatch.setattr(command, "kernels", preparation.kernels)
    monkeypatch.setattr(sys, "argv", ["compiled"])
    command.main()
    assert computed == [SINGLE, DOUBLE]
    lines = capsys.readouterr().out.splitlines()
    assert [line[:17] for line in lines[:2]] == ["float32: ready in", "float64: ready in"]
    assert lines[2] == f"They are kept in {tmp_path}"

    monkeypatch.setattr(command, "folder", lambda: None)
    with pytest.raises(SystemExit, match="NUMBA_CACHE_DIR"):
        command.main()
    monkeypatch.setattr(command, "kernels", lambda: None)
    with pytest.raises(SystemExit, match=r"pip install 'tinynet\[fast\]'"):
        command.main()
