"""Every check that scikit-learn has for estimators passes; none is skipped or expected to fail."""

import subprocess
import sys
import unittest
from pathlib import Path

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from tinynet.interop.sklearn import NeuralClassifier, NeuralRegressor

ROOT = Path(__file__).parents[2]
CHECKS = [
    check
    for estimator in (NeuralClassifier(), NeuralRegressor(), NeuralRegressor(standardize=True))
    for check in estimator_checks_generator(estimator)
]


def name(check):
    return getattr(check, "func", check).__name__


def identifier(value):
    text = repr(value) if isinstance(value, NeuralClassifier | NeuralRegressor) else name(value)
    return text.removeprefix("check_")


def passes(estimator, check):
    try:
        check(estimator)
    except unittest.SkipTest as reason:
        pytest.fail(f"skipped: {reason}")


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=identifier)
@pytest.mark.filterwarnings("default")  # the checks give odd data on purpose
def test_a_check_of_scikit_learn_passes(estimator, check):
    if name(check) == "check_array_api_input":  # skips itself in this process: see below
        assert not hasattr(estimator, "net_")
        return
    passes(estimator, check)


def test_the_checks_of_the_array_api_pass_where_scipy_is_told_to_have_it():
    program = """
from sklearn.utils.estimator_checks import estimator_checks_generator
from tinynet.interop.sklearn import NeuralClassifier, NeuralRegressor

for estimator in NeuralClassifier(), NeuralRegressor():
    for estimator, check in estimator_checks_generator(estimator):
        if "array_api" in getattr(check, "func", check).__name__:
            check(estimator)
"""
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        cwd=ROOT,
        env={"SCIPY_ARRAY_API": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )


def test_there_are_as_many_checks_as_for_an_estimator_of_scikit_learn():
    from sklearn.neural_network import MLPClassifier

    ours = {name(check) for _, check in estimator_checks_generator(NeuralClassifier())}
    theirs = {name(check) for _, check in estimator_checks_generator(MLPClassifier())}
    missing = {each for each in theirs - ours if "sparse" not in each and "multilabel" not in each}
    assert not missing
