"""Whatever is wrong with any row or option is found before the first step, and nothing else is.

That holds for training data, validation data and metrics alike, whichever row it is; and data in
another container than a NumPy array gets one sentence everywhere, which says how to convert it.
"""

import gc
import re
import warnings

import containers
import numpy as np
import pytest
import scipy.sparse

import tinynet
from tinynet import (
    SGD,
    BCELoss,
    CrossEntropyLoss,
    Dense,
    Embedding,
    KLDivLoss,
    LogSoftmax,
    Loss,
    MSELoss,
    Sequential,
    Sigmoid,
    Tanh,
    evaluate,
    fit,
    predict,
    train,
)

ROWS = 48


class Problem:
    """A network, data of `ROWS` rows and validation data of as many."""

    def __init__(self, loss=None, targets=2, last=None, first=None):
        rng = np.random.default_rng(0)
        layers = [first or Dense(3, 4, rng=rng), Tanh(), Dense(4, targets, rng=rng), last]
        self.net = Sequential(*[layer for layer in layers if layer is not None])
        self.loss = loss or MSELoss()
        self.optimizer = SGD(self.net, lr=0.1)
        self.x, self.t = rng.normal(size=(ROWS, 3)), rng.normal(size=(ROWS, targets))
        self.validation = (self.x.copy(), self.t.copy())

    def fit(self, **options):
        options = {"epochs": 3, "batch_size": 8, "progress": "off", **options}
        options.setdefault("validation", self.validation)
        return fit(self.net, self.loss, self.optimizer, self.x, self.t, **options)

    def train(self, **options):
        options = {"epochs": 3, "batch_size": 8, **options}
        return list(train(self.net, self.loss, self.optimizer, self.x, self.t, **options))

    def is_refused(self, match, run=None, **options):
        """Refused with a message that matches, before anything has changed."""
        before = self.net.params.copy()
        with pytest.raises((ValueError, TypeError), match=match):
            (run or self.fit)(**options)
        assert np.array_equal(self.net.params, before)
        assert self.optimizer.steps == 0


EVERYWHERE = [0, 1, 2, 30, ROWS - 1]


@pytest.mark.parametrize("row", EVERYWHERE)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("options", [{}, {"patience": 3}], ids=["plain", "patience"])
def test_a_validation_row_that_is_not_finite_is_named_before_the_first_step(
    row, value, which, options
):
    problem = Problem()
    problem.validation[which][row, 1] = value
    problem.is_refused(rf"(?s)validation.*\b{row}\b", **options)


def classes():
    problem = Problem(CrossEntropyLoss(), targets=3)
    problem.t = np.arange(ROWS) % 3
    problem.validation = (problem.x, problem.t.copy())
    return problem


@pytest.mark.parametrize("row", EVERYWHERE)
@pytest.mark.parametrize("value", [3, 100, -1])
def test_a_class_that_does_not_exist_is_named_in_any_validation_row(row, value):
    problem = classes()
    problem.validation[1][row] = value
    problem.is_refused(rf"(?s)\bt\[{row}\].*validation")


@pytest.mark.parametrize("row", EVERYWHERE)
def test_targets_that_a_loss_refuses_are_found_in_any_validation_row(row):
    problem = Problem(BCELoss(), last=Sigmoid())
    problem.t = (problem.t > 0).astype(float)
    problem.validation = (problem.x, problem.t.copy())
    problem.validation[1][row, 0] = 1.5
    problem.is_refused("validation")
    problem = Problem(KLDivLoss(), last=LogSoftmax())
    problem.t = np.full((ROWS, 2), 0.5)
    problem.validation = (problem.x, problem.t.copy())
    problem.validation[1][row] = 0.25
    problem.is_refused("validation")


@pytest.mark.parametrize("row", EVERYWHERE)
@pytest.mark.parametrize("where", ["training", "validation"])
def test_an_id_that_does_not_exist_is_found_in_any_row(row, where):
    problem = Problem(first=Embedding(5, 4, rng=0))
    problem.x = np.arange(ROWS) % 5
    problem.validation = (problem.x.copy(), problem.t)
    (problem.x if where == "training" else problem.validation[0])[row] = 7
    problem.is_refused(r"\b7\b")


def test_validation_of_another_width_or_float_type_is_refused_by_name():
    for wrong in (
        lambda x, t: (x[:, :2], t),
        lambda x, t: (x, t[:, :1]),
        lambda x, t: (x[:, 0], t),
        lambda x, t: (x.astype(np.longdouble), t),
        lambda x, t: (x[:0], t[:0]),
        lambda x, t: (x, t.astype(complex)),
    ):
        problem = Problem()
        problem.is_refused("validation", validation=wrong(*problem.validation))


def test_good_validation_data_are_taken_as_they_are():
    problem = Problem()
    assert problem.fit(patience=2)["validation_loss"].size


# Metrics


