"""Compiled steps are those of the NumPy path, to rounding."""

import copy
import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinynet import (
    ELU,
    GELU,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    BatchNorm,
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    Dense,
    DivergenceError,
    Dropout,
    Flatten,
    Frozen,
    HuberLoss,
    Identity,
    KLDivLoss,
    L1Loss,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    Mish,
    MSELoss,
    Optimizer,
    PReLU,
    ReLU,
    Reshape,
    Residual,
    RMSprop,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Standardize,
    Tanh,
    fit,
    train,
)
from tinynet.training import compiled
from tinynet.training.compiled import engine
from tinynet.training.compiled.loops.exponential import exponentials
from tinynet.training.compiled.preparation import kernels

ACTIVATIONS = [
    *(Sigmoid(), Tanh(), ReLU(), LeakyReLU(0.3), LeakyReLU(-1), ELU(), ELU(2.5), SiLU()),
    *(GELU(), GELU("tanh"), Mish(), PReLU(init=-0.4)),
    *(Softplus(), Softmax(), LogSoftmax(), Identity(), Flatten()),
]
LOSSES = [
    *(MSELoss(), L1Loss(), HuberLoss(0.3), BCEWithLogitsLoss()),
    *(BCELoss(), KLDivLoss(), CrossEntropyLoss()),
    *(CrossEntropyLoss(0.2), CrossEntropyLoss(ignore_index=1)),
]
LAST = {BCELoss: Sigmoid(), KLDivLoss: LogSoftmax()}  # what the outputs must be


class Own(Optimizer):
    def update(self, params, grads, rate):
        params -= rate * np.sign(grads) * 0.01


def momentum_set_later(net):
    optimizer = SGD(net, lr=0.05)
    optimizer.momentum = 0.9
    return optimizer


OPTIMIZERS = {
    "plain": lambda net: SGD(net, lr=0.1),
    "schedule": lambda net: SGD(net, lr=lambda step: 0.2 / (1 + step)),
    "momentum": lambda net: SGD(net, lr=0.05, momentum=0.9, nesterov=True),
    "clipped": lambda net: SGD(net, lr=0.1, clip_norm=0.5, weight_decay=0.1),
    "adam": lambda net: Adam(net, lr=0.01),
    "adamw": lambda net: AdamW(net, lr=0.01),
    "adam with all": lambda net: Adam(
        net, lr=0.01, weight_decay=0.1, clip_value=0.01, clip_norm=0.02
    ),
    "rmsprop": lambda net: RMSprop(net, lr=0.01),
    "rmsprop with momentum": lambda net: RMSprop(net, lr=0.01, momentum=0.9, weight_decay=0.1),
    "adagrad": lambda net: Adagrad(net, lr=0.1),
    "rates": lambda net: SGD(net, lr=0.1, rates=np.linspace(0, 2, net.params.size)),
    "rates of adamw": lambda net: AdamW(
        net,
        lr=0.01,
        rates=np.linspace(0, 2, net.params.size),
        weight_decay=np.linspace(0, 0.5, net.params.size),
    ),
    "of one's own": lambda net: Own(net, lr=0.1),
    "momentum set later": momentum_set_later,
}


@pytest.fixture(autouse=True)
def ignore_the_warning_of_a_second_softmax():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the network ends in")
        yield


def network(widths, activations, rng=0, dtype=float, bias=True, loss=None):
    rng, layers = np.random.default_rng(rng), []
    for number, activation in enumerate(activations):
        layers.append(Dense(widths[number], widths[number + 1], bias=bias, rng=rng))
        layers.append(copy.deepcopy(activation))
    layers.append(copy.deepcopy(LAST.get(type(loss), Identity())))
    half = len(layers) // 2
    inner = [Sequential(*layers[:half])] if half else []
    return Sequential(*inner, *layers[half:], dtype=dtype)


def data(examples, inputs, outputs, loss, dtype=float, rng=0):
    rng = np.random.default_rng(rng)
    x = rng.normal(size=(examples, inputs)).astype(dtype)
    if isinstance(loss, CrossEntropyLoss):
        t = rng.integers(0, outputs, examples)
        t[:2] = 0, 1  # not all of them are ignored
        return x, t
    if isinstance(loss, KLDivLoss):
        return x, rng.dirichlet(np.ones(outputs), examples).astype(dtype)
    return x, rng.uniform(size=(examples, outputs)).astype(dtype)


