"""SelfAttention and PositionalEncoding: the equation, causality, masks, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from tinynet import (
    GELU,
    Adam,
    AverageSteps,
    CrossEntropyLoss,
    Dense,
    Embedding,
    LayerNorm,
    Masked,
    PositionalEncoding,
    Residual,
    SelfAttention,
    Sequential,
    train,
)


def randomised(layer, seed=0):
    layer.params[...] = np.random.default_rng(seed).normal(size=layer.params.size)
    return layer


def test_each_head_is_the_equation():
    layer = randomised(SelfAttention(6, 2))
    x = np.random.default_rng(1).normal(size=(3, 4, 6))
    for example, y, A in zip(x, layer.forward(x), layer.weights(x), strict=True):
        Q, K, V = np.split(example @ layer.W + layer.b, 3, axis=1)
        heads = []
        for head in range(2):
            part = slice(3 * head, 3 * head + 3)
            weights = softmax(Q[:, part] @ K[:, part].T / np.sqrt(3), axis=1)
            np.testing.assert_allclose(A[head], weights, atol=1e-14)
            heads.append(weights @ V[:, part])
        np.testing.assert_allclose(y, np.hstack(heads) @ layer.Wo + layer.bo, atol=1e-13)


@given(seed=st.integers(0, 1000), heads=st.sampled_from([1, 2, 4]))
def test_a_causal_output_never_depends_on_a_later_step(seed, heads):
    rng = np.random.default_rng(seed)
    changed = int(rng.integers(5))
    x = rng.normal(size=(2, 5, 4))
    other = x.copy()
    other[:, changed:] += rng.normal(size=other[:, changed:].shape)
    layer = randomised(SelfAttention(4, heads, causal=True), seed)
    y, y_other = layer.predict(x), layer.predict(other)
    np.testing.assert_array_equal(y[:, :changed], y_other[:, :changed])
    assert (y[:, changed:] != y_other[:, changed:]).any(axis=2).all()
    np.testing.assert_array_equal(np.triu(layer.weights(x), 1), 0)
    dy = np.zeros_like(y)
    dy[:, changed] = 1
    layer.forward(x)
    assert not layer.backward(dy)[:, changed + 1 :].any()


@given(seed=st.integers(0, 1000), causal=st.booleans())
def test_padding_changes_nothing(seed, causal):
    rng = np.random.default_rng(seed)
    layer = randomised(SelfAttention(4, 2, causal=causal), seed)
    x, dy = rng.normal(size=(1, 3, 4)), rng.normal(size=(1, 3, 4))
    y, dx = layer.forward(x), layer.backward(dy)
    grads = layer.grads.copy()
    mask = np.zeros((1, 6), bool)
    mask[0, rng.choice(6, 3, replace=False)] = True
    padded, dy_padded = rng.normal(size=(1, 6, 4)), np.zeros((1, 6, 4))
    padded[mask], dy_padded[mask] = x[0], dy[0]
    np.testing.assert_allclose(layer.forward(padded, mask)[mask], y[0], atol=1e-13)
    np.testing.assert_allclose(layer.predict(padded, mask)[mask], y[0], atol=1e-13)
    np.testing.assert_allclose(layer.backward(dy_padded)[mask], dx[0], atol=1e-12)
    np.testing.assert_allclose(layer.grads, grads, atol=1e-12)
    assert not layer.weights(padded, mask)[..., ~mask[0]].any()


def test_a_step_without_anything_to_look_at_gets_the_bias():
    layer = randomised(SelfAttention(4, 2, causal=True))
    mask = np.array([[False, True, True]])  # padding in front, so the first step sees nothing
    y = layer.forward(np.ones((1, 3, 4)), mask)
    np.testing.assert_array_equal(y[0, 0], layer.bo)
    assert np.isfinite(y).all()
    assert np.isfinite(layer.backward(np.ones((1, 3, 4)))).all()


@pytest.mark.parametrize("size", [1e3, 1e150])
def test_large_scores_do_not_overflow(size):
    layer = SelfAttention(4, 2, rng=0)
    x = np.random.default_rng(0).normal(size=(2, 3, 4)) * size
    np.testing.assert_allclose(layer.weights(x).sum(axis=3), 1)
    assert np.isfinite(layer.forward(x)).all()
    assert np.isfinite(layer.backward(np.ones((2, 3, 4)))).all()


def test_attention_does_not_know_the_order_of_steps_and_positions_tell_it():
    rng = np.random.default_rng(0)
    x, order = rng.normal(size=(1, 5, 4)), rng.permutation(5)
    layer = randomised(SelfAttention(4, 2))
    np.testing.assert_allclose(layer.predict(x[:, order]), layer.predict(x)[:, order], atol=1e-13)
    net = Sequential(PositionalEncoding(5, 4), layer)
    assert abs(net.predict(x[:, order]) - net.predict(x)[:, order]).max() > 0.1


def test_the_fixed_positions_are_waves():
    P = PositionalEncoding(100, 6).forward(np.zeros((1, 100, 6)))[0]
    t = np.arange(100)
    for i in range(3):
        np.testing.assert_allclose(P[:, 2 * i], np.sin(t / 10000 ** (2 * i / 6)))
        np.testing.assert_allclose(P[:, 2 * i + 1], np.cos(t / 10000 ** (2 * i / 6)))
    assert PositionalEncoding(7, 5).forward(np.zeros((1, 3, 5))).shape == (1, 3, 5)
    single = PositionalEncoding(7, 5).forward(np.zeros((1, 3, 5), np.float32))
    assert single.dtype == np.float32


def test_learned_positions_of_steps_that_did_not_occur_have_the_gradient_0():
    layer = PositionalEncoding(4, 2, learned=True, rng=0)
    layer.grads[...] = 7
    layer.forward(np.ones((3, 2, 2)))
    layer.backward(np.ones((3, 2, 2)))
    np.testing.assert_array_equal(layer.dP, [[3, 3], [3, 3], [0, 0], [0, 0]])


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: SelfAttention(6, 4), (), "heads must divide features; got 4 and 6"),
        (lambda: SelfAttention(4, 2), (3, 4), r"it must be \(N, steps, 4\)"),
        (lambda: SelfAttention(4, 2), (3, 4, 5), r"x.swapaxes\(1, 2\)"),
        (lambda: SelfAttention(4, 2), (3, 0, 4), "There is no step"),
        (lambda: PositionalEncoding(4, 2), (3, 5, 2), "positions for 4 steps, and x has 5"),
        (lambda: PositionalEncoding(4, 2), (3, 2), r"it must be \(N, steps, 2\)"),
        (AverageSteps, (3, 2), r"it must be \(N, steps, features\)"),
    ],
)
def test_what_does_not_fit_is_refused(make, shape, message):
    with pytest.raises(ValueError, match=message):
        make().forward(np.ones(shape))


def test_a_mask_that_does_not_fit_is_refused():
    layer, x = SelfAttention(4, 2), np.ones((2, 3, 4))
    for mask, error, message in [
        (np.ones((2, 4), bool), ValueError, r"a mask of shape \(2, 4\): it must be \(2, 3\)"),
        (np.ones((2, 3)), TypeError, "mask must hold bools"),
        (np.array([[True] * 3, [False] * 3]), ValueError, "no True in row 1"),
        ([[True] * 3] * 2, TypeError, r"mask must be a NumPy array; got list"),
    ]:
        for method in (layer.forward, layer.predict, layer.weights):
            with pytest.raises(error, match=message):
                method(x, mask)


def test_the_mask_of_ids_reaches_all_layers_inside_and_no_other():
    rng = np.random.default_rng(0)
    attention = SelfAttention(4, 2, rng=rng)
    net = Masked(Sequential(Embedding(5, 4, rng=rng), attention, AverageSteps()))
    long, short = np.array([[1, 2, 3, 0, 0]]), np.array([[1, 2, 3]])
    np.testing.assert_allclose(net.predict(long), net.predict(short), atol=1e-14)
    np.testing.assert_allclose(net.forward(long), net.forward(short), atol=1e-14)
    x = rng.normal(size=(1, 4, 4))
    before = attention.predict(x)  # outside, all steps count again
    with pytest.raises(ValueError, match="only padding, 0, in row 0"):
        net.predict(np.array([[0, 0]]))
    np.testing.assert_array_equal(attention.predict(x), before)


def test_features_that_are_all_padding_do_not_count():
    net = Masked(AverageSteps(), padding=-1)
    x = np.array([[[1.0, -1.0], [3.0, 5.0], [-1.0, -1.0]]])
    np.testing.assert_array_equal(net.forward(x), [[2, 2]])
    dx = net.backward(np.array([[1.0, 2.0]]))
    np.testing.assert_array_equal(dx, [[[0.5, 1], [0.5, 1], [0, 0]]])
    with pytest.raises(ValueError, match=r"must be \(N, steps\), ids, or"):
        net.forward(np.ones((2, 3, 4, 5)))


def test_a_mask_of_other_steps_says_where_it_comes_from():
    net = Masked(Sequential(Embedding(5, 4, rng=0), _Half(), AverageSteps()))
    with pytest.raises(ValueError, match="the Masked around it has made it"):
        net.predict(np.ones((2, 6), int))


class _Half(AverageSteps):
    """Every second step."""

    def forward(self, x):
        self._steps = x.shape
        return x[:, ::2]

    def predict(self, x):
        return x[:, ::2]


@pytest.mark.parametrize("learned", [False, True])
def test_a_transformer_learns_where_the_larger_number_stands(learned):
    """Which of the two marked steps came first: attention must look, and positions tell."""
    rng = np.random.default_rng(0)
    net = Sequential(
        Embedding(3, 16, rng=rng),
        PositionalEncoding(6, 16, learned=learned, rng=rng),
        Residual(Sequential(LayerNorm(16), SelfAttention(16, 2, rng=rng))),
        Residual(Sequential(LayerNorm(16), Dense(16, 32, rng=rng), GELU(), Dense(32, 16, rng=rng))),
        AverageSteps(),
        Dense(16, 2, rng=rng),
    )
    first = rng.permuted(np.tile(np.arange(6), (400, 1)), axis=1)[:, :2]
    x = np.zeros((400, 6), int)
    x[np.arange(400), first[:, 0]], x[np.arange(400), first[:, 1]] = 1, 2
    t = (first[:, 0] < first[:, 1]).astype(int)
    optimizer, loss = Adam(net, lr=0.01), CrossEntropyLoss()
    epochs = [*train(net, loss, optimizer, x, t, epochs=12, batch_size=16, rng=0)]
    assert epochs[-1].loss < 0.1 < 0.3 < epochs[0].loss


def test_every_step_may_have_a_target():
    """The next id, causally: predicting it needs no look ahead, and none is possible."""
    rng = np.random.default_rng(0)
    attention = SelfAttention(8, 2, causal=True, rng=rng)
    net = Sequential(Embedding(4, 8, rng=rng), attention, Dense(8, 4, rng=rng))
    x = np.tile(np.arange(8) % 4, (5, 1))
    t = (x + 1) % 4
    t[:, -1] = -100
    loss, optimizer = CrossEntropyLoss(ignore_index=-100), Adam(net, lr=0.02)
    epochs = [*train(net, loss, optimizer, x, t, epochs=100, batch_size=5, rng=0)]
    assert epochs[-1].loss < 0.05