def needs_both_classes(y, t):
    """As the area under a curve: undefined where all rows are of one class."""
    positive = t[:, 0] > 0
    if positive.all() or not positive.any():
        raise ValueError("only one class is there")
    return float(y[positive, 0].mean() - y[~positive, 0].mean())


def needs_forty_rows(y, t):
    assert len(y) >= 40
    return 0.5


def is_nan_for_few_rows(y, t):
    return float("nan") if len(y) < 10 else 0.25


@pytest.mark.parametrize("metric", [needs_both_classes, needs_forty_rows, is_nan_for_few_rows])
@pytest.mark.parametrize("validated", [True, False])
def test_a_metric_that_needs_many_rows_is_accepted(metric, validated):
    problem = Problem()
    problem.t[:] = np.arange(ROWS)[:, np.newaxis] >= 20  # the first rows are of one class
    problem.validation = (problem.x, problem.t)
    options = {} if validated else {"validation": None}
    history = problem.fit(metrics=[metric], **options)
    assert np.isfinite(history[("validation_" if validated else "") + metric.__name__]).all()


def raises(y, t):
    raise RuntimeError("never works")


def returns_an_array(y, t):
    return (y - t) ** 2


def returns_nothing(y, t):
    return None


def takes_one_argument(y):
    return 0.0


def returns_text(y, t):
    return "good"


@pytest.mark.parametrize(
    "metric", [raises, returns_an_array, returns_nothing, takes_one_argument, returns_text]
)
@pytest.mark.parametrize("validated", [True, False])
def test_a_metric_that_never_works_is_named_before_the_first_step(metric, validated):
    problem = Problem()
    before = problem.net.params.copy()
    options = {} if validated else {"validation": None}
    with pytest.raises((RuntimeError, ValueError, TypeError)) as caught:
        problem.fit(metrics=[metric], **options)
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert metric.__name__ in text
    assert np.array_equal(problem.net.params, before)
    assert problem.optimizer.steps == 0


# Batches as they will come


class InGroups(Loss):
    """The mean of (y − t)² over groups of so many rows; other numbers of rows are refused."""

    def __init__(self, group):
        self.group = group

    def forward(self, y, t):
        if len(y) % self.group:
            raise ValueError(f"{len(y)} rows are no groups of {self.group}")
        self._d = y - t
        return float((self._d**2).mean())

    def backward(self):
        return 2 * self._d / self._d.size


class AtLeast(InGroups):
    """The same for at least so many rows."""

    def forward(self, y, t):
        if len(y) < self.group:
            raise ValueError(f"{len(y)} rows are fewer than {self.group}")
        self._d = y - t
        return float((self._d**2).mean())