def both(net, loss, optimizer, x, t, **options):
    """The results of both engines, from the same start."""
    results = []
    for name in ("numpy", "compiled"):
        own = copy.deepcopy(net)
        steps = optimizer(own)
        training = train(own, loss, steps, x, t, rng=0, engine=name, blocked=False, **options)
        losses = [epoch.loss for epoch in training]
        state = [array.copy() for _, array in steps.named_state()]
        results.append((own.params, own.grads, losses, steps.steps, *state))
    return results


@settings(max_examples=60)
@given(st.data())
def test_all_networks_losses_and_optimizers_take_the_same_steps(draw):
    depth = draw.draw(st.integers(1, 4))
    widths = draw.draw(st.lists(st.integers(1, 6), min_size=depth + 1, max_size=depth + 1))
    widths[-1] += 1
    activations = [draw.draw(st.sampled_from(ACTIVATIONS)) for _ in range(depth)]
    loss = draw.draw(st.sampled_from(LOSSES))
    name = draw.draw(st.sampled_from(sorted(OPTIMIZERS)))
    net = network(widths, activations, bias=draw.draw(st.booleans()), loss=loss)
    x, t = data(draw.draw(st.integers(2, 40)), widths[0], widths[-1], loss)
    options = {"epochs": 2, "batch_size": draw.draw(st.sampled_from([1, 2, 3, 16, 19]))}
    theirs, ours = both(net, loss, OPTIMIZERS[name], x, t, **options)
    for a, b in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
def test_float32_stays_float32(activation, loss):
    net = network((5, 6, 3), [activation, Identity()], dtype=np.float32, loss=loss)
    x, t = data(50, 5, 3, loss, np.float32)
    theirs, ours = both(net, loss, OPTIMIZERS["plain"], x, t, epochs=2, batch_size=4)
    assert ours[0].dtype == np.float32
    for a, b in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-3, atol=2e-5)


def around(layer):
    """Layers that hold others, in one network."""
    rng = np.random.default_rng(0)
    net = Sequential(
        Residual(Sequential(Dense(5, 5, bias=False, rng=rng), copy.deepcopy(layer))),
        Residual(Identity()),
        PReLU(5),
        Frozen(Sequential(Dense(5, 6, rng=rng), BatchNorm(6), PReLU(6), LayerNorm(6))),
        Residual(Residual(Sequential(Tanh(), Frozen(Dense(6, 6, bias=False, rng=rng))))),
        Frozen(Residual(Dense(6, 6, rng=rng))),
        Residual(BatchNorm(6, eps=0.1)),
        Dense(6, 3, rng=rng),
    )
    batch_norm = net[3].inner[1]
    batch_norm.running_mean[...] = rng.normal(size=6)
    batch_norm.running_var[...] = rng.uniform(0.5, 2, 6)
    for _, view in net[3].named_buffers():
        view += rng.normal(size=view.shape) * 0.1
    net.params += rng.normal(size=net.params.size) * 0.1
    return net


@pytest.mark.parametrize("name", ["plain", "clipped", "adam", "of one's own"])
@pytest.mark.parametrize("layer", [Sigmoid(), PReLU(5), BatchNorm(5, eps=0.1)], ids=repr)
@pytest.mark.parametrize("batch_size", [2, 5, 19])
def test_layers_around_others(layer, name, batch_size):
    net = around(layer)
    x, t = data(60, 5, 3, MSELoss())
    frozen = [copy.deepcopy(array) for _, array in net[3].named_buffers()]
    theirs, ours = both(net, MSELoss(), OPTIMIZERS[name], x, t, epochs=3, batch_size=batch_size)
    for a, b in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-7, atol=1e-9)
    for before, (_, array) in zip(frozen, net[3].named_buffers(), strict=True):
        np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("batch_size", [1, 4, 19])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_standardized_inputs_and_features(batch_size, dtype):
    x, t = data(60, 5, 3, MSELoss(), dtype)
    net = Sequential(
        Standardize.from_data(x),
        Dense(5, 4, rng=0),
        Standardize([0.5, 1.0, -2.0, 0.0], [2.0, 0.5, 1.0, 3.0]),
        Tanh(),
        Frozen(Standardize([0.1] * 4, [0.7] * 4)),
        Dense(4, 3, rng=1),
        dtype=dtype,
    )
    theirs, ours = both(net, MSELoss(), OPTIMIZERS["plain"], x, t, epochs=3, batch_size=batch_size)
    close = {"rtol": 1e-7, "atol": 1e-9} if dtype == np.float64 else {"rtol": 2e-3, "atol": 2e-5}
    for a, b in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(b, a, **close)


