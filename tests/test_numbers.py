"""Numbers come out as they would in exact arithmetic, to what the float type can hold.

Spans in epochs, as proposed here: `schedules.steps_in_epochs(epochs, examples=, batch_size=)` is
the number of steps that so many epochs take, for every schedule that asks for a span in steps;
`exponential_decay` and `step_decay` have no default for `every`, so nobody decays at each step by
what was meant for an epoch.
"""

import contextlib
import copy
import math
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from tinynet import (
    ELU,
    GELU,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    BatchNorm,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    Dense,
    DivergenceError,
    GlobalAveragePool,
    GroupNorm,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    LayerNorm,
    LogSoftmax,
    Loss,
    MSELoss,
    RMSprop,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    detect_anomaly,
    evaluate,
    fit,
    predict,
    schedules,
    train,
)
from tinynet.metrics import accuracy, confusion_matrix, precision_recall_f1, top_k_accuracy

# Means in float32


def in_both(make, x, dy):
    """y, dx, the gradients and the buffers of a layer in float32 and in float64, of one input."""
    results = []
    for dtype in (np.float32, np.float64):
        layer = make(dtype)
        y = layer.forward(x.astype(dtype))
        dx = layer.backward(dy.astype(dtype))
        results.append([y, dx, layer.grads, *[array for _, array in layer.named_buffers()]])
    return zip(*results, strict=True)


def differs_at_most(single, double, share):
    """By a share of the largest value."""
    assert single.dtype == np.float32
    scale = max(1.0, float(np.abs(double).max()))
    assert float(np.abs(single - double).max()) <= share * scale


@pytest.mark.parametrize("value", [0.1, 1.0, 7.7, 1234.567, 12345.678, -98765.43, 1e6, 3e-5])
@pytest.mark.parametrize("features", [3, 100, 768, 4096])
def test_layernorm_makes_zeros_of_a_constant_row_in_float32(value, features):
    x = np.full((2, features), value, np.float32)
    layer = LayerNorm(features, dtype=np.float32)
    assert np.abs(layer.forward(x)).max() < 1e-4
    assert np.abs(layer.predict(x)).max() < 1e-4


@pytest.mark.parametrize("value", [0.1, 7.7, 12345.678, -98765.43, 1e6])
@pytest.mark.parametrize("rows", [2, 64, 5_000, 60_000])
def test_batchnorm_makes_zeros_of_a_constant_feature_in_float32(value, rows):
    x = np.full((rows, 2), value, np.float32)
    layer = BatchNorm(2, dtype=np.float32)
    assert np.abs(layer.forward(x)).max() < 1e-4


@pytest.mark.parametrize("mean", [0, 10, 1_000, 10_000])
@pytest.mark.parametrize("rows", [64, 10_000, 60_000])
def test_batchnorm_in_float32_is_that_of_float64_on_the_same_numbers(mean, rows):
    rng = np.random.default_rng(0)
    x = (mean + rng.normal(size=(rows, 3))).astype(np.float32)
    dy = (1 + rng.normal(size=(rows, 3))).astype(np.float32)
    for single, double in in_both(lambda dtype: BatchNorm(3, dtype=dtype), x, dy):
        differs_at_most(single, double, 2e-3 if mean == 10_000 else 2e-4)


@pytest.mark.parametrize("mean", [0, 10, 1_000, 10_000])
@pytest.mark.parametrize("features", [8, 768, 10_000])
def test_layernorm_in_float32_is_that_of_float64_on_the_same_numbers(mean, features):
    rng = np.random.default_rng(0)
    x = (mean + rng.normal(size=(5, features))).astype(np.float32)
    dy = (1 + rng.normal(size=(5, features))).astype(np.float32)
    for single, double in in_both(lambda dtype: LayerNorm(features, dtype=dtype), x, dy):
        differs_at_most(single, double, 2e-3 if mean == 10_000 else 2e-4)


@given(st.floats(-1e5, 1e5, width=32), st.floats(0.5, 100, width=32), st.integers(2, 300))
def test_normalized_rows_have_mean_zero_whatever_their_level(level, spread, features):
    rng = np.random.default_rng(features)
    x = (level + spread * rng.normal(size=(3, features))).astype(np.float32)
    y = LayerNorm(features, dtype=np.float32).forward(x).astype(float)
    last_digit = np.spacing(np.float32(abs(level) + 4 * spread)) / x.astype(float).std(axis=1).min()
    assert np.abs(y.mean(axis=1)).max() < 1e-3 + last_digit


