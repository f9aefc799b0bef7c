"""predict and evaluate: some rows at a time, and no trace."""

import numpy as np
import pytest
from layers import Run

from tinynet import SGD, Dense, Embedding, Layer, MSELoss, evaluate, predict, train
from tinynet.metrics import accuracy


class Noting(Layer):
    """Notes how many rows it sees at once."""

    def __init__(self):
        self.rows = []

    def forward(self, x):
        raise AssertionError("predict must not train")

    def predict(self, x):
        self.rows.append(len(x))
        return np.stack([x, -x], axis=-1)

    def backward(self, dy):
        return dy


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 25, 30])
def test_predict_takes_some_rows_at_a_time(count):
    layer, x = Noting(), np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    y = predict(layer, x, batch_size=10)
    assert y.dtype == np.float32
    assert np.array_equal(y, np.stack([x, -x], axis=-1))
    assert max(layer.rows) <= 10
    assert sum(layer.rows) == count


def test_evaluate_leaves_no_trace():
    run = Run()
    value = run.loss.forward(run.net.forward(run.x), run.t)
    gradient = run.loss.backward()
    measured = evaluate(run.net, run.loss, run.x[:5], run.t[:5], [accuracy])
    assert np.array_equal(run.loss.backward(), gradient)
    run.net.backward(gradient)
    assert evaluate(run.net, run.loss, run.x, run.t) == {"loss": pytest.approx(value, rel=1e-14)}
    assert measured.keys() == {"loss", "accuracy"}
    with pytest.raises(ValueError, match="the same length"):
        evaluate(run.net, run.loss, run.x, run.t[:3])


def test_predict_says_that_the_network_comes_first():
    with pytest.raises(TypeError, match=r"predict\(net, x\); got an array of float64"):
        predict(np.ones((2, 3)), Dense(3, 2))


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"none": lambda y, t: None}, r"must return one number; got None: does it end in return\?"),
        ({"all": lambda y, t: y}, "must return one number; got an array"),
        ([lambda y, t: 1.0, lambda y, t: 2.0], r"A dict gives them names"),
    ],
)
def test_a_metric_returns_one_number_under_a_name_of_its_own(metrics, words):
    x = np.ones((4, 2))
    with pytest.raises((TypeError, ValueError), match=words):
        evaluate(Dense(2, 2, rng=0), MSELoss(), x, x, metrics)


def test_an_error_in_a_later_portion_says_where_it_is():
    net, ids = Embedding(5, 2, rng=0), np.zeros((10, 3), int)
    ids[7, 1] = 9
    with pytest.raises(ValueError, match=r"x\[1, 1\] = 9") as info:
        predict(net, ids, batch_size=3)
    assert info.value.__notes__ == ["in the rows of x from 6 on, which count from 0 above"]
    loss, optimizer = MSELoss(), SGD(net, lr=0.1)
    with pytest.raises(ValueError, match=r"x\[1, 1\] = 9") as info:
        train(net, loss, optimizer, ids, np.zeros((10, 3, 2)), epochs=1, batch_size=2)
    assert info.value.__notes__[-1] == "in the rows 0 and 7 of x, called 0 and 1 above"
