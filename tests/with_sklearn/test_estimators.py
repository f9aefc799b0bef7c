"""The classifier and the regressor in what scikit-learn has for estimators, and their options."""

import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.ensemble import BaggingRegressor, VotingClassifier
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from tinynet import (
    GELU,
    SGD,
    AdamW,
    BatchNorm,
    BCELoss,
    BCEWithLogitsLoss,
    Conv2D,
    CrossEntropyLoss,
    Dense,
    DivergenceError,
    Dropout,
    Flatten,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    LogSoftmax,
    MaxPool2D,
    MSELoss,
    ReLU,
    Reshape,
    Sequential,
    Sigmoid,
    Tanh,
    load,
    save,
)
from tinynet.interop.sklearn import NeuralClassifier, NeuralRegressor

ROOT = Path(__file__).parents[2]
IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)


def classifier(**options):
    """A small one, which learns in a tenth of a second."""
    options = {"hidden": (16,), "lr": 0.02, "epochs": 60, "random_state": 0} | options
    return NeuralClassifier(**{"standardize": True} | options)


def regressor(**options):
    options = {"hidden": (16,), "lr": 0.02, "epochs": 60, "random_state": 0} | options
    return NeuralRegressor(**{"standardize": True} | options)


def test_scores_of_cross_validation_are_good():
    assert cross_val_score(classifier(), *IRIS).mean() > 0.94
    assert cross_val_score(classifier(), *CANCER).mean() > 0.95
    assert cross_val_score(regressor(hidden=(), epochs=200), *DIABETES).mean() > 0.45


def test_a_clone_has_the_options_and_no_network():
    model = classifier(activation=GELU, loss=CrossEntropyLoss(label_smoothing=0.1)).fit(*IRIS)
    copy = clone(model)
    assert not hasattr(copy, "net_")
    assert copy.get_params()["activation"] is GELU
    np.testing.assert_array_equal(
        copy.fit(*IRIS).predict_proba(IRIS[0]), model.predict_proba(IRIS[0])
    )


@pytest.mark.parametrize("make", [classifier, regressor])
def test_a_pickle_predicts_and_learns_as_the_original_does(make):
    X, y = IRIS
    model = make().fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    for each in (model, copy):
        each.partial_fit(X, y)
    np.testing.assert_array_equal(copy.net_.params, model.net_.params)
    assert copy.optimizer_.net is copy.net_
    assert copy.history_["loss"].tolist() == model.history_["loss"].tolist()


def test_a_pipeline_takes_a_data_frame_with_columns_of_several_kinds():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"size": rng.normal(50, 20, 300), "colour": rng.choice(["red", "green", "blue"], 300)}
    )
    y = np.where((frame["size"] > 50) ^ (frame["colour"] == "red"), "yes", "no")
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), ["size"]), ("words", OneHotEncoder(), ["colour"])]
    )
    model = make_pipeline(columns, classifier(standardize=False)).fit(frame, y)
    assert model.score(frame, y) > 0.95
    assert set(model.predict(frame)) == {"yes", "no"}


def test_names_of_columns_are_kept_and_others_refused():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = classifier(epochs=1).fit(X, y)
    assert model.feature_names_in_.tolist() == X.columns.tolist()
    assert model.n_features_in_ == 4
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X.rename(columns=str.upper))


def test_a_grid_search_tries_options_of_the_network():
    grid = {"hidden": [(), (16,)], "activation": [ReLU, Tanh], "dropout": [0.0, 0.2]}
    search = GridSearchCV(classifier(), grid, cv=3).fit(*IRIS)
    assert search.best_score_ > 0.9
    assert search.best_estimator_.net_.predict(IRIS[0]).shape == (150, 3)


def test_a_grid_search_in_several_processes_gives_the_same_scores():
    scores = [
        GridSearchCV(classifier(epochs=10), {"lr": [0.01, 0.1]}, n_jobs=jobs)
        .fit(*IRIS)
        .cv_results_["mean_test_score"]
        for jobs in (1, 2)
    ]
    np.testing.assert_array_equal(*scores)


def test_threads_train_at_the_same_time():
    with joblib.parallel_config("threading"):
        scores = cross_val_score(classifier(), *IRIS, n_jobs=2)
    np.testing.assert_array_equal(scores, cross_val_score(classifier(), *IRIS))