@pytest.mark.parametrize("batch_size", [1, 4, 16])
@pytest.mark.parametrize(
    "loss",
    [
        CrossEntropyLoss(weight=[0.5, 2, 3]),
        CrossEntropyLoss(0.2, weight=[0, 1, 3]),
        CrossEntropyLoss(0.3, weight=[0.5, 2, 3], ignore_index=2),
        CrossEntropyLoss(0.3, ignore_index=-100),
    ],
    ids=repr,
)
def test_weights_of_classes_and_examples_that_do_not_count(loss, batch_size):
    net = network((5, 6, 3), [Tanh(), Identity()])
    x, t = data(60, 5, 3, loss)
    if loss.ignore_index == -100:
        t[3:8] = -100  # with batches of one or four, a whole one of them
    theirs, ours = both(net, loss, OPTIMIZERS["plain"], x, t, epochs=3, batch_size=batch_size)
    for a, b in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    "loss", [CrossEntropyLoss(), CrossEntropyLoss(0.2, weight=[0.5, 0, 3])], ids=repr
)
def test_rows_of_probabilities(loss):
    net = network((5, 6, 3), [Tanh(), Identity()])
    x, t = data(60, 5, 3, KLDivLoss())
    t[:5] = np.eye(3)[[0, 1, 2, 0, 1]]
    theirs, ours = both(net, loss, OPTIMIZERS["plain"], x, t, epochs=3, batch_size=4)
    for a, b in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("loss", "text"), [(BCELoss(), "y from 0 to 1"), (KLDivLoss(), "log-probabilities")]
)
def test_outputs_that_a_loss_refuses_are_an_error_at_the_same_step(loss, text):
    results = []
    for name in ("numpy", "compiled"):
        net = Sequential(Dense(3, 2, rng=0))
        net[0].W[...] = 0
        net[0].b[...] = 0.5 if isinstance(loss, BCELoss) else -0.7
        x, t = data(60, 3, 2, loss)
        x[20] = 1e6
        optimizer = SGD(net, lr=0.01)
        training = train(
            net, loss, optimizer, x, t, epochs=1, batch_size=4, shuffle=False, engine=name
        )
        with pytest.raises(ValueError, match=text) as info:
            list(training)
        results.append((str(info.value)[:30], optimizer.steps, net.params.copy()))
    assert results[0][:2] == results[1][:2]
    np.testing.assert_allclose(results[1][2], results[0][2], rtol=1e-9)


