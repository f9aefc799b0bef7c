"""Bad arguments, over everything public: refused by name and value before anything has changed."""

import arguments
import pytest
from bad_calls import ROWS

LATER = """
    data load_mnist
"""
READY = [key for key in ROWS if not key.startswith(tuple(LATER.split()))]


@pytest.fixture(scope="module", autouse=True)
def directory():
    with arguments.prepared():
        yield


@pytest.mark.parametrize("key", READY)
def test_a_good_call_is_accepted(key):
    row = ROWS[key]
    arguments.outcome(row, row.owner and row.owner(), row.good())


@pytest.mark.parametrize("key", READY)
def test_each_bad_argument_is_refused_by_name_before_anything_changes(key, capsys):
    row, wrong = ROWS[key], []
    for name, label, bad in arguments.attempts(row):
        verdict, answer = arguments.verdict(row, name, bad)
        if verdict:
            wrong.append(f"{verdict}: {name}={label}: {answer[:200]}")
    assert not wrong, "\n".join(wrong)