@pytest.mark.parametrize(
    ("loss", "rows", "batch_size"),
    [
        (InGroups(3), 48, 48),
        (InGroups(3), 96, 48),
        (InGroups(3), 99, 48),
        (InGroups(5), 100, 40),
        (InGroups(7), 49, 49),
        (InGroups(64), 128, 64),
        (AtLeast(40), 80, 40),
        (AtLeast(33), 99, 33),
        (AtLeast(48), 48, 1000),
    ],
    ids=repr,
)
@pytest.mark.parametrize("run", ["train", "fit"])
def test_a_loss_that_takes_the_batches_that_will_come_is_accepted(loss, rows, batch_size, run):
    problem = Problem(loss)
    problem.x, problem.t = np.resize(problem.x, (rows, 3)), np.resize(problem.t, (rows, 2))
    options = {"validation": None} if run == "fit" else {}
    getattr(problem, run)(batch_size=batch_size, **options)
    assert problem.optimizer.steps == 3 * -(-rows // batch_size)


@pytest.mark.parametrize(
    ("loss", "rows", "batch_size"),
    [
        (InGroups(3), 48, 32),
        (InGroups(3), 100, 48),
        (InGroups(32), 128, 48),
        (AtLeast(10), 49, 48),
        (AtLeast(33), 64, 32),
        (InGroups(5), 96, 48),
    ],
    ids=repr,
)
@pytest.mark.parametrize("run", ["train", "fit"])
def test_a_loss_that_refuses_a_full_or_the_last_batch_is_found_before_the_first_step(
    loss, rows, batch_size, run
):
    problem = Problem(loss)
    problem.x, problem.t = np.resize(problem.x, (rows, 3)), np.resize(problem.t, (rows, 2))
    options = {"validation": None} if run == "fit" else {}
    problem.is_refused("rows are", getattr(problem, run), batch_size=batch_size, **options)


# Other containers


class Series(containers.DataFrame):
    """One column of a DataFrame."""


CONTAINERS = {
    "list": (lambda a: a.tolist(), r"np\.asarray\("),
    "tuple": (lambda a: tuple(map(tuple, a)), r"np\.asarray\("),
    "list of arrays": (list, r"np\.(asarray|stack|array)\("),
    "DataFrame": (containers.DataFrame, r"\.to_numpy\("),
    "Series": (Series, r"\.to_numpy\("),
    "Tensor": (containers.Tensor, r"\.numpy\("),
    "csr_array": (scipy.sparse.csr_array, r"\.toarray\("),
    "csc_matrix": (scipy.sparse.csc_matrix, r"\.toarray\("),
    "coo_array": (scipy.sparse.coo_array, r"\.toarray\("),
    "MaskedArray": (containers.masked, r"\.filled\("),
    "MaskedArray without a mask": (np.ma.masked_array, r"\.filled\("),
    "matrix": (np.matrix, r"np\.asarray\("),
    "generator": (iter, r"np\.(asarray|array|stack)\("),
}


def taken_by_train(problem, x, t):
    train(problem.net, problem.loss, problem.optimizer, x, t, epochs=1)


PLACES = {
    "train x": ("x", lambda p, a: taken_by_train(p, a, p.t)),
    "train t": ("t", lambda p, a: taken_by_train(p, p.x, a)),
    "fit x": ("x", lambda p, a: fit(p.net, p.loss, p.optimizer, a, p.t, epochs=1)),
    "fit t": ("t", lambda p, a: fit(p.net, p.loss, p.optimizer, p.x, a, epochs=1)),
    "validation x": ("validation", lambda p, a: p.fit(validation=(a, p.t))),
    "validation t": ("validation", lambda p, a: p.fit(validation=(p.x, a))),
    "predict": ("x", lambda p, a: predict(p.net, a)),
    "evaluate x": ("x", lambda p, a: evaluate(p.net, p.loss, a, p.t)),
    "evaluate t": ("t", lambda p, a: evaluate(p.net, p.loss, p.x, a)),
    "net.forward": ("x", lambda p, a: p.net.forward(a)),
    "net.predict": ("x", lambda p, a: p.net.predict(a)),
    "Dense.forward": ("x", lambda p, a: p.net[0].forward(a)),
    "loss.forward y": ("y", lambda p, a: p.loss.forward(a, p.t)),
    "loss.forward t": ("t", lambda p, a: p.loss.forward(p.t, a)),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("container", CONTAINERS)
def test_data_in_another_container_is_refused_with_how_to_convert_it(place, container):
    name, call = PLACES[place]
    put, conversion = CONTAINERS[container]
    problem = Problem()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = put(problem.t if name in ("t", "y") or place.endswith("n t") else problem.x)
    with pytest.raises(TypeError, match=conversion) as caught:
        call(problem, data)
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert name in text.split()[0] or f" {name} " in text or f"{name}[" in text
    assert type(data).__name__ in text


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_sentence_about_a_container_is_the_same_everywhere(container):
    put, _ = CONTAINERS[container]
    sentences = set()
    for place, (name, call) in PLACES.items():
        problem = Problem()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = put(problem.t if name in ("t", "y") else problem.x)
        if "validation" in place:
            continue  # there it is x or t of the validation data
        try:
            call(problem, data)
        except TypeError as error:
            sentences.add(re.sub(rf"\b{name}\b", "it", str(error).split(". ")[-1]))
        else:
            sentences.add(f"{place} takes it")
    assert len(sentences) == 1, sentences


def test_what_the_sentence_says_works():
    problem = Problem()
    x, t = problem.x, problem.t
    expected = Problem().train(rng=0)[-1].loss
    for put, convert in (
        (lambda a: a.tolist(), np.asarray),
        (containers.DataFrame, lambda a: a.to_numpy()),
        (containers.Tensor, lambda a: a.numpy()),
        (scipy.sparse.csr_array, lambda a: a.toarray()),
        (np.ma.masked_array, lambda a: a.filled(0)),
    ):
        problem = Problem()
        problem.x, problem.t = convert(put(x)), convert(put(t))
        assert problem.train(rng=0)[-1].loss == expected


# Nobody iterates


def test_train_that_nobody_iterates_says_that_it_trained_nothing():
    problem = Problem()

    def call_and_forget():
        train(problem.net, problem.loss, problem.optimizer, problem.x, problem.t, epochs=1)
        gc.collect()

    with pytest.warns((UserWarning, RuntimeWarning, ResourceWarning), match=r"for .* in train\("):
        call_and_forget()
    assert problem.optimizer.steps == 0


def test_train_that_is_iterated_even_in_part_says_nothing():
    for take in (list, next, lambda stream: [epoch for epoch in stream if epoch.number == 1]):
        problem = Problem()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            stream = train(
                problem.net, problem.loss, problem.optimizer, problem.x, problem.t, epochs=2
            )
            take(stream)
            del stream
            gc.collect()
        assert problem.optimizer.steps >= ROWS


def test_what_train_returns_is_an_iterator():
    problem = Problem()
    stream = train(problem.net, problem.loss, problem.optimizer, problem.x, problem.t, epochs=2)
    assert iter(stream) is stream
    assert isinstance(next(stream), tinynet.Epoch)
    stream.close()
    assert list(stream) == []
