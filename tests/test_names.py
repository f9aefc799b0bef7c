"""A name that tinynet does not have: the error says what to write."""

import re
import subprocess
import sys

import pytest

import tinynet
from tinynet import initializers
from tinynet.foreign_names import ATTRIBUTES

# methods and attributes of networks elsewhere
SHARED = {"evaluate", "fit", "minimize", "parameters", "save", "train", "training"}


@pytest.mark.parametrize("name", sorted(ATTRIBUTES.keys() - SHARED))
def test_a_name_of_another_framework_is_answered_with_what_to_write(name):
    message = f"module 'tinynet' has no attribute '{name}': {ATTRIBUTES[name]}"
    with pytest.raises(AttributeError, match=f"^{re.escape(message)}$"):
        getattr(tinynet, name)
    assert not hasattr(tinynet, name)


@pytest.mark.parametrize(
    ("name", "write"), [("Linear", "tinynet.Dense(inputs, outputs)"), ("relu", "tinynet.ReLU")]
)
def test_an_import_of_such_a_name_is_answered_too(name, write):
    message = f"cannot import name '{name}' from 'tinynet': write {write}"
    with pytest.raises(ImportError, match=f"^{re.escape(message)}$"):
        exec(f"from tinynet import {name}")


def test_only_methods_of_other_frameworks_share_a_name_with_the_package():
    assert vars(tinynet).keys() & ATTRIBUTES.keys() == SHARED


@pytest.mark.parametrize(
    ("name", "write"),
    [
        *((name, f"tinynet.initializers.{name}") for name in ("orthogonal", "zeros", "he_uniform")),
        ("GlorotNormal", "tinynet.initializers.glorot_normal"),
        ("accuracy", "tinynet.metrics.accuracy"),
        ("one_hot", "tinynet.data.one_hot"),
        ("check_layer", "tinynet.testing.check_layer(layer)"),
        ("cosine", "tinynet.schedules.cosine"),
        ("relu", "tinynet.ReLU"),
        ("leaky_relu", "tinynet.LeakyReLU"),
        ("mse_loss", "tinynet.MSELoss"),
        ("sgd", "tinynet.SGD"),
    ],
)
def test_a_name_that_is_elsewhere_or_written_otherwise_is_found(name, write):
    with pytest.raises(AttributeError, match=re.escape(f"{name!r}: write {write}") + "$"):
        getattr(tinynet, name)


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


def test_a_missing_name_imports_nothing():
    code = (
        "import sys, tinynet; before = set(sys.modules);"
        "assert not hasattr(tinynet, 'nothing'); assert set(sys.modules) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
