"""The checker rejects every wrong layer and loss by its cause, and no right one."""

import pickle

import pytest
from museum import RIGHT, WRONG
from museum.wrong import CHECKS_OF

from tinynet import Loss
from tinynet.testing import LAYER_CHECKS, LOSS_CHECKS, GradientError, check_layer, check_loss


def check(subject, given):
    return (check_loss if isinstance(subject, Loss) else check_layer)(subject, **given)


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_wrong_one_is_rejected_by_the_check_meant_for_it(case):
    with pytest.raises(GradientError) as caught:
        check(case.make(), case.given)
    assert caught.value.check in case.checks, caught.value
    assert case.hint in str(caught.value)


@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case.name)
def test_right_one_passes_and_is_left_as_it_was(case):
    subject = case.make()
    before = pickle.dumps((subject, case.given))
    assert check(subject, case.given) is not None
    assert pickle.dumps((subject, case.given)) == before


def test_right_ones_skip_only_with_a_reason():
    assert all(case.reason for case in RIGHT if "skip" in case.given)


@pytest.mark.parametrize(("table", "least"), [(WRONG, 65), (RIGHT, 40)])
def test_tables_are_large_and_their_names_unique(table, least):
    names = [case.name for case in table]
    assert len(names) >= least
    assert len(set(names)) == len(names)


def test_wrong_ones_stand_in_the_file_of_a_check_that_rejects_them():
    places = {case: case.module.split(".")[2] for case in WRONG}
    astray = [
        case.name
        for case, place in places.items()
        if place != "loss_contract" and not case.checks & CHECKS_OF[place]
    ]
    assert not astray
    assert set(places.values()) == {*CHECKS_OF, "loss_contract"}


def test_every_check_has_a_file():
    assert set().union(*CHECKS_OF.values()) == {*LAYER_CHECKS, *LOSS_CHECKS}
