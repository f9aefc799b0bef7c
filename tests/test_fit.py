"""fit: the steps of train, validation, early stopping, divergence."""

import copy

import numpy as np
import pytest
from layers import Run

from tinynet import (
    SGD,
    Dense,
    DivergenceError,
    MSELoss,
    Sequential,
    Sigmoid,
    evaluate,
    fit,
    load,
    train,
)
from tinynet.metrics import accuracy


def test_fit_takes_the_steps_of_train():
    fitted, trained = Run(), Run()
    history = fitted.fit()
    arguments = trained.net, trained.loss, trained.optimizer, trained.x, trained.t
    epochs = list(train(*arguments, epochs=3, batch_size=4, rng=0))
    assert np.array_equal(fitted.net.params, trained.net.params)
    assert history["loss"].tolist() == [epoch.loss for epoch in epochs]
    assert history["lr"].tolist() == [0.5] * 3
    assert (history["seconds"] > 0).all()


def test_validation_and_metrics_are_measured_after_each_epoch():
    run, other = Run(), Run()
    metrics = {"accuracy": accuracy, "worst": lambda y, t: np.abs(y - t).max()}
    history = run.fit(validation=run.validation, metrics=metrics)
    names = ("loss", "validation_loss", "validation_accuracy", "validation_worst", "lr", "seconds")
    assert history.names == names
    expected = evaluate(run.net, run.loss, *run.validation, metrics)
    assert history["validation_loss"][-1] == expected["loss"]
    assert history["validation_accuracy"][-1] == expected["accuracy"]
    assert history["validation_worst"][-1] == expected["worst"]
    other.fit()
    assert np.array_equal(run.net.params, other.net.params), "measuring changes nothing"


def test_metrics_without_validation_are_those_of_the_training_data():
    run = Run()
    history = run.fit(metrics=[accuracy], epochs=20)
    assert history.names == ("loss", "accuracy", "lr", "seconds")
    assert history["accuracy"][-1] == accuracy(run.net.predict(run.x), run.t) > 0.9


def test_early_stopping_keeps_the_best_parameters():
    run, best = Run(), Run()
    history = run.fit(epochs=100, validation=run.validation, patience=4)
    assert history.epochs == history.best_epoch + 4 < 100
    assert history["validation_loss"].argmin() == history.best_epoch - 1
    assert evaluate(run.net, run.loss, *run.validation)["loss"] == history["validation_loss"].min()
    best.fit(epochs=history.best_epoch)
    assert np.array_equal(run.net.params, best.net.params)