def test_calibration_makes_the_probabilities_of_a_classifier_better():
    X, y = CANCER
    overconfident = classifier(standardize=True, epochs=300, lr=0.1)
    calibrated = CalibratedClassifierCV(overconfident, cv=3)
    losses = [
        log_loss(y, cross_val_predict(model, X, y, cv=3, method="predict_proba"))
        for model in (overconfident, calibrated)
    ]
    assert losses[1] < losses[0]


def test_permutation_importance_finds_the_columns_that_count():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    y = (X[:, 2] > 0).astype(int)
    result = permutation_importance(classifier().fit(X, y), X, y, random_state=0)
    assert result.importances_mean.argmax() == 2
    assert np.delete(result.importances_mean, 2).max() < 0.1


def test_ensembles_take_them():
    voting = VotingClassifier([("net", classifier()), ("bayes", GaussianNB())], voting="soft")
    assert voting.fit(*IRIS).score(*IRIS) > 0.95
    bagging = BaggingRegressor(regressor(epochs=20), n_estimators=3, random_state=0)
    assert bagging.fit(*DIABETES).score(*DIABETES) > 0.4
    scaled = TransformedTargetRegressor(regressor(standardize=False), transformer=StandardScaler())
    assert scaled.fit(*DIABETES).score(*DIABETES) > 0.3


def test_the_default_is_a_layer_of_100_rectifiers():
    model = NeuralClassifier(epochs=1, random_state=0).fit(*IRIS)
    assert [type(layer) for layer in model.net_] == [Dense, ReLU, Dense]
    assert model.net_[0].W.shape == (4, 100)


def test_options_are_in_the_network():
    model = classifier(
        hidden=[8, 5], activation=partial(GELU, approximate="tanh"), dropout=0.25, batch_norm=True,
        dtype=np.float32, epochs=1,
    ).fit(*IRIS)  # fmt: skip
    kinds = [Dense, BatchNorm, GELU, Dropout] * 2 + [Dense]
    assert [type(layer) for layer in model.net_] == kinds
    assert model.net_[3].rate == 0.25
    assert model.net_.params.dtype == np.float32
    assert model.predict_proba(IRIS[0]).dtype == np.float32
    assert classifier(hidden=8, epochs=1).fit(*IRIS).net_[0].W.shape == (4, 8)


def test_the_same_random_state_gives_the_same_network_and_another_gives_another():
    first, second, other = (classifier(random_state=seed).fit(*IRIS) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.net_.params, second.net_.params)
    assert (first.net_.params != other.net_.params).any()
    random = np.random.RandomState(0)
    twice = [classifier(random_state=random).fit(*IRIS).net_.params for _ in range(2)]
    assert (twice[0] != twice[1]).any()


def test_two_classes_have_one_output_and_more_have_one_each():
    assert classifier(epochs=1).fit(*CANCER).net_[-1].W.shape == (16, 1)
    assert classifier(epochs=1).fit(*IRIS).net_[-1].W.shape == (16, 3)


@pytest.mark.parametrize(
    ("loss", "last"),
    [
        (None, None),
        (CrossEntropyLoss(label_smoothing=0.1), None),
        (BCEWithLogitsLoss(), None),
        (BCELoss(), Sigmoid),
        (KLDivLoss(), LogSoftmax),
        (MSELoss(), Sigmoid),
        (MSELoss(), None),
        (L1Loss(), Sigmoid),
    ],
)
@pytest.mark.parametrize("data", [IRIS, CANCER], ids=["iris", "cancer"])
def test_every_loss_gives_probabilities_of_good_classes(data, loss, last):
    def network(inputs, outputs, rng):
        layers = [Dense(inputs, 16, rng=rng), Tanh(), Dense(16, outputs, rng=rng)]
        return Sequential(*layers, *([] if last is None else [last()]))

    model = classifier(network=network, loss=loss).fit(*data)
    probabilities = model.predict_proba(data[0])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert probabilities.min() >= 0
    np.testing.assert_array_equal(probabilities.argmax(axis=1), model.predict(data[0]))
    assert model.score(*data) > 0.9