@pytest.mark.parametrize("loss", [MSELoss(), L1Loss(), HuberLoss(), BCEWithLogitsLoss()], ids=repr)
def test_the_mean_of_a_loss_over_many_rows_is_exact_in_float32(loss):
    rng = np.random.default_rng(0)
    y, t = rng.normal(size=(60_000, 3)), rng.uniform(size=(60_000, 3))
    single = loss.forward(y.astype(np.float32), t.astype(np.float32))
    assert single == pytest.approx(loss.forward(y, t), rel=1e-5)


@pytest.mark.parametrize("loss", [MSELoss(), L1Loss(), HuberLoss()], ids=repr)
def test_the_mean_of_equal_numbers_is_exact_however_many_there_are(loss):
    y = np.full((60_000, 100), 0.1, np.float32)
    expected = loss.forward(y[:1].astype(float), np.zeros((1, 100)))
    assert loss.forward(y, np.zeros_like(y)) == pytest.approx(expected, rel=1e-6)


def test_the_gradient_of_a_bias_over_many_rows_is_exact_in_float32():
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(60_000, 2)), 1 + rng.normal(size=(60_000, 3))

    def make(dtype):
        return Dense(2, 3, rng=0, dtype=dtype)

    for single, double in in_both(make, x.astype(np.float32), dy.astype(np.float32)):
        differs_at_most(single, double, 1e-5)


# One loss object, several trainings

MEETING = threading.Barrier(3)


class Meeting(MSELoss):
    """Three threads meet between `forward` and `backward`, when each has called `forward`."""

    def backward(self):
        with contextlib.suppress(threading.BrokenBarrierError):
            MEETING.wait(timeout=1)
        return super().backward()


class MeetingCrossEntropy(CrossEntropyLoss):
    """The same for classes."""

    def backward(self):
        with contextlib.suppress(threading.BrokenBarrierError):
            MEETING.wait(timeout=1)
        return super().backward()


def one_training(number, loss, run):
    rng = np.random.default_rng(number)
    net = Sequential(Dense(4, 5, rng=rng), Tanh(), Dense(5, 3, rng=rng))
    x, t = rng.normal(size=(12, 4)), rng.normal(size=(12, 3))
    if isinstance(loss, CrossEntropyLoss):
        t = rng.integers(3, size=12)
    optimizer = SGD(net, lr=0.1)
    if run is train:
        list(train(net, loss, optimizer, x, t, epochs=2, batch_size=4, rng=0))
    else:
        fit(net, loss, optimizer, x, t, epochs=2, batch_size=4, rng=0, progress="off")
    return net.params


@pytest.mark.parametrize("run", [train, fit])
@pytest.mark.parametrize(
    ("plain", "meeting"), [(MSELoss, Meeting), (CrossEntropyLoss, MeetingCrossEntropy)]
)
def test_three_threads_may_train_with_one_loss_object(plain, meeting, run):
    expected = [one_training(number, plain(), run) for number in range(3)]
    found, loss = [None] * 3, meeting()
    MEETING.reset()

    def work(number):
        found[number] = one_training(number, loss, run)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(expected, found, strict=True):
        # not to the bit, because a loss of tinynet's own trains by blocks
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("run", [train, fit])
@pytest.mark.parametrize("loss", [MSELoss(), CrossEntropyLoss()], ids=repr)
def test_training_leaves_no_trace_in_the_callers_loss(loss, run):
    before = dict(vars(loss))
    one_training(0, loss, run)
    assert vars(loss) == before


def test_a_callers_forward_and_backward_may_stand_around_a_training():
    """What `forward` kept is still there, although the same object trained in between."""
    loss = MSELoss()
    y, t = np.ones((2, 3)), np.zeros((2, 3))
    loss.forward(y, t)
    one_training(0, loss, train)
    assert np.allclose(loss.backward(), 2 / 6)


class Annealed(Loss):
    """A loss that counts its calls, and has a scale that may be assigned."""

    scale, calls = 1.0, 0

    def forward(self, y, t):
        self.calls += 1
        self._d = y - t
        return self.calls + 1000 * self.scale

    def backward(self):
        return 0 * self._d


