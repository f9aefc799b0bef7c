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
