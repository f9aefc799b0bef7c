"""Layers in a row."""

import time
import warnings

import numpy as np
import pytest
from layers import network, one_weight
from scipy.special import expit

from tinynet import SGD, Dense, Identity, Layer, MSELoss, Sequential, Sigmoid


def small():
    return network(3, 4, 2, last=Sigmoid())


def test_one_step_worked_by_hand():
    """x = 1, two weights of ½ without biases, t = 0, learning rate 1.

    y₁ = σ(½) = 0.622459, y₂ = σ(½ · 0.622459) = σ(0.311230) = 0.577186
    L  = y₂² = 0.333143,  dL/dy₂ = 2 y₂ = 1.154371
    through the second sigmoid: 1.154371 · 0.577186 · 0.422814 = 0.281716
    dW₂ = 0.281716 · y₁ = 0.175357,  dL/dy₁ = 0.281716 · ½ = 0.140858
    through the first sigmoid: 0.140858 · 0.622459 · 0.377541 = 0.033102
    dW₁ = 0.033102 · x = 0.033102,  dL/dx = 0.033102 · ½ = 0.016551
    """
    net = Sequential(one_weight(0.5), Sigmoid(), one_weight(0.5), Sigmoid())
    loss, optimizer = MSELoss(), SGD(net, lr=1.0)
    y = net.forward(np.array([[1.0]]))
    assert y == pytest.approx(0.577186, abs=1e-6)
    assert loss.forward(y, np.array([[0.0]])) == pytest.approx(0.333143, abs=1e-6)
    dx = net.backward(loss.backward())
    assert dx == pytest.approx(0.016551, abs=1e-6)
    np.testing.assert_allclose(net.grads, [0.033102, 0.175357], atol=1e-6)
    optimizer.step()
    np.testing.assert_allclose(net.params, [0.466898, 0.324643], atol=1e-6)
    assert optimizer.steps == 1


def test_fifty_steps_equal_the_handwritten_network():
    """784-100-10 in plain NumPy, one example a step, on ½ Σ (y − t)² at the textbook's 0.1."""
    rng = np.random.default_rng(0)
    net = network(784, 100, 10, last=Sigmoid(), rng=rng)
    W1, b1, W2, b2 = (view.copy() for _, view in net.named_parameters())
    loss, optimizer = MSELoss(), SGD(net, lr=0.5)
    for _ in range(50):
        x = rng.uniform(0.01, 1.0, (1, 784))
        t = np.full((1, 10), 0.01)
        t[0, rng.integers(10)] = 0.99

        loss.forward(net.forward(x), t)
        net.backward(loss.backward())
        optimizer.step()

        h = expit(x @ W1 + b1)
        y = expit(h @ W2 + b2)
        output_error = (y - t) * y * (1 - y)
        hidden_error = (output_error @ W2.T) * h * (1 - h)
        W2 -= 0.1 * h.T @ output_error
        b2 -= 0.1 * output_error[0]
        W1 -= 0.1 * x.T @ hidden_error
        b1 -= 0.1 * hidden_error[0]
    for (_, view), by_hand in zip(net.named_parameters(), (W1, b1, W2, b2), strict=True):
        np.testing.assert_allclose(view, by_hand, rtol=0, atol=1e-12)


def test_a_nested_network_computes_as_the_flat_one():
    flat, nested = small(), small()
    layers = [Sequential(Dense(3, 4), Sigmoid()), Sequential(Sequential(Dense(4, 2), Sigmoid()))]
    nested = Sequential(*layers)
    nested.params[...] = flat.params
    x, dy = np.random.default_rng(1).normal(size=(5, 3)), np.ones((5, 2))
    np.testing.assert_array_equal(nested.forward(x), flat.forward(x))
    np.testing.assert_array_equal(nested.predict(x), flat.predict(x))
    np.testing.assert_array_equal(nested.backward(dy), flat.backward(dy))
    np.testing.assert_array_equal(nested.grads, flat.grads)


def test_parameter_gradients_are_those_of_backward():
    class Double(Layer):
        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            assert learns, "nothing that learns lies before this layer"
            return 2 * dy

    net = Sequential(Double(), small(), Double())
    x, dy = np.ones((5, 3)), np.ones((5, 2))
    learns = True
    net.forward(x)
    net.backward(dy)
    grads = net.grads.copy()
    net.grads[...] = np.nan
    net[0].backward = None  # never called
    net.parameter_gradients(dy)
    np.testing.assert_array_equal(net.grads, grads)


def test_parameter_gradients_of_a_network_with_nothing_to_learn_are_nothing():
    net = Sequential(Sigmoid())
    net.forward(np.ones((1, 2)))
    net.parameter_gradients(np.ones((1, 2)))
    assert net.grads.size == 0


def test_layers_are_reached_by_place_slice_and_iteration():
    net = small()
    assert len(net) == 4
    assert list(net) == list(net.layers)
    assert net[-1] is net.layers[3]
    assert net[1:3] == net.layers[1:3]
    assert isinstance(net.layers, tuple)