def test_a_loss_that_counts_goes_on_counting_and_follows_what_is_assigned_between_epochs():
    net, loss, x = Dense(1, 1, rng=0), Annealed(), np.ones((2, 1))
    found = []
    for epoch in train(net, loss, SGD(net, lr=0.1), x, x, epochs=3):
        found.append(epoch.loss)
        if epoch.number == 2:
            loss.scale = 2.0
    assert found == [1001.5, 1003.5, 2005.5]  # calls 1 and 2, 3 and 4, 5 and 6
    assert loss.calls == 0


class Broken(MSELoss):
    """Finite forward, NaN backward."""

    def backward(self):
        return super().backward() * np.nan


@pytest.mark.parametrize("begun", [False, True])
def test_detect_anomaly_sees_the_loss_that_training_works_on(begun):
    net, loss, x = Dense(1, 1, rng=0), Broken(), np.ones((2, 1))

    def begin():
        return train(net, loss, SGD(net, lr=0.1), x, x, epochs=3)

    epochs = begin() if begun else None
    with detect_anomaly(loss):
        epochs = epochs or begin()
        with pytest.raises(DivergenceError, match=r"appeared in backward of Broken\(\)"):
            next(epochs)
    assert type(loss) is Broken


def test_training_is_not_watched_any_more_after_detect_anomaly():
    net, loss, x = Dense(1, 1, rng=0), Annealed(), np.ones((2, 1))
    epochs = train(net, loss, SGD(net, lr=0.1), x, x, epochs=2)
    with detect_anomaly(loss):
        next(epochs)
    loss.scale = np.inf
    with pytest.raises(DivergenceError, match="the loss became inf in epoch 2"):
        next(epochs)


@pytest.mark.parametrize("run", [train, fit])
@pytest.mark.parametrize("setting", ["warn", "raise"])
def test_what_is_not_finite_is_a_divergence_whatever_numpy_is_told(setting, run):
    net, x = Sequential(Dense(2, 2, rng=0), Dense(2, 1, rng=1)), np.ones((4, 2))
    optimizer, t = SGD(net, lr=1e3), np.ones((4, 1))
    options = {"epochs": 2000} | ({"progress": "off"} if run is fit else {})
    with np.errstate(all=setting), pytest.raises(DivergenceError, match="smaller"):
        list(run(net, MSELoss(), optimizer, x, t, **options))


# Underflow is no error

FAR = np.array([[-80.0, 800.0, 0.0], [300.0, -300.0, 1e-30], [-40.0, 1e-37, 90.0]])


def learning(last, loss, optimizer, dtype, t):
    net = Sequential(Dense(3, 3, init=lambda shape, rng: np.eye(3), dtype=dtype), *last)
    x = FAR.astype(dtype)
    t = t if t.dtype.kind == "i" else t.astype(dtype)
    losses = [
        epoch.loss for epoch in train(net, loss, optimizer(net), x, t, epochs=2, shuffle=False)
    ]
    return losses, net.params, predict(net, x), evaluate(net, loss, x, t)["loss"]