@pytest.mark.parametrize("outputs", [3, 200])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_wide_first_layer_that_is_frozen_is_not_updated_in_blocks(batch_size, outputs):
    rng = np.random.default_rng(0)
    net = Sequential(Frozen(Dense(100, 100, rng=rng)), Tanh(), Dense(100, outputs, rng=rng))
    x, t = data(90, 100, outputs, MSELoss())
    theirs, ours = both(net, MSELoss(), OPTIMIZERS["plain"], x, t, epochs=2, batch_size=batch_size)
    for a, b in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_dropouts_with_generators_of_their_own_draw_the_same(batch_size):
    shared, ends = 7, []
    for which in ("numpy", "compiled"):
        rng = np.random.default_rng(shared)
        net = Sequential(
            Dropout(0.2, rng=rng),
            Dense(6, 8, rng=0),
            Dropout(0.4, rng=1),
            Tanh(),
            Dropout(0.1, rng=rng),
            Dense(8, 3, rng=2),
            Dropout(0.3, rng=3),
        )
        x, t = data(90, 6, 3, MSELoss())
        optimizer = SGD(net, lr=lambda step: 1e200 if step > 70 // batch_size else 0.01)
        training = train(
            net, MSELoss(), optimizer, x, t, epochs=3, batch_size=batch_size, rng=0, engine=which
        )
        with pytest.raises(DivergenceError) as info:
            list(training)
        states = [net[n].rng.bit_generator.state for n in (0, 2, 4, 6)]
        ends.append((str(info.value), states))
    assert ends[0] == ends[1]


def test_a_method_that_was_replaced_in_the_optimizer_counts():
    x, t = data(40, 3, 2, MSELoss())
    for which in ("numpy", "compiled"):
        net = network((3, 4, 2), [Tanh(), Identity()])
        before, optimizer = net.params.copy(), SGD(net, lr=0.1)
        optimizer.update = lambda params, grads, rate: None
        list(train(net, MSELoss(), optimizer, x, t, epochs=2, engine=which))
        np.testing.assert_array_equal(net.params, before)


def test_targets_in_another_order_in_memory_are_no_other_type():
    net = network((3, 4, 2), [Tanh(), Identity()])
    x, t = data(40, 3, 2, MSELoss())
    options = {"epochs": 2, "engine": "compiled", "shuffle": False}
    list(train(net, MSELoss(), SGD(net, lr=0.1), x, t, **options))
    before = len(kernels().take_steps.signatures)
    list(
        train(
            net, MSELoss(), SGD(net, lr=0.1), np.asfortranarray(x), np.asfortranarray(t), **options
        )
    )
    assert len(kernels().take_steps.signatures) == before


def test_without_a_compiler_the_numpy_path_is_taken():
    code = (
        "import numpy as np, tinynet as tn\n"
        "from tinynet.training.compiled import engine\n"
        "engine.LOADING = engine.COMPILING = 0\n"
        "net = tn.Dense(2, 1, rng=0)\n"
        "x, t = np.ones((9, 2)), np.ones((9, 1))\n"
        "print(len([*tn.train(net, tn.MSELoss(), tn.SGD(net, lr=0.1), x, t, epochs=2)]))"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.stdout == "2\n", done.stderr


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exponentials_are_right_to_the_last_digit(dtype):
    limits = np.finfo(dtype)
    last = float(np.log(limits.max))
    x = np.linspace(-last, last, 200_001).astype(dtype).reshape(3, -1)
    y = np.empty_like(x)
    exponentials(dtype(1), x, y)
    exact = np.exp(x.astype(np.longdouble))
    normal = (exact > 4 * limits.tiny) & (exact < limits.max)
    assert normal.mean() > 0.98
    assert (np.abs(y[normal] / exact[normal] - 1) < limits.eps).all()
    special = np.array([[np.nan, np.inf, -np.inf, 1e30, -1e30, 0, last + 1, -last - 1]], dtype)
    y = np.empty_like(special)
    exponentials(dtype(-1), special, y)
    np.testing.assert_array_equal(y, [[np.nan, 0, np.inf, 0, np.inf, 1, 0, np.inf]])


def test_one_function_is_compiled_for_each_float_type():
    assert len(kernels().take_steps.signatures) <= 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_mean_that_fades_away_becomes_zero(dtype):
    """A subnormal number would take a hundred times longer in every step."""
    net = Sequential(Dense(3, 4, rng=0), ReLU(), Dense(4, 2, rng=1), dtype=dtype)
    net[0].b[...] = -100  # so that no gradient reaches the first layer
    x, t = data(9000, 3, 2, MSELoss(), dtype)
    optimizer = SGD(net, lr=0.001, momentum=0.9)
    net.grads[...] = 1e-3
    optimizer.step()
    optimizer.velocity[...] = 1
    list(train(net, MSELoss(), optimizer, x, t, epochs=1, engine="compiled"))
    assert not optimizer.velocity[:16].any()
    assert optimizer.velocity[16:].any()


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("size", [1.0, 1e3])
def test_large_inputs_give_the_same_numbers(activation, size):
    net = network((3, 4, 2), [activation, Tanh()])
    x, t = data(20, 3, 2, MSELoss())
    theirs, ours = both(net, MSELoss(), OPTIMIZERS["plain"], x * size, t, epochs=1, batch_size=2)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch_size", [1, 3, 16, 40])
def test_a_wide_first_layer_is_updated_in_blocks(batch_size, bias):
    net = network((120, 90, 4), [Tanh(), Sigmoid()], bias=bias)
    x, t = data(203, 120, 4, MSELoss())
    options = {"epochs": 2, "batch_size": batch_size}
    theirs, ours = both(net, MSELoss(), OPTIMIZERS["schedule"], x, t, **options)
    for a, b in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_are_those_of_the_optimizer(name):
    net = network((5, 6, 3), [Tanh(), Identity()])
    x, t = data(60, 5, 3, MSELoss())
    theirs, ours = both(net, MSELoss(), OPTIMIZERS[name], x, t, epochs=40, batch_size=4)
    for a, b in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-7, atol=1e-9)


def test_images_are_rows_of_pixels():
    rng = np.random.default_rng(0)
    net = Sequential(
        Reshape((2, 6)), Flatten(), Dense(12, 4, rng=rng), ReLU(), Dense(4, 2, rng=rng)
    )
    x, t = rng.normal(size=(30, 3, 4)), rng.normal(size=(30, 2))
    theirs, ours = both(net, MSELoss(), OPTIMIZERS["adam"], x, t, epochs=2, batch_size=3)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-9)