def test_outputs_of_which_none_is_positive_make_all_classes_equally_probable():
    model = classifier(loss=MSELoss(), epochs=1).fit(*IRIS)
    model.net_[-1].W[...], model.net_[-1].b[...] = 0, -1
    np.testing.assert_array_equal(model.predict_proba(IRIS[0][:1]), np.full((1, 3), 1 / 3))


def test_a_loss_that_is_changed_after_fit_does_not_change_the_probabilities():
    model = classifier().fit(*IRIS)
    before = model.predict_proba(IRIS[0])
    model.set_params(loss=MSELoss(), standardize=False)
    np.testing.assert_array_equal(model.predict_proba(IRIS[0]), before)


@pytest.mark.parametrize("loss", [BCEWithLogitsLoss(), CrossEntropyLoss()], ids=repr)
def test_a_regressor_refuses_losses_of_logits(loss):
    X, y = np.ones((4, 2)), np.linspace(0, 1, 4)
    with pytest.raises(ValueError, match="loss must be one of numbers"):
        NeuralRegressor(loss=loss).fit(X, y)


def test_a_regressor_takes_losses_of_numbers():
    for loss in (L1Loss(), HuberLoss()):
        assert regressor(loss=loss).fit(*DIABETES).score(*DIABETES) > 0.4


def test_any_network_of_tinynet_can_be_the_model():
    X, y = load_digits(return_X_y=True)

    def lenet(inputs, outputs, rng):
        assert (inputs, outputs) == (64, 10)
        return Sequential(
            Reshape((1, 8, 8)), Conv2D(1, 8, 3, rng=rng), ReLU(), MaxPool2D(2), Flatten(),
            Dense(72, outputs, rng=rng),
        )  # fmt: skip

    model = NeuralClassifier(network=lenet, epochs=10, lr=0.01, batch_size=32, dtype=np.float32)
    model.set_params(random_state=0).fit(X[:1200] / 16, y[:1200])
    assert model.net_.params.dtype == np.float32
    assert model.score(X[1200:] / 16, y[1200:]) > 0.9


@pytest.mark.parametrize("optimizer", [SGD, AdamW, partial(AdamW, weight_decay=0.1)])
def test_any_optimizer_takes_the_steps(optimizer):
    model = classifier(optimizer=optimizer, epochs=5).fit(*IRIS)
    assert type(model.optimizer_) is getattr(optimizer, "func", optimizer)
    assert model.optimizer_.steps == 5


def test_the_learning_rate_may_be_a_function_of_the_step():
    model = classifier(lr=lambda step: 0.1 / (1 + step), epochs=3).fit(*IRIS)
    assert model.history_["lr"].tolist() == [0.1, 0.05, 0.1 / 3]


def test_history_and_epochs_are_those_of_fit():
    model = classifier(epochs=7).fit(*IRIS)
    assert model.n_iter_ == model.history_.epochs == 7
    assert model.history_.names == ("loss", "lr", "seconds")
    assert model.history_["loss"][-1] < model.history_["loss"][0]


def test_patience_stops_by_rows_that_are_held_back():
    model = classifier(lr=0.1, epochs=1000, validation_fraction=0.2, patience=5).fit(*CANCER)
    losses = model.history_["validation_loss"]
    assert model.n_iter_ == len(losses) == losses.argmin() + 1 + 5
    assert model.optimizer_.steps == 3 * model.n_iter_  # of 455 rows


def test_rows_that_are_held_back_have_the_shares_of_the_classes():
    X, y = IRIS
    model = classifier(validation_fraction=0.2, epochs=1)
    model.fit(X, y)
    rows, held_back = model._split(y)
    assert np.bincount(y[held_back]).tolist() == [10, 10, 10]
    assert sorted([*rows, *held_back]) == list(range(150))


def test_fit_starts_again_and_with_warm_start_goes_on():
    X, y = IRIS
    again = classifier(epochs=5).fit(X, y).fit(X, y)
    np.testing.assert_array_equal(again.net_.params, classifier(epochs=5).fit(X, y).net_.params)
    model = classifier(epochs=5, warm_start=True).fit(X, y)
    net, first = model.net_, model.history_["loss"]
    model.fit(X, y)
    assert model.net_ is net
    assert model.history_["loss"][0] < first[-1]
    with pytest.raises(ValueError, match=r"`y` has classes not in `self\.classes_`"):
        model.fit(X, y + 1)
    with pytest.raises(ValueError, match="X has 3 features, but NeuralClassifier is expecting 4"):
        model.fit(X[:, :3], y)