CASES = {
    "Sigmoid": ([Sigmoid()], MSELoss(), np.eye(3)),
    "Softmax": ([Softmax()], MSELoss(), np.eye(3)),
    "LogSoftmax": ([LogSoftmax()], MSELoss(), np.eye(3)),
    "GELU": ([GELU()], MSELoss(), np.eye(3)),
    "SiLU": ([SiLU()], MSELoss(), np.eye(3)),
    "ELU": ([ELU()], MSELoss(), np.eye(3)),
    "Softplus": ([Softplus()], MSELoss(), np.eye(3)),
    "Tanh": ([Tanh()], MSELoss(), np.eye(3)),
    "logits": ([], BCEWithLogitsLoss(), np.eye(3)),
    "classes": ([], CrossEntropyLoss(), np.array([0, 1, 2])),
    "tiny targets": ([], MSELoss(), np.full((3, 3), 1e-37)),
    "tiny errors": ([], HuberLoss(1e-160), np.eye(3)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_underflow_does_not_stop_training_when_numpy_raises_for_everything(case, dtype):
    layers, loss, t = CASES[case]
    if dtype == np.float32 and case == "tiny errors":
        loss = HuberLoss(1e-20)
    options = (lambda net: SGD(net, lr=1e-30), dtype, t)
    expected = learning(copy.deepcopy(layers), loss, *options)
    with np.errstate(all="raise"):
        found = learning(copy.deepcopy(layers), loss, *options)
    for one, other in zip(expected, found, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "optimizer",
    [SGD, Adam, AdamW, RMSprop, Adagrad, lambda net, lr: SGD(net, lr, momentum=0.9, clip_norm=1)],
)
def test_squares_and_means_of_tiny_gradients_may_underflow(optimizer, dtype):
    tiny = 1e-30 if dtype == np.float32 else 1e-200

    def work():
        net = Dense(3, 2, rng=0, dtype=dtype)
        x, t = np.full((4, 3), tiny, dtype), np.full((4, 2), tiny, dtype)
        for _ in train(net, MSELoss(), optimizer(net, lr=tiny), x, t, epochs=3, batch_size=2):
            pass
        return net.params

    expected = work()
    with np.errstate(all="raise"):
        assert np.array_equal(work(), expected)


def test_the_callers_setting_is_there_again_between_epochs_and_afterwards():
    net = Dense(3, 2, rng=0)
    x, t = np.ones((4, 3)), np.ones((4, 2))
    with np.errstate(all="raise"):
        for _ in train(net, MSELoss(), SGD(net, lr=0.1), x, t, epochs=2):
            assert np.geterr()["under"] == "raise"
        fit(net, MSELoss(), SGD(net, lr=0.1), x, t, epochs=1, batch_size=2, progress="off")
        assert set(np.geterr().values()) == {"raise"}


# Rows of targets that are no one class

MEASURES = {
    "accuracy": accuracy,
    "top_k_accuracy": lambda p, t: top_k_accuracy(p, t, 2),
    "confusion_matrix": confusion_matrix,
    "precision_recall_f1": precision_recall_f1,
}
SCORES = np.array([[0.9, 0.2, 0.1], [0.1, 0.8, 0.7], [0.2, 0.1, 0.6], [0.7, 0.1, 0.3]])


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
@pytest.mark.parametrize("row", [0, 2, 3])
@pytest.mark.parametrize(
    "targets",
    [
        [0, 0, 0],
        [1, 1, 0],
        [0, 1, 1],
        [1, 1, 1],
        [0.01, 0.01, 0.01],
        [0.99, 0.01, 0.99],
        [0.5, 0.5, 0],
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [float, np.float32])
def test_a_target_row_without_one_largest_value_is_refused_by_its_number(
    measure, row, targets, dtype
):
    t = np.eye(3)[[0, 1, 2, 0]].astype(dtype)
    t[row] = targets
    with pytest.raises(ValueError, match=rf"(?s)labels.*\b{row}\b"):
        measure(SCORES, t)


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
@pytest.mark.parametrize("form", [lambda t: t, lambda t: t * 0.98 + 0.01, lambda t: t.astype(int)])
def test_one_hot_rows_of_every_form_count_as_their_classes(measure, form):
    classes = np.array([0, 1, 1, 2])
    one = measure(SCORES, form(np.eye(3)[classes]))
    assert np.array_equal(np.asarray(one, float), np.asarray(measure(SCORES, classes), float))


def test_scores_may_have_equal_values_because_the_first_counts():
    assert accuracy([[0.5, 0.5, 0.1]], [0]) == 1.0


# Logits of classes that are ruled out


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", ["classes", "rows"])
@pytest.mark.parametrize("ruled_out", [[2], [0], [0, 3]])
def test_a_class_with_logit_minus_infinity_and_no_weight_counts_for_nothing(ruled_out, form, dtype):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(4, 5)).astype(dtype)
    allowed = [k for k in range(5) if k not in ruled_out]
    classes = np.array(allowed)[[0, 1, 2, 0]]
    y[:, ruled_out] = -np.inf
    loss = CrossEntropyLoss()
    t = classes if form == "classes" else np.eye(5, dtype=dtype)[classes]
    value = loss.forward(y, t)
    expected = -log_softmax(y[:, allowed], axis=1)[np.arange(4), [0, 1, 2, 0]].mean()
    assert value == pytest.approx(float(expected), rel=1e-5)
    dy = loss.backward()
    assert np.isfinite(dy).all()
    assert not dy[:, ruled_out].any()
    kept = CrossEntropyLoss()
    kept.forward(y[:, allowed], np.array([0, 1, 2, 0]))
    assert np.allclose(dy[:, allowed], kept.backward(), rtol=1e-5)


@pytest.mark.parametrize("rows", [[0], [1, 3], [0, 1, 2, 3]])
def test_minus_infinity_may_stand_in_some_rows_only(rows):
    y = np.random.default_rng(0).normal(size=(4, 3))
    y[rows, 1] = -np.inf
    loss = CrossEntropyLoss()
    assert np.isfinite(loss.forward(y, np.array([0, 2, 2, 0])))
    assert np.isfinite(loss.backward()).all()


def test_a_log_probability_of_minus_infinity_without_weight_counts_for_nothing():
    y, t = np.log([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    loss = KLDivLoss()
    expected = loss.forward(y, t)
    assert loss.forward(np.insert(y, 1, -np.inf, axis=1), np.insert(t, 1, 0, axis=1)) == expected
    assert np.allclose(loss.backward(), [[-0.25, 0, -0.75]])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_class_that_has_weight_and_was_ruled_out_costs_infinitely_much(smoothing):
    """Also one that has it from label smoothing; never NaN."""
    y = np.array([[0.0, -np.inf, 1.0]])
    t = np.array([0 if smoothing else 1])
    with np.errstate(all="ignore"):
        assert CrossEntropyLoss(label_smoothing=smoothing).forward(y, t) == np.inf


# Schedules in epochs


@pytest.mark.parametrize(
    ("epochs", "examples", "batch_size", "steps"),
    [
        (1, 60_000, 32, 1875),
        (1, 60_001, 32, 1876),
        (10, 100, 30, 40),
        (3, 5, 100, 3),
        (2, 7, 1, 14),
    ],
)
def test_steps_in_epochs_are_those_that_train_takes(epochs, examples, batch_size, steps):
    count = schedules.steps_in_epochs(epochs, examples=examples, batch_size=batch_size)
    assert count == steps
    assert type(count) is int
    if examples < 1000:
        net = Dense(1, 1, rng=0)
        optimizer = SGD(net, lr=0.01)
        x = np.ones((examples, 1))
        for _ in train(net, MSELoss(), optimizer, x, x, epochs=epochs, batch_size=batch_size):
            pass
        assert optimizer.steps == steps


@pytest.mark.parametrize("name", ["epochs", "examples", "batch_size"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "3", None, True])
def test_steps_in_epochs_refuses_what_is_no_positive_int(name, value):
    arguments = {"epochs": 1, "examples": 100, "batch_size": 10, name: value}
    with pytest.raises((ValueError, TypeError), match=name):
        schedules.steps_in_epochs(arguments.pop("epochs"), **arguments)


@pytest.mark.parametrize("epoch", range(5))
def test_exponential_decay_with_the_steps_of_an_epoch_is_pytorchs_exponential_lr(epoch):
    """PyTorch's is stepped once an epoch: lr · factorᵉ at the beginning of epoch e, from 0."""
    every = schedules.steps_in_epochs(1, examples=60_000, batch_size=32)
    rate = schedules.exponential_decay(0.01, factor=0.95, every=every)
    assert rate(epoch * 1875) == pytest.approx(0.01 * 0.95**epoch)


@pytest.mark.parametrize("schedule", [schedules.exponential_decay, schedules.step_decay])
def test_decay_without_a_span_is_refused_and_says_how_long_an_epoch_is(schedule):
    with pytest.raises(TypeError, match="every"):
        schedule(0.01, factor=0.95)


def test_the_docstrings_show_spans_in_epochs():
    for schedule in (schedules.exponential_decay, schedules.step_decay, schedules.cosine):
        assert "steps_in_epochs" in (schedule.__doc__ or "") + (schedules.__doc__ or "")
    assert "ExponentialLR" not in schedules.exponential_decay.__doc__ or (
        "epoch" in schedules.exponential_decay.__doc__
    )


@pytest.mark.parametrize("make", [lambda: GroupNorm(2, 4, dtype=np.float32), GlobalAveragePool])
def test_images_with_the_examples_innermost_lose_no_digits(make):
    """There float32 numbers would be added one by one."""
    x = np.random.default_rng(0).normal(100, 1, size=(2, 4, 200, 200)).astype(np.float32)
    innermost = np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    y, wanted = make().forward(innermost), make().forward(x)
    np.testing.assert_allclose(y, wanted, rtol=2e-6, atol=2e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gelu_by_tanh_keeps_its_digits_far_left(dtype):
    x = np.array([-2.0, -5, -7, -9], dtype)
    u = math.sqrt(2 / math.pi) * (x + 0.044715 * x.astype(np.float64) ** 3)
    wanted = x / (1 + np.exp(-2 * u))
    y = GELU("tanh").forward(x[None])[0]
    np.testing.assert_allclose(y, wanted, rtol=100 * np.finfo(dtype).eps)