@pytest.mark.parametrize("name", ["plain", "adam"])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_divergence_is_reported_at_the_same_step_with_the_same_state(name, batch_size):
    results = []
    for which in ("numpy", "compiled"):
        net = network((3, 4, 2), [ReLU(), Identity()])
        optimizer = OPTIMIZERS[name](net)
        optimizer.lr = 1e3 if name == "plain" else 1e160
        x, t = data(60, 3, 2, MSELoss())
        options = {"epochs": 50, "batch_size": batch_size, "rng": 0, "blocked": False}
        training = train(net, MSELoss(), optimizer, x, t, engine=which, **options)
        with pytest.raises(DivergenceError, match=r"the loss became (nan|inf) in epoch") as info:
            list(training)
        results.append((str(info.value), optimizer.steps, np.isfinite(net.params)))
    (text, steps, finite), (our_text, our_steps, our_finite) = results
    assert our_text == text
    assert our_steps == steps
    np.testing.assert_array_equal(our_finite, finite)


def test_an_interrupt_leaves_the_network_between_two_steps():
    net = network((3, 4, 2), [Tanh(), Identity()])
    start, (x, t) = copy.deepcopy(net), data(5000, 3, 2, MSELoss())

    def lr(step):
        if step == 2000:
            signal.raise_signal(signal.SIGINT)
        return 0.01

    optimizer = SGD(net, lr=lr)
    training = train(net, MSELoss(), optimizer, x, t, epochs=1, shuffle=False, engine="compiled")
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            list(training)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert 1024 <= optimizer.steps < 5000
    rows, again = slice(optimizer.steps), SGD(start, lr=0.01)
    list(train(start, MSELoss(), again, x[rows], t[rows], epochs=1, shuffle=False, engine="numpy"))
    np.testing.assert_allclose(net.params, start.params, rtol=1e-9)


def test_auto_takes_compiled_steps_where_it_pays(monkeypatch):
    used = []
    descend = engine.descend
    monkeypatch.setattr(compiled, "descend", lambda *a: used.append(1) or descend(*a))
    monkeypatch.setattr(engine, "LOADING", 100 * 4 * engine.SAVED)
    monkeypatch.setattr(engine, "COMPILING", 100 * 4 * engine.SAVED)
    x, t = data(60, 3, 2, MSELoss())
    for epochs, optimizer, expected in [
        (2, OPTIMIZERS["plain"], 2),
        (1, OPTIMIZERS["plain"], 0),
        (2, OPTIMIZERS["adam"], 2),
    ]:
        used.clear()
        net = Sequential(Dense(3, 4, rng=0), Tanh(), Dense(4, 2, rng=0), Tanh())
        fit(net, MSELoss(), optimizer(net), x, t, epochs=epochs, progress="off")
        assert len(used) == expected