@pytest.mark.parametrize("make", [classifier, regressor])
def test_calls_of_partial_fit_are_the_epochs_of_fit(make):
    X, y = IRIS
    whole, parts = make(epochs=10).fit(X, y), make()
    for _ in range(10):
        extra = {"classes": [0, 1, 2]} if make is classifier else {}
        assert parts.partial_fit(X, y, **extra) is parts
    np.testing.assert_allclose(parts.net_.params, whole.net_.params, rtol=1e-9)
    assert parts.n_iter_ == parts.history_.epochs == 10
    assert parts.optimizer_.steps == 10


def test_partial_fit_may_see_some_of_the_classes_at_a_time():
    X, y = IRIS
    model = classifier(lr=0.01).partial_fit(X[:100], y[:100], classes=[0, 1, 2])
    for _ in range(100):
        for k in range(3):
            model.partial_fit(X[k::3], y[k::3])
    assert model.score(X, y) > 0.95
    assert model.predict_proba(X).shape == (150, 3)


def test_partial_fit_goes_on_after_fit():
    X, y = IRIS
    model = classifier(epochs=5).fit(X, y)
    model.partial_fit(X[:50], y[:50])
    assert model.n_iter_ == model.history_.epochs == 6


def test_partial_fit_refuses_other_classes():
    X, y = IRIS
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier().partial_fit(X, y)
    model = classifier().partial_fit(X[:100], y[:100], classes=[0, 1])
    with pytest.raises(ValueError, match=r"`y` has classes not in `self\.classes_`.*\[2\]"):
        model.partial_fit(X, y)
    with pytest.raises(ValueError, match="is not the same as on last call to partial_fit"):
        model.partial_fit(X[:100], y[:100], classes=[0, 1, 2])
    with pytest.raises(ValueError, match="has classes not in"):
        classifier().partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match='class_weight="balanced" counts the classes of all rows'):
        classifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"it needs validation_fraction=0; got 0\.1"):
        classifier(validation_fraction=0.1).partial_fit(X, y, classes=[0, 1, 2])


@pytest.mark.parametrize("make", [classifier, regressor])
def test_a_weight_is_a_number_of_copies(make):
    X, y = (array[::7] for array in IRIS)
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = make().fit(X, y, sample_weight=weights)
    repeated = make().fit(X.repeat(weights, axis=0), y.repeat(weights))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-7)
    np.testing.assert_allclose(weighted.net_.params, repeated.net_.params, rtol=1e-6)
    tripled = make().fit(X, y, sample_weight=3 * weights)
    np.testing.assert_allclose(tripled.net_.params, weighted.net_.params, rtol=1e-6)


def test_equal_weights_are_no_weights():
    X, y = IRIS
    plain = classifier().fit(X, y).net_.params
    for weights in (2, np.full(150, 0.5), [3] * 150):
        np.testing.assert_array_equal(classifier().fit(X, y, weights).net_.params, plain)


def test_the_loss_on_rows_that_are_held_back_is_weighted():
    X, y = IRIS
    weights = np.random.default_rng(0).random(150)
    model = classifier(validation_fraction=0.2, epochs=1)
    model.fit(X, y, sample_weight=weights)
    again = np.random.default_rng(np.random.RandomState(0).randint(2**31 - 1, size=4))
    model._rng = again
    _, held_back = model._split(y)
    p = model.predict_proba(X[held_back])[np.arange(30), y[held_back]]
    expected = np.average(-np.log(p), weights=weights[held_back])
    np.testing.assert_allclose(model.history_["validation_loss"], [expected], rtol=1e-10)


def test_class_weights_multiply_the_weights_of_rows():
    X, y = (array[:120] for array in IRIS)  # 50, 50 and 20 of each class
    weights = np.random.default_rng(0).random(120)
    given = {0: 1.0, 1: 2.0, 2: 5.0}
    by_class = classifier(class_weight=given).fit(X, y, sample_weight=weights)
    by_row = classifier(standardize=False).fit(X, y)  # another network, for comparison below
    assert (by_row.net_.params != by_class.net_.params).any()
    scaled = StandardScaler().fit(X, sample_weight=weights).transform(X)
    by_row = classifier(standardize=False)
    by_row.fit(scaled, y, sample_weight=weights * np.array([1.0, 2.0, 5.0])[y])
    np.testing.assert_allclose(by_row.net_.params, by_class.net_.params, rtol=1e-9)


