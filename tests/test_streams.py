"""Training on batches that an iterable gives."""

import numpy as np
import pytest

from tinynet import SGD, Adam, Dense, MSELoss, Sequential, Tanh, fit, train
from tinynet.data import batches
from tinynet.metrics import accuracy

X = np.random.default_rng(0).normal(size=(30, 3))
T = np.random.default_rng(1).normal(size=(30, 2))
PAIRS = [(X[first : first + 8], T[first : first + 8]) for first in range(0, 30, 8)]


def network():
    return Sequential(Dense(3, 4, rng=0), Tanh(), Dense(4, 2, rng=1))


class Again:
    def __iter__(self):
        yield from PAIRS


def pairs():
    yield from PAIRS


STREAMS = {
    "list": PAIRS,
    "object": Again(),
    "function": pairs,
    "data.batches": lambda: batches(X, T, batch_size=8, shuffle=False),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("run", [train, fit])
def test_a_stream_takes_the_steps_of_the_same_batches_from_arrays(name, run):
    ends = []
    for data, options in (((X, T), {"batch_size": 8, "shuffle": False}), ((STREAMS[name],), {})):
        net = network()
        optimizer = Adam(net)
        if run is fit:
            options["progress"] = "off"
        result = run(net, MSELoss(), optimizer, *data, epochs=3, **options)
        losses = [e.loss for e in result] if run is train else list(result["loss"])
        ends.append((net.params.tobytes(), losses, optimizer.steps))
    assert ends[0] == ends[1]


def test_an_epoch_counts_its_examples():
    net = network()
    epochs = [*train(net, MSELoss(), SGD(net, lr=0.1), pairs, epochs=2)]
    assert [epoch.examples for epoch in epochs] == [30, 30]


def test_batches_may_have_weights():
    weights = np.random.default_rng(2).uniform(size=30)
    triples = [(X[a : a + 8], T[a : a + 8], weights[a : a + 8]) for a in range(0, 30, 8)]
    ends = []
    for data, options in (
        ((X, T), {"batch_size": 8, "shuffle": False, "sample_weight": weights}),
        ((triples,), {}),
    ):
        net = network()
        losses = [
            e.loss for e in train(net, MSELoss(), SGD(net, lr=0.1), *data, epochs=2, **options)
        ]
        ends.append((net.params, losses))
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_nothing_is_taken_twice_and_nothing_ahead_but_the_first_batch():
    taken = []

    def counted():
        for number, pair in enumerate(PAIRS):
            taken.append(number)
            yield pair

    net = network()
    training = iter(train(net, MSELoss(), SGD(net, lr=0.1), counted, epochs=2))
    assert taken == [0]
    next(training)
    assert taken == [0, 1, 2, 3]
    next(training)
    assert taken == [0, 1, 2, 3] * 2


def test_a_resumed_run_has_the_same_bytes(tmp_path):
    ends = []
    for stops in ((4,), (2, 4)):
        path = tmp_path / f"{len(stops)}.npz"
        for epochs in stops:
            net = network()
            fit(
                net, MSELoss(), Adam(net), pairs, epochs=epochs, checkpoint=path,
                resume=path.exists(), progress="off", validation=(X, T),
            )  # fmt: skip
        ends.append(net.params.tobytes())
    assert ends[0] == ends[1]


def fewer():
    calls = []

    def stream():
        calls.append(1)
        return iter(PAIRS if len(calls) == 1 else PAIRS[:2])

    return stream


def once():
    generator = pairs()
    return lambda: generator


@pytest.mark.parametrize(
    ("stream", "error", "text"),
    [
        (lambda: pairs(), TypeError, "used up after one. Pass what can be gone through again"),
        (lambda: [], ValueError, "at least one batch .* got none"),
        (once, ValueError, "got 0 in epoch 2 and 4 in the one before"),
        (fewer, ValueError, "got 2 in epoch 2 and 4 in the one before"),
        (lambda: 3, TypeError, "must be an array with t beside it, or give batches"),
        (lambda: lambda: None, TypeError, "or give batches"),
        (lambda: [PAIRS[0], X], TypeError, r"batch 1 of x must be a pair \(x, t\)"),
        (lambda: [PAIRS[0], (X,)], TypeError, "batch 1 of x must be a pair"),
        (lambda: [PAIRS[0], (X[:, :2], T)], ValueError, r"x of batch 1 .* got float64 and \(2,\)"),
        (lambda: [PAIRS[0], (X.astype("f"), T)], ValueError, "x of batch 1 .* got float32"),
        (lambda: [PAIRS[0], (X, T[:5])], ValueError, "x of batch 1 has 30 examples and t of ba"),
        (lambda: [PAIRS[0], (X, T * np.nan)], ValueError, "t of batch 1 must be finite"),
        (lambda: [PAIRS[0], (X, T, np.ones(30))], ValueError, "must have 2 parts"),
        (lambda: [(X, T, -np.ones(30))], ValueError, "weights of batch 0 must be finite and at"),
        (lambda: [PAIRS[0], (X.tolist(), T)], TypeError, "x of batch 1"),
    ],
)
@pytest.mark.parametrize("run", [train, fit])
def test_a_stream_that_is_none_is_refused_in_words(stream, error, text, run):
    net = network()
    options = {"progress": "off"} if run is fit else {}
    with pytest.raises(error, match=text):
        list(run(net, MSELoss(), SGD(net, lr=0.1), stream(), epochs=3, **options))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"batch_size": 4}, "a stream has its own batches"),
        ({"sample_weight": np.ones(30)}, r"let the stream give batches \(x, t, weights\)"),
        ({"engine": "compiled"}, "no compiled form of a stream"),
    ],
)
def test_options_that_a_stream_has_no_use_for_are_refused(options, text):
    net = network()
    with pytest.raises(ValueError, match=text):
        train(net, MSELoss(), SGD(net, lr=0.1), pairs, epochs=1, **options)


def test_targets_or_validation_that_are_missing_are_named():
    net = network()
    with pytest.raises(TypeError, match="t must be an array beside the array x"):
        train(net, MSELoss(), SGD(net, lr=0.1), X, epochs=1)
    with pytest.raises(ValueError, match=r"pass validation=\(x, t\)"):
        fit(net, MSELoss(), SGD(net, lr=0.1), pairs, epochs=1, metrics=[accuracy])


def test_the_stream_cannot_be_changed_by_a_layer():
    class Writes(Dense):
        def forward(self, x):
            x *= 2
            return super().forward(x)

    net = Writes(3, 2, rng=0)
    with pytest.raises(ValueError, match="Writes"):
        list(train(net, MSELoss(), SGD(net, lr=0.1), pairs, epochs=1))