def test_numba_is_not_imported_before_it_is_needed():
    code = (
        "import sys, numpy as np, tinynet as tn\n"
        "net = tn.Dense(2, 1, rng=0)\n"
        "x, t = np.ones((9, 2)), np.ones((9, 1))\n"
        "list(tn.train(net, tn.MSELoss(), tn.SGD(net, lr=0.1), x, t, epochs=2))\n"
        "print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_learning_rate_that_fails_does_so_at_its_step():
    results = []
    for name in ("numpy", "compiled"):

        def lr(step):
            if step == 1500:
                raise RuntimeError("no more")
            return 0.01

        net = network((3, 4, 2), [Tanh(), Identity()])
        optimizer, (x, t) = SGD(net, lr=lr), data(2000, 3, 2, MSELoss())
        training = train(net, MSELoss(), optimizer, x, t, epochs=1, engine=name, shuffle=False)
        with pytest.raises(RuntimeError, match="no more"):
            list(training)
        results.append((optimizer.steps, net.params))
    assert results[0][0] == results[1][0] == 1500
    np.testing.assert_allclose(results[1][1], results[0][1], rtol=1e-9)


def noisy(rng=0):
    """No parameter of it has a gradient that is 0 but for rounding, as a bias before BatchNorm."""
    rng = np.random.default_rng(rng)
    return Sequential(
        Dropout(0.2, rng=rng),
        Dense(6, 8, bias=False, rng=rng),
        BatchNorm(8, momentum=0.3, eps=0.1),
        Tanh(),
        Sequential(Dropout(0.4, rng=rng), Dense(8, 5, rng=rng), LayerNorm(5, eps=0.1)),
        SiLU(),
        Dense(5, 3, rng=rng),
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [2, 7, 16])
def test_dropout_draws_and_normalization_remembers_the_same(name, batch_size):
    x, t = data(90, 6, 3, CrossEntropyLoss())
    ends = []
    for which in ("numpy", "compiled"):
        net = noisy()
        net.params[...] += np.random.default_rng(1).normal(size=net.params.size) * 0.1
        optimizer = OPTIMIZERS[name](net)
        options = {"epochs": 3, "batch_size": batch_size, "rng": 0, "engine": which}
        losses = [e.loss for e in train(net, CrossEntropyLoss(), optimizer, x, t, **options)]
        buffers = [buffer.copy() for _, buffer in net.named_buffers()]
        ends.append((losses, net.params, *buffers, net[0].rng.bit_generator.state))
    assert ends[0][-1] == ends[1][-1]
    for a, b in zip(ends[0][:-1], ends[1][:-1], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-7, atol=1e-9)


def test_an_update_that_fails_leaves_what_a_plain_step_leaves():
    class Failing(Own):
        def update(self, params, grads, rate):
            super().update(params, grads, rate)
            if self.steps == 17:
                raise RuntimeError("no more")

    x, t = data(90, 6, 3, MSELoss())
    ends = []
    for which in ("numpy", "compiled"):
        net = noisy()
        optimizer = Failing(net, lr=0.1)
        training = train(
            net, MSELoss(), optimizer, x, t, epochs=3, batch_size=3, rng=0, engine=which
        )
        with pytest.raises(RuntimeError, match="no more"):
            list(training)
        buffers = [buffer.copy() for _, buffer in net.named_buffers()]
        ends.append((optimizer.steps, net[0].rng.bit_generator.state, net.params, *buffers))
    assert ends[0][:2] == ends[1][:2]
    for a, b in zip(ends[0][2:], ends[1][2:], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-7)


@pytest.mark.parametrize("optimizer", ["plain", "schedule", "momentum", "adam", "rmsprop"])
def test_a_resumed_run_ends_with_the_same_bytes(optimizer, tmp_path):
    ends = []
    for stops in ((5,), (2, 5)):
        folder = tmp_path / f"{len(stops)}.npz"
        for epochs in stops:
            net = noisy()
            x, t = data(90, 6, 3, CrossEntropyLoss())
            options = {"epochs": epochs, "batch_size": 4, "rng": 0, "progress": "off"}
            fit(
                net, CrossEntropyLoss(), OPTIMIZERS[optimizer](net), x, t,
                checkpoint=folder, resume=epochs == 5 and len(stops) > 1, engine="compiled",
                **options,
            )  # fmt: skip
        ends.append((net.params.tobytes(), net[0].rng.bit_generator.state))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("name", ["plain", "momentum", "adam"])
def test_where_it_diverges_nothing_is_drawn_twice(name):
    x, t = data(90, 6, 3, MSELoss())
    ends = []
    for which in ("numpy", "compiled"):
        net = noisy()
        optimizer = OPTIMIZERS[name](net)
        optimizer.lr = lambda step: 1e200 if step > 20 else 0.01
        training = train(
            net, MSELoss(), optimizer, x, t, epochs=3, batch_size=3, rng=0, engine=which
        )
        with pytest.raises(DivergenceError) as own:
            list(training)
        buffers = [buffer.copy() for _, buffer in net.named_buffers()]
        ends.append((str(own.value), optimizer.steps, net[0].rng.bit_generator.state, buffers))
    assert ends[0][:3] == ends[1][:3]
    for a, b in zip(ends[0][3], ends[1][3], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-7)