def test_balanced_class_weights_are_those_of_scikit_learn():
    X, y = (array[:120] for array in IRIS)
    balanced = classifier(class_weight="balanced").fit(X, y)
    rows = compute_sample_weight("balanced", y)
    plain = classifier(standardize=False)
    plain.fit(StandardScaler().fit_transform(X), y, sample_weight=rows)
    np.testing.assert_allclose(balanced.net_.params, plain.net_.params, rtol=1e-9)


def test_a_rare_class_is_found_if_classes_are_balanced():
    rng = np.random.default_rng(0)
    y = (np.arange(1000) < 30).astype(int)
    X = rng.normal(size=(1000, 2)) + 1.2 * y[:, np.newaxis]
    recalls = [
        classifier(class_weight=weight).fit(X, y).predict(X[:30]).mean()
        for weight in (None, "balanced")
    ]
    assert recalls[0] < 0.4 < 0.8 < recalls[1]


def test_several_targets_and_one_column():
    X, y = DIABETES
    both = np.column_stack([y, 3 * y + 1])
    model = regressor().fit(X, both)
    assert model.predict(X).shape == both.shape
    np.testing.assert_allclose(model.score(X, both), regressor().fit(X, y).score(X, y), atol=0.1)
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        column = regressor().fit(X, y[:, np.newaxis])
    np.testing.assert_array_equal(column.predict(X), regressor().fit(X, y).predict(X))


def test_standardized_targets_come_back_in_their_units():
    X, y = DIABETES
    model = regressor().fit(X, 1e6 * y)
    assert model.score(X, 1e6 * y) > 0.5
    assert model.history_["loss"][0] < 3
    float32 = regressor(dtype=np.float32).fit(X, y)
    assert float32.predict(X).dtype == np.float32


def test_batch_norm_gets_no_batch_of_one_row():
    X, y = load_digits(return_X_y=True)
    model = classifier(batch_norm=True, epochs=1).fit(X[:401], y[:401])
    assert model.optimizer_.steps == 3


def test_the_network_can_be_saved_as_a_file_and_loaded(tmp_path):
    X, y = IRIS
    model = classifier(standardize=False).fit(X, y)
    save(model.net_, tmp_path / "iris.npz")
    labels = model.classes_[load(tmp_path / "iris.npz").predict(X).argmax(axis=1)]
    np.testing.assert_array_equal(labels, model.predict(X))


def test_epochs_are_shown_when_asked_for(capsys):
    classifier(epochs=2).fit(*IRIS)
    assert capsys.readouterr().out == ""
    classifier(epochs=2, verbose=True).fit(*IRIS)
    assert capsys.readouterr().out.startswith("epoch 1/2  loss ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": (0,)}, r"hidden\[0\] must be a positive int; got 0"),
        ({"hidden": "100"}, r"hidden\[0\] must be a positive int; got '100'"),
        ({"activation": ReLU()}, "activation must be a class such as ReLU, or a function"),
        ({"activation": "relu"}, "activation must be a class such as ReLU, or a function"),
        ({"activation": list}, "what activation returns must be a layer"),
        ({"dropout": 1}, r"dropout must be a number in \[0, 1\); got 1"),
        ({"batch_norm": "yes"}, "batch_norm must be True or False; got 'yes'"),
        ({"standardize": 1}, "standardize must be True or False; got 1"),
        ({"network": Sequential(ReLU())}, "network must be a function that makes one"),
        ({"network": lambda *_: 3}, "what network returns must be a layer or network"),
        ({"loss": MSELoss}, r"loss must be a loss such as MSELoss\(\), or None"),
        ({"optimizer": "adam"}, "optimizer must be a class such as Adam, or a function"),
        ({"optimizer": lambda net, lr: lr}, "what optimizer returns must be an optimizer"),
        ({"lr": 0}, "lr must be a positive finite number; got 0"),
        ({"lr": "fast"}, "lr must be a positive finite number; got 'fast'"),
        ({"epochs": 0}, "epochs must be a positive int; got 0"),
        ({"batch_size": 0}, "batch_size must be a positive int; got 0"),
        ({"batch_size": "all"}, "batch_size must be an int or \"auto\"; got 'all'"),
        ({"shuffle": None}, "shuffle must be True or False; got None"),
        ({"validation_fraction": 1.0}, r"validation_fraction must be a number in \[0, 1\)"),
        ({"patience": 3}, "patience=3 watches the loss on rows that are not trained on"),
        ({"patience": 0, "validation_fraction": 0.1}, "patience must be a positive int; got 0"),
        ({"warm_start": "no"}, "warm_start must be True or False; got 'no'"),
        ({"dtype": np.int64}, "dtype must be np.float32 or np.float64"),
        ({"class_weight": "equal"}, 'class_weight must be a dict of weights by class, "balanced"'),
        ({"class_weight": {0: -1.0}}, "Negative values in data passed to class_weight"),
        ({"random_state": "zero"}, "'zero' cannot be used to seed"),
        ({"validation_fraction": 0.01}, "validation_fraction=0.01 must leave rows of each class"),
        ({"network": lambda i, o, rng: Dense(i, 2, rng=rng)}, "return one with 3 outputs"),
        ({"network": lambda i, o, rng: Dense(i, 4, rng=rng)}, "return one with 3 outputs"),
        ({"network": lambda i, o, rng: Dense(3, o, rng=rng)}, r"it must be \(N, 3\)"),
    ],
)
def test_options_that_mean_nothing_are_refused_by_fit(options, message):
    model = classifier(**options)
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(*IRIS)
    with pytest.raises(NotFittedError):
        model.predict(IRIS[0])