def test_the_best_parameters_are_kept_too_where_the_epochs_end_first():
    run = Run()
    history = run.fit(epochs=100, validation=run.validation, patience=99)
    assert history.epochs == 100
    assert evaluate(run.net, run.loss, *run.validation)["loss"] == history["validation_loss"].min()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs must be a positive int"),
        ({"batch_size": 1.5}, TypeError, "batch_size must be a positive int"),
        ({"patience": 3}, ValueError, r"pass validation=\(x, t\)"),
        ({"patience": 0, "validation": (np.ones((1, 3)), np.ones((1, 2)))}, ValueError, "patience"),
        ({"progress": "loud"}, ValueError, "'auto', 'bar', 'lines', 'off'.*'loud'"),
        ({"validation": np.ones((2, 3))}, TypeError, r"a tuple \(x, t\).*got an array"),
        ({"validation": (np.ones((2, 3)), np.ones((3, 2)))}, ValueError, "the same length"),
        ({"validation": (np.ones((2, 5)), np.ones((2, 2)))}, ValueError, r"must be \(N, 3\)"),
        ({"validation": (np.ones((2, 3)), np.ones((2, 1)))}, ValueError, "must be equal"),
        ({"metrics": accuracy}, TypeError, r"in a list such as .*accuracy\], .*; got accuracy"),
        (
            {"metrics": ["accuracy"]},
            TypeError,
            r"\[tinynet\.metrics\.accuracy\], .*; got 'accuracy'",
        ),
        ({"metrics": [accuracy, accuracy]}, ValueError, r"\['accuracy'\]"),
        ({"metrics": {"loss": accuracy}}, ValueError, r"\['loss'\]"),
        ({"metrics": {"a/b": accuracy}}, ValueError, r"\['a/b'\]"),
        ({"resume": True}, ValueError, "checkpoint=path"),
        ({"checkpoint": "nowhere.npz", "resume": True}, FileNotFoundError, "no file.*resume=os"),
        ({"checkpoint": "/nowhere/run.npz"}, FileNotFoundError, "no folder /nowhere"),
        ({"checkpoint": "."}, IsADirectoryError, "is a folder"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_changes(options, error, message):
    run = Run()
    before = run.net.params.copy()
    with pytest.raises(error, match=message):
        run.fit(**options)
    assert np.array_equal(run.net.params, before)
    assert run.optimizer.steps == 0


def test_a_metric_that_fails_does_so_before_the_first_epoch():
    run = Run()

    def failing(y, t):
        raise ZeroDivisionError("metric")

    with pytest.raises(ZeroDivisionError):
        run.fit(metrics=[failing])
    assert run.optimizer.steps == 0


def test_divergence_leaves_the_last_checkpoint(tmp_path):
    run = Run(lr=lambda step: 0.1 if step < 20 else 1e200)
    with pytest.raises(DivergenceError):
        run.fit(epochs=9, checkpoint=tmp_path / "run.npz")
    again = Run()
    assert again.fit(epochs=2, checkpoint=tmp_path / "run.npz", resume=True).epochs == 2


def test_divergence_after_resuming_tells_from_where_epochs_count(tmp_path):
    Run().fit(epochs=3, checkpoint=tmp_path / "run.npz")
    run = Run(lr=lambda step: 0.1 if step < 50 else 1e200)
    with pytest.raises(DivergenceError, match="in epoch 3") as caught:
        run.fit(epochs=9, checkpoint=tmp_path / "run.npz", resume=True)
    assert caught.value.__notes__[0] == "epochs are counted from epoch 3, where the run was resumed"


def test_a_network_that_grows_too_large_is_measured_without_a_warning():
    run = Run(lr=lambda step: 0.1 if step < 9 else 1e200)  # the last step of the epoch
    history = run.fit(epochs=1, validation=run.validation)
    assert not np.isfinite(history["validation_loss"][0])


@pytest.mark.parametrize("patience", [None, 5])
def test_a_divergence_leaves_the_network_of_the_last_whole_epoch(patience):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 2))
    net = Sequential(Dense(2, 2, rng=rng))
    optimizer = SGD(net, lr=lambda step: 0.1 if step < 40 else 1e200)
    options = {"batch_size": 1, "validation": (x, x), "patience": patience, "progress": "off"}
    twin, twin_optimizer = copy.deepcopy((net, optimizer))
    fit(twin, MSELoss(), twin_optimizer, x, x, epochs=2, rng=1, **options)
    with pytest.raises(DivergenceError, match="epoch 3") as caught:
        fit(net, MSELoss(), optimizer, x, x, epochs=5, rng=1, **options)
    assert "build a new network" not in str(caught.value)  # for this one is whole
    assert "epoch 2" in caught.value.__notes__[-1]
    np.testing.assert_array_equal(net.params, twin.params)
    assert optimizer.steps == 40


def test_a_network_that_is_put_into_another_one_meanwhile_is_saved_as_it_is(tmp_path):
    run, wholes = Run(), []

    def wrap(number, row):
        if number == 1:
            wholes.append(Sequential(run.net, Sigmoid()))

    run.fit(progress=wrap, checkpoint=tmp_path / "c.npz")
    assert np.array_equal(load(tmp_path / "c.npz").params, run.net.params)
    assert np.array_equal(wholes[0].params, run.net.params)