def test_summary_shows_shapes_where_they_are_known():
    known = small().summary()
    assert known.splitlines()[2:] == [
        "0  Dense(3, 4)  (N, 4)          16",
        "1  Sigmoid()    (N, 4)           0",
        "2  Dense(4, 2)  (N, 2)          10",
        "3  Sigmoid()    (N, 2)           0",
        "   total                        26",
    ]
    unknown = Sequential(Sigmoid(), Dense(3, 2))
    assert unknown.summary().splitlines()[2].split() == ["0", "Sigmoid()", "?", "0"]
    assert "(N, 3)" in unknown.summary((3,)).splitlines()[2]
    assert (
        "Sequential(Dense(3, 4), Sigmoid())"
        in Sequential(Sequential(Dense(3, 4), Sigmoid())).summary()
    )


def test_a_subclass_is_written_by_its_own_name():
    class Encoder(Sequential):
        pass

    assert repr(Encoder(Sigmoid())) == "Encoder(\n    Sigmoid(),\n)"


def test_an_empty_network_is_refused():
    with pytest.raises(ValueError, match="at least one layer"):
        Sequential()


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ([Sigmoid()], r"Sequential\(\*layers\)"),
        (Sigmoid, r"Did you mean Sigmoid\(\)"),
        (np.tanh, "number 1 is tanh"),
    ],
)
def test_what_is_no_layer_is_refused_with_a_hint(wrong, hint):
    with pytest.raises(TypeError, match=hint):
        Sequential(Dense(2, 2), wrong)


@pytest.mark.parametrize("options", [{"rng": 0}, {"init": lambda shape, rng: np.eye(*shape)}])
def test_equal_weights_draw_a_warning_whatever_made_them(options):
    message = r"0\.W and 2\.W start with equal weights\. If they should be random, was the same int"
    with pytest.warns(UserWarning, match=message):
        Sequential(Dense(3, 3, **options), Sigmoid(), Dense(3, 3, **options))


def test_weights_from_one_generator_draw_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rng = np.random.default_rng(0)
        Sequential(Dense(3, 3, rng=rng), Sigmoid(), Dense(3, 3, rng=rng))


@pytest.mark.parametrize("method", ["forward", "predict"])
@pytest.mark.parametrize("shape", [(5, 3), (4,), (2, 4, 5)])
def test_an_input_that_does_not_fit_is_refused_by_layer_and_place(method, shape):
    net = Sequential(Sequential(Sigmoid(), Dense(4, 2)), Dense(2, 1))
    with pytest.raises(ValueError, match=r"Dense\(4, 2\) got x of shape") as info:
        getattr(net, method)(np.ones(shape))
    notes = [" ".join(note.split()) for note in info.value.__notes__]
    assert notes[0] == "in layer 1 of Sequential, Dense(4, 2)"
    assert notes[1].startswith("in layer 0 of Sequential, Sequential(")


@pytest.mark.parametrize("method", ["backward", "parameter_gradients"])
def test_a_gradient_of_another_batch_is_refused(method):
    net = small()
    net.forward(np.ones((5, 3)))
    net.grads[...] = 7
    for shape in ((4, 2), (1, 2), (5, 1), (2,)):
        with pytest.raises(ValueError, match=r"array of the shape of y"):
            getattr(net, method)(np.ones(shape))
    assert (net.grads == 7).all()


def test_an_error_in_backward_is_given_its_place():
    class Broken(Identity):
        def backward(self, dy):
            raise ArithmeticError("broken")

    net = Sequential(Dense(2, 2), Broken())
    net.forward(np.ones((1, 2)))
    for method in (net.backward, net.parameter_gradients):
        with pytest.raises(ArithmeticError) as info:
            method(np.ones((1, 2)))
        assert info.value.__notes__ == ["in layer 1 of Sequential, Broken()"]


def test_a_thousand_times_as_many_layers_take_about_a_thousand_times_as_long():
    def seconds(count):
        layers = [Sigmoid() for _ in range(count)]
        started = time.process_time()  # other processes do not count
        Sequential(*layers)
        return time.process_time() - started

    seconds(10)
    few = min(seconds(1000) for _ in range(3))
    assert seconds(16_000) < 16 * 6 * few  # were each held against all, 250 times


@pytest.mark.parametrize("method", ["forward", "predict"])
def test_a_list_in_place_of_an_array_is_told_so(method):
    with pytest.raises(
        TypeError, match=r"x must be a NumPy array; got list\. Use np\.asarray\(x\)"
    ):
        getattr(small(), method)([[1.0, 2.0, 3.0]])


def test_a_summary_is_shown_as_a_table_without_print_too():
    summary = Sequential(Dense(4, 3), Sigmoid()).summary()
    assert repr(summary) == str(summary)
    assert isinstance(summary, str)
    assert summary.splitlines()[0].split() == ["layer", "output", "parameters"]


def test_the_layers_of_a_network_cannot_be_exchanged_by_place():
    net = Sequential(Dense(2, 2, rng=0), Sigmoid())
    with pytest.raises(AttributeError, match=r"keeps the layers that it was made of"):
        net[0] = Sigmoid()
