"""The checker rejects every wrong layer by its cause, and no right one."""

import pytest
from museum import RIGHT, WRONG
from tinynet.testing import GradientError, check_layer, check_loss

from tinynet import Loss


def check(case):
    subject = case.make()
    return (check_loss if isinstance(subject, Loss) else check_layer)(subject, **case.given)


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_wrong_one_is_rejected_by_the_check_meant_for_it(case):
    with pytest.raises(GradientError) as caught:
        check(case)
    assert caught.value.check in case.checks, caught.value
    assert case.hint in str(caught.value)


@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case.name)
def test_right_one_passes(case):
    assert check(case) is not None


def test_right_ones_skip_only_with_a_reason():
    assert all(case.reason for case in RIGHT if "skip" in case.given)


@pytest.mark.parametrize(("table", "least"), [(WRONG, 65), (RIGHT, 40)])
def test_tables_are_large_and_their_names_unique(table, least):
    names = [case.name for case in table]
    assert len(names) >= least
    assert len(set(names)) == len(names)
