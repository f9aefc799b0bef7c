"""Every layer, loss and optimizer of tinynet goes through the full check."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, log_softmax

import tinynet
from tinynet import (
    ELU,
    GELU,
    GRU,
    LSTM,
    RNN,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    AverageSteps,
    AvgPool2D,
    BackwardBeforeForwardError,
    BatchNorm,
    BCELoss,
    BCEWithLogitsLoss,
    Concatenate,
    Conv1D,
    Conv2D,
    CrossEntropyLoss,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Frozen,
    GlobalAveragePool,
    GroupNorm,
    HuberLoss,
    Identity,
    KLDivLoss,
    L1Loss,
    Layer,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    Loss,
    Masked,
    MaxPool2D,
    Mish,
    MSELoss,
    Optimizer,
    Permute,
    PositionalEncoding,
    PReLU,
    ReLU,
    Reshape,
    Residual,
    RMSNorm,
    RMSprop,
    SelfAttention,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Standardize,
    Tanh,
)
from tinynet.testing import check_layer, check_loss, check_optimizer
from tinynet.testing.strategies import batches, labels

ANY = batches()


@dataclass
class LayerRow:
    make: Callable[..., Layer]  # from the shape of one example
    x: st.SearchStrategy[np.ndarray] = ANY
    skip: tuple[str, ...] = ()


@dataclass
class LossRow:
    make: Callable[[], Loss]
    y: st.SearchStrategy[np.ndarray] = ANY
    target: Callable[..., np.ndarray] = lambda y, rng: rng.normal(size=y.shape)  # from y and rng


@dataclass
class OptimizerRow:
    make: Callable[[Layer], Optimizer]
    reference: Callable[..., np.ndarray]  # from params, grads and a dict for what it remembers


@st.composite
def ids_with_padding(draw):
    """Ids of sequences of several lengths: 0 is padding, behind, before or between, not alone."""
    ids = draw(labels(4, 3))
    ids[np.arange(len(ids)), draw(st.integers(0, 2))] = 1
    return ids


SOME_IDS = ids_with_padding()


def masked(make):
    return lambda shape: Masked(Sequential(Embedding(4, 2, rng=5), make()))


LAYERS = {
    "Dense": LayerRow(lambda shape: Dense(shape[0], 3, rng=0)),
    "Dense without bias": LayerRow(lambda shape: Dense(shape[0], 2, bias=False, rng=0)),
    "Dense of sequences": LayerRow(lambda shape: Dense(2, 3, rng=0), batches(3, 2)),
    "Sequential": LayerRow(lambda shape: Sequential(Dense(*shape, 2, rng=0), Sigmoid())),
    "Identity": LayerRow(lambda shape: Identity()),
    "Sigmoid": LayerRow(lambda shape: Sigmoid()),
    "Tanh": LayerRow(lambda shape: Tanh()),
    "ReLU": LayerRow(lambda shape: ReLU()),
    "LeakyReLU": LayerRow(lambda shape: LeakyReLU(0.3)),
    "LeakyReLU that is |x|": LayerRow(lambda shape: LeakyReLU(-1)),
    "ELU": LayerRow(lambda shape: ELU()),
    "ELU with a kink": LayerRow(lambda shape: ELU(2.5)),
    "GELU": LayerRow(lambda shape: GELU()),
    "GELU by tanh": LayerRow(lambda shape: GELU("tanh")),
    "Mish": LayerRow(lambda shape: Mish()),
    "PReLU": LayerRow(lambda shape: PReLU()),
    "PReLU of features": LayerRow(lambda shape: PReLU(*shape, init=0.5)),
    "PReLU of images": LayerRow(lambda shape: PReLU(2), batches(2, None, 2)),
    "SiLU": LayerRow(lambda shape: SiLU()),
    "Softplus": LayerRow(lambda shape: Softplus()),
    "Softmax": LayerRow(lambda shape: Softmax()),
    "Softmax of sequences": LayerRow(lambda shape: Softmax(), batches(2, 3)),
    "LogSoftmax": LayerRow(lambda shape: LogSoftmax()),
    "LogSoftmax of sequences": LayerRow(lambda shape: LogSoftmax(), batches(2, 3)),
    "Flatten": LayerRow(lambda shape: Flatten(), batches(None, 2, None)),
    "Reshape": LayerRow(lambda shape: Reshape((2, shape[0], 2)), batches(None, 4)),
    "Dropout": LayerRow(lambda shape: Dropout(0.4, rng=0)),
    "Dropout of channels": LayerRow(
        lambda shape: Dropout(0.4, channels=True, rng=0), batches(3, None, 2)
    ),
    "BatchNorm": LayerRow(lambda shape: BatchNorm(*shape), batches(None, rows=(2, 5))),
    "BatchNorm of images": LayerRow(lambda shape: BatchNorm(2), batches(2, 2, 3, rows=(2, 3))),
    "BatchNorm of sequences": LayerRow(lambda shape: BatchNorm(2), batches(2, 3, rows=(2, 3))),
    "LayerNorm": LayerRow(lambda shape: LayerNorm(*shape)),
    "LayerNorm of sequences": LayerRow(lambda shape: LayerNorm(3), batches(2, 3)),
    "BatchNorm without gain and bias": LayerRow(
        lambda shape: BatchNorm(3, affine=False), batches(3, rows=(3, 5))
    ),
    "BatchNorm of images without gain and bias": LayerRow(
        lambda shape: BatchNorm(2, affine=False), batches(2, 2, 3, rows=(2, 3))
    ),
    "LayerNorm without gain and bias": LayerRow(
        lambda shape: LayerNorm(3, affine=False), batches(3)
    ),
    "LayerNorm of sequences without bias": LayerRow(
        lambda shape: LayerNorm(3, bias=False), batches(2, 3)
    ),
    "Standardize": LayerRow(
        lambda shape: Standardize([0.5, -1.0, 2.0], [0.5, 1.0, 3.0]), batches(3)
    ),
    "Standardize of sequences": LayerRow(
        lambda shape: Standardize([0.5, -1.0, 2.0], [0.5, 1.0, 3.0]), batches(2, 3)
    ),
    "Standardize of images": LayerRow(
        lambda shape: Standardize([[[0.5]], [[2.0]]], [[[0.5]], [[3.0]]]), batches(2, None, 3)
    ),
    "RMSNorm without gain": LayerRow(lambda shape: RMSNorm(3, affine=False), batches(3)),
    "GroupNorm of images without gain and bias": LayerRow(
        lambda shape: GroupNorm(2, 4, affine=False), batches(4, None, 2)
    ),
    # of one feature, y is ±gain for any x, and dx is a difference of equal numbers
    "RMSNorm": LayerRow(lambda shape: RMSNorm(*shape), st.integers(2, 4).flatmap(batches)),
    "RMSNorm of sequences": LayerRow(lambda shape: RMSNorm(3), batches(2, 3)),
    "GroupNorm": LayerRow(lambda shape: GroupNorm(2, 4), batches(4)),
    "GroupNorm of images": LayerRow(lambda shape: GroupNorm(2, 4), batches(4, None, 2)),
    "Embedding": LayerRow(lambda shape: Embedding(5, 3, rng=0), labels(5)),
    "Embedding of sequences": LayerRow(lambda shape: Embedding(4, 2, rng=0), labels(4, 3)),
    "Conv2D": LayerRow(
        lambda shape: Conv2D(2, 3, 2, padding=(1, 0), stride=(1, 2), rng=0), batches(2, 3, 4)
    ),
    "Conv2D of groups, the same size": LayerRow(
        lambda shape: Conv2D(2, 2, 3, padding="same", dilation=2, groups=2, bias=False, rng=0),
        batches(2, 3, 3),
    ),
    "Conv1D": LayerRow(lambda shape: Conv1D(2, 3, 3, padding=1, rng=0), batches(2, None)),
    "MaxPool2D": LayerRow(lambda shape: MaxPool2D(2, padding=1), batches(1, None, 3)),
    "MaxPool2D that overlaps": LayerRow(lambda shape: MaxPool2D(2, stride=1), batches(2, 3, 3)),
    "AvgPool2D": LayerRow(lambda shape: AvgPool2D((1, 2), stride=1), batches(2, None, 3)),
    "GlobalAveragePool": LayerRow(lambda shape: GlobalAveragePool(), batches(2, None, None)),
    "RNN": LayerRow(lambda shape: RNN(2, 3, rng=0), batches(None, 2)),
    "RNN backwards": LayerRow(
        lambda shape: RNN(2, 2, reverse=True, return_sequences=True, rng=0), batches(None, 2)
    ),
    "LSTM": LayerRow(lambda shape: LSTM(2, 2, rng=0), batches(None, 2)),
    "LSTM of sequences, backwards, with a learned state": LayerRow(
        lambda shape: LSTM(
            2, 3, reverse=True, return_sequences=True, learn_initial=True, bias=False, rng=0
        ),
        batches(None, 2),
    ),
    "GRU": LayerRow(lambda shape: GRU(2, 2, rng=0), batches(None, 2)),
    "GRU of sequences with a learned state": LayerRow(
        lambda shape: GRU(2, 2, return_sequences=True, learn_initial=True, rng=0), batches(None, 2)
    ),
    "SelfAttention": LayerRow(lambda shape: SelfAttention(4, 2, rng=0), batches(None, 4)),
    "SelfAttention that is causal": LayerRow(
        lambda shape: SelfAttention(3, 1, causal=True, bias=False, rng=0), batches(None, 3)
    ),
    "PositionalEncoding": LayerRow(lambda shape: PositionalEncoding(9, 3), batches(None, 3)),
    "PositionalEncoding that is learned": LayerRow(
        lambda shape: PositionalEncoding(9, 3, learned=True, rng=0), batches(None, 3)
    ),
    "AverageSteps": LayerRow(lambda shape: AverageSteps(), batches(None, 3)),
    "Masked RNN": LayerRow(
        masked(lambda: RNN(2, 3, return_sequences=True, learn_initial=True, rng=0)), SOME_IDS
    ),
    "Masked LSTM": LayerRow(
        masked(lambda: LSTM(2, 3, return_sequences=True, learn_initial=True, rng=0)), SOME_IDS
    ),
    "Masked GRU": LayerRow(
        masked(lambda: GRU(2, 3, return_sequences=True, learn_initial=True, rng=0)), SOME_IDS
    ),
    "Masked LSTM backwards": LayerRow(masked(lambda: LSTM(2, 3, reverse=True, rng=0)), SOME_IDS),
    "Masked": LayerRow(masked(lambda: SelfAttention(2, 2, rng=0)), SOME_IDS),
    "Masked and causal": LayerRow(
        masked(lambda: Sequential(SelfAttention(2, 2, causal=True, rng=0), AverageSteps())),
        SOME_IDS,
    ),
    "Concatenate": LayerRow(
        lambda shape: Concatenate(
            Dense(*shape, 2, rng=0), Sequential(Tanh(), Dense(*shape, 3, rng=1))
        )
    ),
    "Concatenate of channels": LayerRow(
        lambda shape: Concatenate(MaxPool2D(2), Conv2D(2, 1, 2, stride=2, rng=0), axis=1),
        batches(2, 2, 2),
    ),
    "Permute": LayerRow(lambda shape: Permute((2, 3, 1)), batches(2, None, 2)),
    "Transformer": LayerRow(
        lambda shape: Sequential(
            PositionalEncoding(9, 3),
            Residual(Sequential(LayerNorm(3), SelfAttention(3, 1, rng=0))),
            Residual(Sequential(LayerNorm(3), Dense(3, 2, rng=1), GELU(), Dense(2, 3, rng=2))),
        ),
        batches(2, 3, rows=(1, 2)),
    ),
    "Residual": LayerRow(
        lambda shape: Residual(Sequential(Dense(*shape, 3, rng=0), Tanh(), Dense(3, *shape, rng=1)))
    ),
    "Frozen": LayerRow(lambda shape: Frozen(Sequential(Dense(*shape, 3, rng=0), Sigmoid()))),
    "Frozen with a BatchNorm": LayerRow(
        lambda shape: Sequential(
            Dense(*shape, 3, rng=0), Frozen(Sequential(BatchNorm(3), Dense(3, 2, rng=1))), Tanh()
        )
    ),
}

ORDINARY = ("generic", "separated", "zeros", "ties", "small")
logits = st.integers(2, 4).flatmap(batches)
probabilities = batches(transform=expit, kinds=ORDINARY)  # beyond 0 and 1 there is no BCE
log_probabilities = st.integers(2, 4).flatmap(
    lambda classes: batches(classes, transform=lambda y: log_softmax(y, axis=1))
)


def classes(y, rng):
    return rng.integers(y.shape[1], size=len(y))


def rows(y, rng):
    return rng.dirichlet(np.ones(y.shape[-1]), size=y.shape[:-1])


def classes_of_steps(y, rng):
    return rng.integers(y.shape[-1], size=y.shape[:-1])


def ignored(y, rng):
    """Classes of which about a third, of all shapes, are to be left out; sometimes all."""
    t = classes_of_steps(y, rng)
    return np.where(rng.random(t.shape) < rng.choice([0.3, 1.0], p=[0.9, 0.1]), -100, t)


def weighted(weights=(0.5, 2.0, 0.0), **options):
    return lambda: CrossEntropyLoss(weight=weights, **options)


def shares(y, rng):
    return rng.choice([0.0, 0.3, 1.0], size=y.shape)


class Excluding:
    """A loss that takes what has the logit −∞ for the first class, which no target has."""

    def forward(self, y, t):
        y = y.copy()
        y[:, 0] = -np.inf
        return super().forward(y, t)


class ExcludingCrossEntropy(Excluding, CrossEntropyLoss):
    pass


class ExcludingKLDiv(Excluding, KLDivLoss):
    pass


def other_classes(y, rng):
    return rng.integers(1, y.shape[1], size=len(y))


def other_rows(y, rng):
    return np.pad(rows(y[:, 1:], rng), ((0, 0), (1, 0)))


LOSSES = {
    "BCELoss": LossRow(BCELoss, probabilities, shares),
    "BCEWithLogitsLoss": LossRow(BCEWithLogitsLoss, target=shares),
    "CrossEntropyLoss of classes": LossRow(CrossEntropyLoss, logits, classes),
    "CrossEntropyLoss of rows": LossRow(CrossEntropyLoss, logits, rows),
    "CrossEntropyLoss smoothed": LossRow(lambda: CrossEntropyLoss(0.2), logits, classes),
    "CrossEntropyLoss of rows, smoothed": LossRow(lambda: CrossEntropyLoss(0.2), logits, rows),
    "CrossEntropyLoss of sequences": LossRow(CrossEntropyLoss, batches(2, 3), classes_of_steps),
    "CrossEntropyLoss of sequences of rows": LossRow(CrossEntropyLoss, batches(2, 3), rows),
    "CrossEntropyLoss that ignores": LossRow(
        lambda: CrossEntropyLoss(0.1, ignore_index=-100), batches(2, 3), ignored
    ),
    "CrossEntropyLoss with weights": LossRow(weighted(), batches(3), classes),
    "CrossEntropyLoss with weights of rows": LossRow(weighted(), batches(3), rows),
    "CrossEntropyLoss with everything": LossRow(
        weighted(label_smoothing=0.2, ignore_index=-100), batches(2, 3), ignored
    ),
    "CrossEntropyLoss without a class": LossRow(ExcludingCrossEntropy, logits, other_classes),
    "HuberLoss": LossRow(HuberLoss),
    "HuberLoss narrow": LossRow(lambda: HuberLoss(0.1)),
    "KLDivLoss": LossRow(KLDivLoss, log_probabilities, rows),
    "KLDivLoss without a class": LossRow(ExcludingKLDiv, log_probabilities, other_rows),
    "L1Loss": LossRow(L1Loss),
    "MSELoss": LossRow(MSELoss),
}


def momentum(p, g, state):
    state["v"] = 0.9 * state.get("v", 0) + g
    return p - 0.1 * state["v"]


def nesterov(p, g, state):
    g = g + 0.1 * p
    state["v"] = 0.9 * state.get("v", 0) + g
    return p - 0.1 * (g + 0.9 * state["v"])


def clipped(p, g, state):
    g = np.clip(g, -2, 2)
    return p - 0.1 * g * min(1, 3 / max(np.linalg.norm(g), 1e-300))


def adagrad(p, g, state):
    g = g + 0.1 * p
    state["s"] = state.get("s", 0) + g**2
    return p - 0.1 * g / (np.sqrt(state["s"]) + 1e-10)


def rmsprop(p, g, state):
    state["s"] = 0.99 * state.get("s", 0) + 0.01 * g**2
    state["v"] = 0.9 * state.get("v", 0) + g / (np.sqrt(state["s"]) + 1e-8)
    return p - 0.1 * state["v"]


def adam(p, g, state):
    t = state["t"] = state.get("t", 0) + 1
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    state["v"] = 0.999 * state.get("v", 0) + 0.001 * g**2
    m, v = state["m"] / (1 - 0.9**t), state["v"] / (1 - 0.999**t)
    return p - 0.1 * m / (np.sqrt(v) + 1e-8)


OPTIMIZERS = {
    "Adagrad": OptimizerRow(lambda net: Adagrad(net, lr=0.1, weight_decay=0.1), adagrad),
    "Adam": OptimizerRow(lambda net: Adam(net, lr=0.1), adam),
    "Adam with decay": OptimizerRow(
        lambda net: Adam(net, lr=0.1, weight_decay=0.2),
        lambda p, g, state: adam(p, g + 0.2 * p, state),
    ),
    "AdamW": OptimizerRow(
        lambda net: AdamW(net, lr=0.1, weight_decay=0.2),
        lambda p, g, state: adam(0.98 * p, g, state),
    ),
    "RMSprop": OptimizerRow(lambda net: RMSprop(net, lr=0.1, momentum=0.9), rmsprop),
    "SGD": OptimizerRow(lambda net: SGD(net, lr=0.1), lambda p, g, state: p - 0.1 * g),
    "SGD clipped": OptimizerRow(lambda net: SGD(net, lr=0.1, clip_value=2, clip_norm=3), clipped),
    "SGD with momentum": OptimizerRow(lambda net: SGD(net, lr=0.1, momentum=0.9), momentum),
    "SGD with everything": OptimizerRow(
        lambda net: SGD(net, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1), nesterov
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name):
    row = LAYERS[name]

    @given(row.x)
    def property_(x):
        check_layer(row.make(x.shape[1:]), x, skip=row.skip)

    property_()


@pytest.mark.parametrize("name", [name for name in LAYERS if name != "Identity"])
def test_backward_before_forward_is_an_error_also_after_predict(name):
    row = LAYERS[name]

    @settings(max_examples=1)
    @given(row.x)
    def property_(x):
        layer = row.make(x.shape[1:])
        y = layer.predict(x)
        with pytest.raises(BackwardBeforeForwardError):
            layer.backward(y)

    property_()


@pytest.mark.parametrize("name", [name for name in LAYERS if name != "Identity"])
def test_a_gradient_of_another_shape_is_never_broadcast(name):
    row = LAYERS[name]

    @given(row.x, st.data())
    def property_(x, data):
        layer = row.make(x.shape[1:])
        shape = layer.forward(x).shape
        others = [shape[1:], (), (1,) * len(shape), (1, *shape[1:]), (*shape[:-1], 1), (9, *shape)]
        other = data.draw(st.sampled_from([other for other in others if other != shape]))
        layer.grads[...] = 7
        with pytest.raises(ValueError, match=f"got dy .*{re.escape(str(shape))}"):
            layer.backward(np.ones(other))
        assert (layer.grads == 7).all()

    property_()


@pytest.mark.parametrize("name", LOSSES)
def test_loss(name):
    row = LOSSES[name]

    @given(row.y, st.integers(0, 2**16))
    def property_(y, seed):
        check_loss(row.make(), y, row.target(y, np.random.default_rng(seed)))

    property_()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer(name):
    check_optimizer(OPTIMIZERS[name].make, OPTIMIZERS[name].reference)


@pytest.mark.parametrize(
    ("base", "table"), [(Layer, LAYERS), (Loss, LOSSES), (Optimizer, OPTIMIZERS)]
)
def test_table_holds_everything_exported(base, table):
    exported = {name: getattr(tinynet, name) for name in tinynet.__all__}
    classes = {
        name
        for name, value in exported.items()
        if isinstance(value, type) and issubclass(value, base) and value is not base
    }
    listed = {name.split(" ")[0] for name in table}
    assert not classes - listed, "exported, but without a row in the table above"
