"""History: columns by name, the table, the best epoch."""

import numpy as np
import pytest
from layers import Run

from tinynet import History


def test_a_history_is_indexed_by_name_and_printed_as_a_table():
    history = Run().fit()
    assert isinstance(history["loss"], np.ndarray)
    assert "loss" in history
    assert "accuracy" not in history
    with pytest.raises(KeyError, match="there is no 'accuracy'; there are loss, lr, seconds"):
        history["accuracy"]
    lines = repr(history).splitlines()
    assert lines[0].split() == ["epoch", "loss", "lr", "seconds"]
    assert len(lines) == 5


def test_a_long_history_prints_its_ends():
    text = repr(History({"loss": np.arange(1000.0)}))
    assert len(text.splitlines()) == 13
    assert "..." in text
    assert text.split()[-2:] == ["1000", "999"]


def test_the_best_epoch_is_the_first_of_equals_and_never_nan():
    assert History({"loss": [3, 1, 1]}).best_epoch == 2
    assert History({"loss": [1, 2], "validation_loss": [np.nan, 5]}).best_epoch == 2
    with pytest.raises(ValueError, match="no epochs yet"):
        History({"loss": []}).best_epoch  # noqa: B018, a property


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="equal lengths"):
        History({"loss": [1], "lr": []})
    with pytest.raises(ValueError, match="equal lengths"):
        History({})


def test_a_history_is_a_mapping():
    history = History({"loss": [2.0, 1.0], "lr": [0.1, 0.1]})
    assert {name: [*values] for name, values in dict(history).items()} == {
        "loss": [2, 1],
        "lr": [0.1, 0.1],
    }
    assert [*history] == [*history.keys()] == ["loss", "lr"]
    assert len(history) == 2
    assert history.get("accuracy") is None
    history["loss"][:] = 7
    assert history["loss"].tolist() == [2, 1]


def test_a_longer_history_leaves_the_shorter_ones_as_they_are():
    first = History({"loss": []})
    histories = [first]
    for value in (3.0, np.nan, 1.0, 2.0):
        histories.append(histories[-1].plus({"loss": value}))
    other = histories[2].plus({"loss": 9.0})  # goes on from the middle
    assert [history.epochs for history in histories] == [0, 1, 2, 3, 4]
    assert [history.best_epoch for history in histories[1:]] == [1, 1, 3, 3]
    np.testing.assert_array_equal(histories[4]["loss"], [3, np.nan, 1, 2])
    np.testing.assert_array_equal(other["loss"], [3, np.nan, 9])
    np.testing.assert_array_equal(histories[2]["loss"], [3, np.nan])
    assert first.epochs == 0


def test_one_more_epoch_copies_nothing():
    history = History({"loss": []})
    for value in range(3000):
        longer = history.plus({"loss": value})
        assert longer._columns["loss"] is history._columns["loss"]
        history = longer


def test_the_best_of_epochs_that_begin_with_nan_is_the_first_number():
    assert History({"loss": [np.nan, np.nan, 5.0, 4.0]}).best_epoch == 4
    assert History({"loss": [np.nan, np.nan]}).best_epoch == 1