@pytest.mark.parametrize("fraction", [0.5, 0.9])
def test_a_class_that_no_row_would_be_trained_on_is_refused(fraction):
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = np.repeat([0, 1, 2], [57, 2, 1] if fraction == 0.5 else [56, 2, 2])
    with pytest.raises(ValueError, match=f"validation_fraction={fraction} must leave rows of each"):
        classifier(validation_fraction=fraction).fit(X, y)


def test_one_class_is_refused():
    X, y = IRIS
    message = "at least 2 classes to tell apart; y has only one class, 0, among the rows whose"
    for call in (
        lambda: classifier().fit(X[:50], y[:50]),
        lambda: classifier().fit(X, y, sample_weight=(y == 0).astype(float)),
        lambda: classifier().partial_fit(X[:50], y[:50], classes=[0]),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.full(150, -1.0), "Negative values in data passed to sample_weight"),
        (np.zeros(150), "Sample weights must contain at least one non-zero number"),
        (np.ones(149), "inconsistent numbers of samples"),
        (np.ones((150, 2)), "Sample weights must be 1D array or scalar, got 2D array"),
        (np.full(150, np.nan), "sample_weight contains NaN"),
    ],
)
def test_weights_that_mean_nothing_are_refused(make, weights, message):
    for method in ("fit", "partial_fit"):
        extra = {"classes": [0, 1, 2]} if (make, method) == (classifier, "partial_fit") else {}
        with pytest.raises(ValueError, match=message):
            getattr(make(), method)(*IRIS, sample_weight=weights, **extra)


def test_training_that_diverges_says_so_and_leaves_no_network():
    model = NeuralRegressor(optimizer=SGD, lr=1e12, random_state=0)
    with pytest.raises(DivergenceError, match="Try a learning rate ten times smaller"):
        model.fit(*DIABETES)
    assert not hasattr(model, "net_")


def test_a_call_that_fails_leaves_a_model_as_it_was():
    X, y = IRIS
    model = classifier().fit(X, y)
    before, attributes = model.predict_proba(X), dict(vars(model))
    with pytest.raises(ValueError, match="one class"):
        model.fit(X[:50, :2], y[:50])
    with pytest.raises(DivergenceError):
        model.set_params(lr=1e30, optimizer=SGD).fit(X, y)
    with pytest.raises(ValueError, match="has classes not in"):
        model.partial_fit(X, y + 1)
    model.set_params(lr=attributes["lr"], optimizer=attributes["optimizer"])
    assert vars(model) == attributes
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_importing_tinynet_does_not_import_scikit_learn():
    code = "import sys, tinynet; assert not {'sklearn', 'tinynet.interop.sklearn'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
