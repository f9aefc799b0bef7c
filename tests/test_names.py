"""A name that tinynet does not have: the error says what to write."""

import pkgutil
import re
import subprocess
import sys

import pytest

import tinynet
from tinynet import initializers
from tinynet.names import _NAMES_ELSEWHERE

HABITS = [(name, write) for write, names in _NAMES_ELSEWHERE.items() for name in names.split()]


@pytest.mark.parametrize(("name", "write"), HABITS)
def test_a_name_of_another_framework_is_answered_with_what_to_write(name, write):
    message = f"module 'tinynet' has no attribute '{name}': write {write}"
    with pytest.raises(AttributeError, match=f"^{re.escape(message)}$"):
        getattr(tinynet, name)
    assert not hasattr(tinynet, name)


@pytest.mark.parametrize("write", _NAMES_ELSEWHERE)
def test_what_to_write_exists(write):
    for path in re.findall(r"tinynet\.[\w.]*\w", write):
        assert pkgutil.resolve_name(path)


def test_no_name_is_listed_twice_or_is_one_of_ours():
    names = [name for name, _ in HABITS]
    assert len(set(names)) == len(names)
    submodules = {module.name for module in pkgutil.iter_modules(tinynet.__path__)}
    assert not set(names) & {*tinynet.__all__, *submodules}


@pytest.mark.parametrize(
    ("name", "write"),
    [
        *((name, f"tinynet.initializers.{name}") for name in ("orthogonal", "zeros", "he_uniform")),
        ("GlorotNormal", "tinynet.initializers.glorot_normal"),
        ("accuracy", "tinynet.metrics.accuracy"),
        ("one_hot", "tinynet.data.one_hot"),
        ("check_layer", "tinynet.testing.check_layer"),
        ("cosine", "tinynet.schedules.cosine"),
        ("relu", "tinynet.ReLU(...)"),
        ("leaky_relu", "tinynet.LeakyReLU(...)"),
        ("mse_loss", "tinynet.MSELoss(...)"),
        ("sgd", "tinynet.SGD(...)"),
    ],
)
def test_a_name_that_is_elsewhere_or_written_otherwise_is_found(name, write):
    with pytest.raises(AttributeError, match=re.escape(f"{name!r}: write {write}") + "$"):
        getattr(tinynet, name)


@pytest.mark.parametrize("name", ["Linear", "nn", "orthogonal", "relu"])
def test_an_import_says_what_to_write_too(name):
    with pytest.raises(ImportError, match=f"cannot import name '{name}' .*: write .*tinynet"):
        exec(f"from tinynet import {name}")


def test_an_unknown_name_is_an_ordinary_error():
    with pytest.raises(AttributeError, match=r"^module 'tinynet' has no attribute 'nothing'$"):
        tinynet.nothing  # noqa: B018  the access is what is tested
    with pytest.raises(ImportError, match=r"^cannot import name 'nothing' from 'tinynet'"):
        exec("from tinynet import nothing")


def test_the_most_used_initializers_are_on_top_and_the_others_are_not():
    on_top = {name for name in initializers.__all__ if name in tinynet.__all__}
    assert on_top == {"glorot_uniform", "he_normal", "lecun_normal"}
    for name in on_top:
        assert getattr(tinynet, name) is getattr(initializers, name)


def test_the_table_is_read_only_when_a_name_is_missing():
    code = "import sys, tinynet; assert 'tinynet.names' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
