"""What is changed after construction is compared: by checkpoints, save and load_parameters."""

import copy
import functools
import pickle
import random
import threading

import numpy as np
import pytest
from layers import Run

from tinynet import (
    ELU,
    SGD,
    Adam,
    AdamW,
    BatchNorm,
    CrossEntropyLoss,
    Dense,
    Dropout,
    HuberLoss,
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    LoadError,
    MSELoss,
    Optimizer,
    ReLU,
    Residual,
    RMSprop,
    Sequential,
    Sigmoid,
    Tanh,
    fit,
    load,
    load_parameters,
    save,
)
from tinynet.persistence.settings import settings
from tinynet.training.random_states import (
    as_json,
    check_states,
    find_generators,
    get_states,
    set_states,
)

X, T = np.random.default_rng(0).normal(size=(12, 3)), np.eye(2)[np.arange(12) % 2]


def dense(*middle):
    rng = np.random.default_rng(0)
    return Sequential(Dense(3, 4, rng=rng), *middle, Dense(4, 2, rng=rng))


def run(path, middle=Sigmoid, loss=MSELoss, optimizer=lambda net: SGD(net, lr=0.1), **options):
    net = dense(middle())
    options = {"epochs": 2, "batch_size": 4, "progress": "off", "rng": 0, **options}
    return fit(net, loss(), optimizer(net), X, T, checkpoint=path, **options)


def changed(make, **attributes):
    thing = make()
    for name, value in attributes.items():
        setattr(thing, name, value)
    return thing


P = functools.partial
OTHERS = {
    "another activation": (
        Sigmoid,
        {"middle": ReLU},
        "network: 1 is 'tinynet.Sigmoid' in the file",
    ),
    "another rate": (P(Dropout, 0.5, rng=1), {"middle": P(Dropout, 0.2, rng=1)}, "1.rate is 0.5"),
    "another slope": (
        LeakyReLU,
        {"middle": P(LeakyReLU, negative_slope=0.3)},
        "1.negative_slope is",
    ),
    "another alpha": (ELU, {"middle": P(ELU, alpha=0.3)}, "1.alpha is 1.0 in the file, 0.3"),
    "another eps": (P(BatchNorm, 4), {"middle": P(BatchNorm, 4, eps=0.1)}, "1.eps is 1e-05"),
    "another momentum": (P(BatchNorm, 4), {"middle": P(BatchNorm, 4, momentum=0.2)}, "1.momentum"),
    "eps by hand": (
        P(LayerNorm, 4),
        {"middle": P(changed, P(LayerNorm, 4), eps=16.0)},
        "1.eps is 1e-05 in the file, 16.0 here",
    ),
    "a part": (lambda: Residual(Tanh()), {"middle": lambda: Residual(Sigmoid())}, "1.inner is"),
}


@pytest.mark.parametrize(("before", "after", "message"), OTHERS.values(), ids=OTHERS)
def test_a_run_does_not_go_on_with_another_network(before, after, message, tmp_path):
    run(tmp_path / "run.npz", before)
    content = (tmp_path / "run.npz").read_bytes()
    with pytest.raises(LoadError) as caught:
        run(tmp_path / "run.npz", **after, resume=True, epochs=3)
    assert message in str(caught.value)
    assert (tmp_path / "run.npz").read_bytes() == content
    run(tmp_path / "run.npz", before, resume=True, epochs=3)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (HuberLoss, P(HuberLoss, delta=2.0), "loss: delta is 1.0 in the file, 2.0 here"),
        (
            CrossEntropyLoss,
            P(CrossEntropyLoss, label_smoothing=0.1),
            "loss: label_smoothing is 0.0",
        ),
        (MSELoss, HuberLoss, "loss: class is 'tinynet.MSELoss'"),
    ],
)
def test_a_run_does_not_go_on_with_another_loss(before, after, message, tmp_path):
    run(tmp_path / "run.npz", loss=before)
    with pytest.raises(LoadError) as caught:
        run(tmp_path / "run.npz", loss=after, resume=True)
    assert message in str(caught.value)


def with_vectors(**values):
    """Plain gradient descent, with vectors of one number."""
    return lambda net: SGD(
        net, lr=0.1, **{name: np.full(net.params.size, value) for name, value in values.items()}
    )


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        (P(Adam, lr=0.1), P(Adam, lr=0.1, betas=(0.8, 0.999)), "betas[0]"),
        (P(Adam, lr=0.1), P(Adam, lr=0.1, eps=1e-4), "eps"),
        (P(AdamW, lr=0.1), P(AdamW, lr=0.1, weight_decay=0.5), "weight_decay"),
        (P(SGD, lr=0.1, momentum=0.9), P(SGD, lr=0.1, momentum=0.8), "momentum"),
        (P(SGD, lr=0.1, momentum=0.9), P(SGD, lr=0.1, momentum=0.9, nesterov=True), "nesterov"),
        (P(SGD, lr=0.1), P(SGD, lr=0.1, clip_norm=1.0), "clip_norm"),
        (P(RMSprop, lr=0.1), P(RMSprop, lr=0.1, alpha=0.5), "alpha"),
        (P(SGD, lr=0.1), with_vectors(rates=0.5), "rates"),
        (with_vectors(rates=0.5), with_vectors(rates=0.25), "rates"),
        (P(SGD, lr=0.1), with_vectors(weight_decay=0.5), "weight_decay"),
    ],
)
def test_a_run_does_not_go_on_with_another_option_of_the_optimizer(before, after, name, tmp_path):
    run(tmp_path / "run.npz", optimizer=before)
    with pytest.raises(LoadError) as caught:
        run(tmp_path / "run.npz", optimizer=after, resume=True)
    assert f"optimizer: {name} is" in str(caught.value)


def test_a_run_may_go_on_with_another_learning_rate_and_more_epochs(tmp_path):
    run(tmp_path / "run.npz")
    rates = P(SGD, lr=lambda step: 0.01)
    assert run(tmp_path / "run.npz", optimizer=rates, resume=True, epochs=5).epochs == 5


def test_all_that_differs_is_named(tmp_path):
    run(tmp_path / "run.npz", P(BatchNorm, 4), HuberLoss, P(Adam, lr=0.1))
    other = P(BatchNorm, 4, eps=0.1, momentum=0.2), P(HuberLoss, delta=3.0)
    with pytest.raises(LoadError) as caught:
        run(tmp_path / "run.npz", *other, P(Adam, lr=0.1, eps=0.1), resume=True)
    for name in ("1.eps", "1.momentum", "delta", "optimizer: eps"):
        assert f"{name} is" in str(caught.value)


def test_a_forgotten_resume_does_not_overwrite_a_checkpoint(tmp_path):
    path = tmp_path / "run.npz"
    run(path)
    content = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"run\.npz exists: pass resume=True"):
        run(path)
    assert path.read_bytes() == content


def test_a_checkpoint_of_early_stopping_is_loaded_as_its_best_network(tmp_path):
    case = Run(lr=3.0)
    history = case.fit(
        epochs=40, patience=3, validation=case.validation, checkpoint=tmp_path / "run.npz"
    )
    assert history.best_epoch < history.epochs
    assert np.array_equal(load(tmp_path / "run.npz").params, case.net.params)


class Scaled(Layer):
    """y = scale x, with settings in containers."""

    def __init__(self, scale=2.0):
        self.options = {"scale": scale, "list": [1, (2, 3)]}
        self.function = np.tanh

    def forward(self, x):
        return self.options["scale"] * x

    def backward(self, dy):
        return self.options["scale"] * dy


@pytest.mark.parametrize(
    ("layer", "change", "name"),
    [
        (BatchNorm(4), lambda layer: setattr(layer, "eps", 16.0), "1.eps is 16.0 now, and 1e-05"),
        (Dropout(0.1), lambda layer: setattr(layer, "rate", 0.9), "1.rate is 0.9 now"),
        (Scaled(), lambda layer: layer.options.update(scale=3.0), r"1.options\['scale'\] is 3.0"),
        (Scaled(), lambda layer: layer.options["list"].append(5), r"1.options\['list'\]\[2\] is 5"),
        (Scaled(), lambda layer: setattr(layer, "function", np.sinh), "1.function is"),
        (Scaled(), lambda layer: setattr(layer, "more", 1), "1.more is 1 now, and None"),
    ],
    ids=["eps", "rate", "dict", "list", "function", "new"],
)
def test_a_setting_that_was_changed_by_hand_is_not_lost_on_save(layer, change, name, tmp_path):
    net = dense(layer)
    save(net, tmp_path / "net.npz")
    content = (tmp_path / "net.npz").read_bytes()
    change(net[1])
    with pytest.raises(ValueError, match=name):
        save(net, tmp_path / "net.npz")
    assert (tmp_path / "net.npz").read_bytes() == content


def test_what_forward_keeps_is_no_setting():
    net = dense(BatchNorm(4), Sigmoid(), Dropout(0.3, rng=0))
    before = settings(net)
    net.forward(X)
    net.backward(np.ones((12, 2)))
    assert settings(net) == before


def test_parameters_of_other_layers_are_not_loaded(tmp_path):
    save(dense(Sigmoid()), tmp_path / "net.npz")
    with pytest.raises(LoadError, match="layer 1 is Sigmoid and must be ReLU"):
        load_parameters(dense(ReLU()), tmp_path / "net.npz")


def test_parameters_of_layers_with_other_options_come_with_a_warning(tmp_path):
    save(dense(LayerNorm(4, eps=0.1)), tmp_path / "net.npz")
    with pytest.warns(
        UserWarning, match=r"layer 1 is LayerNorm\(4, eps=0.1\) in the file and LayerNorm\(4\) here"
    ):
        load_parameters(dense(LayerNorm(4)), tmp_path / "net.npz")


def test_all_missing_classes_are_named_at_once(tmp_path):
    class First(Identity):
        pass

    class Second(Identity):
        pass

    save(Sequential(First(), Sequential(Second()), Dense(2, 2)), tmp_path / "net.npz")
    with pytest.raises(LoadError, match=r"layers=\{'First': First, 'Second': Second\}"):
        load(tmp_path / "net.npz")


# Random states


class Noise(Layer):
    """Adds noise from generators of any kind, wherever they are kept."""

    def __init__(self, make, hold):
        self.source = hold(make())
        self.draw = None

    def forward(self, x):
        generator = self.source
        while isinstance(generator, dict | list):
            generator = generator["rng"] if isinstance(generator, dict) else generator[0]
        uniform = getattr(generator, "uniform", None)
        return x + 0.1 * uniform(0, 1)

    def backward(self, dy):
        return dy


KINDS = {
    "RandomState": lambda: np.random.RandomState(3),
    "Random": lambda: random.Random(3),
    **{
        kind: lambda kind=kind: np.random.Generator(getattr(np.random, kind)(3))
        for kind in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")
    },
}


@pytest.mark.parametrize("hold", [lambda g: g, lambda g: {"rng": [g]}], ids=["itself", "inside"])
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_any_random_generator_of_a_layer_goes_on_where_it_was(make, hold, tmp_path):
    whole = run(None, lambda: Noise(make, hold), epochs=4)
    run(tmp_path / "run.npz", lambda: Noise(make, hold), epochs=2)
    again = run(tmp_path / "run.npz", lambda: Noise(make, hold), epochs=4, resume=True)
    np.testing.assert_array_equal(again["loss"], whole["loss"])


def states_of(kind):
    layer = Noise(KINDS[kind], lambda g: g)
    generators = find_generators(layer, MSELoss(), object(), np.random.default_rng(0))
    return generators, as_json(get_states(generators))


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_that_was_kept_gives_the_same_numbers_again_and_again(kind):
    layer = Noise(KINDS[kind], lambda g: g)
    generators = find_generators(layer, MSELoss(), object(), np.random.default_rng(0))
    source = dict(generators)["net.source"]
    kept = get_states(generators)
    drawn = []
    for _ in range(3):
        drawn.append([source.random() for _ in range(700)])
        set_states(generators, kept)
    assert drawn[0] == drawn[1] == drawn[2]


def places(state, path=()):
    """Every number of a state."""
    if isinstance(state, dict | list):
        items = state.items() if isinstance(state, dict) else enumerate(state)
        for key, value in [*items][:2] + [*items][-1:] if isinstance(state, list) else items:
            yield from places(value, (*path, key))
    elif state is not None and not isinstance(state, str):
        yield path


@pytest.mark.parametrize("kind", KINDS)
def test_no_random_state_is_set_that_its_definition_does_not_know(kind):
    generators, states = states_of(kind)
    assert list(check_states(generators, states)) == []
    set_states(generators, states)
    wrong = [-1, 1 << 128, 1.5, "1", None, [1], float("nan"), True]
    for path in places(states[1]["state"]):
        for value in wrong[3:4] + wrong[5:7] if path[-1] in ("gauss", 2) else wrong:
            other = copy.deepcopy(states)
            inner = other[1]["state"]
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = value
            assert list(check_states(generators, other)), (path, value)


def test_the_states_that_would_stop_or_break_a_generator_are_refused():
    def refused(kind, change):
        generators, states = states_of(kind)
        change(states[1]["state"])
        return list(check_states(generators, states))

    assert refused("PCG64", lambda state: state["state"].update(inc=2))
    assert refused("MT19937", lambda state: state["state"].update(pos=10**6))
    assert refused("MT19937", lambda state: state["state"].update(key=[0] * 624))
    assert refused("RandomState", lambda state: state["state"].update(pos=625))
    assert refused("Philox", lambda state: state.update(buffer_pos=-1))
    assert refused("Philox", lambda state: state.update(bit_generator="PCG64"))
    assert refused("SFC64", lambda state: state["state"].update(state=[1, 2, 3]))
    assert refused("Random", lambda state: state.__setitem__(0, 2))


# Copies and pickles


def test_pickles_and_copies_leave_out_what_passes_keep():
    class Remembering(Identity):
        def forward(self, x):
            self.inputs = self._x = x
            return super().forward(x)

    net, loss = dense(Sigmoid(), Residual(Tanh()), Dropout(0.1, rng=0)), CrossEntropyLoss()
    small = len(pickle.dumps((net, loss)))
    x = np.ones((10_000, 3))
    loss.forward(net.forward(x), np.zeros(10_000, int))
    net.backward(loss.backward())
    assert len(pickle.dumps((net, loss))) < small + 1000
    layer = Remembering()
    layer.forward(x)
    assert not {"inputs", "_x"} & vars(copy.deepcopy(layer)).keys()
    twin = copy.deepcopy(net)
    twin.forward(x)
    np.testing.assert_array_equal(twin.predict(x), net.predict(x))


def test_what_a_user_sets_by_hand_stays_in_a_copy():
    class Tempered(Layer):
        temperature = 1.0

        def forward(self, x):
            self._x = x
            return x / self.temperature

        def backward(self, dy):
            return dy / self.temperature

    layer = Tempered()
    layer.temperature, layer.note = 4.0, "mine"
    layer.forward(X)
    twin = copy.deepcopy(layer)
    assert (twin.temperature, twin.note) == (4.0, "mine")
    assert not hasattr(twin, "_x")


def test_what_cannot_be_copied_is_named():
    class Locked(Identity):
        def __init__(self):
            self.inside = {"lock": threading.Lock()}

    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match=r"Locked\.inside.* cannot be copied or pickled.*lock"):
            duplicate(Sequential(Locked(), Dense(2, 2)))


def test_initial_weights_by_a_lambda_do_not_stand_in_the_way_of_a_pickle():
    net = dense(Dense(4, 4, init=lambda shape, rng: np.ones(shape)))
    for duplicate in (copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(duplicate(net).params, net.params)


# Files


def test_a_long_name_can_be_written(tmp_path):
    path = tmp_path / ("n" * 246 + ".npz")
    save(dense(), path)
    save(dense(), path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_the_permissions_of_a_file_stay(tmp_path):
    path = tmp_path / "net.npz"
    save(dense(), path)
    path.chmod(0o600)
    save(dense(), path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_a_killed_save_left_behind_is_deleted_by_the_next(tmp_path):
    path = tmp_path / "net.npz"
    save(dense(), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.replace", lambda *args: None)  # as if killed before
        save(dense(), path)
    assert len([*tmp_path.iterdir()]) == 2
    save(dense(), path)
    assert [each.name for each in tmp_path.iterdir()] == ["net.npz"]


# What else a step may lose


class Undeclared(Optimizer):
    """Its memory is not listed in `state`."""

    velocity = 0.0

    def update(self, params, grads, rate):
        self.velocity = 0.9 * self.velocity + grads
        params -= rate * self.velocity


def test_an_optimizer_with_memory_outside_its_state_makes_no_checkpoint(tmp_path):
    net = dense()
    with pytest.raises(ValueError, match=r"sets self.velocity, .*state = \('velocity',\)"):
        fit(net, MSELoss(), Undeclared(net, lr=0.1), X, T, epochs=1, checkpoint=tmp_path / "c.npz")
    assert not [*tmp_path.iterdir()]
    fit(net, MSELoss(), Undeclared(net, lr=0.1), X, T, epochs=1, progress="off")


@pytest.mark.parametrize("momentum", [0, 0.9])
def test_a_subclass_of_an_optimizer_of_ours_may_have_a_checkpoint(tmp_path, momentum):
    class Own(SGD):
        def update(self, params, grads, rate):
            super().update(params, grads, rate)

    net = dense()
    optimizer = Own(net, lr=0.1, momentum=momentum)
    fit(net, MSELoss(), optimizer, X, T, epochs=1, progress="off", checkpoint=tmp_path / "c.npz")


class Gradients(Layer):
    """y = x W, whose backward does something with the gradient of W."""

    def __init__(self, write):
        super().__init__(W=np.eye(3))
        self.write = write

    def forward(self, x):
        self._x = x
        return x @ self.W

    def backward(self, dy):
        self.write(self, self._x.T @ dy)
        return dy @ self.W.T


def overwrites(layer, dW):
    layer.dW[...] = dW


def adds(layer, dW):
    layer.dW += dW


def names_it_otherwise(layer, dW):
    layer.grad_W = dW


def forgets(layer, dW):
    pass


@pytest.mark.parametrize("write", [adds, names_it_otherwise, forgets])
def test_a_gradient_that_backward_does_not_overwrite_is_found_before_training(write):
    net = Sequential(Gradients(write), Dense(3, 2, rng=0))
    before = net.params.copy()
    with pytest.raises(ValueError, match=r"Gradients does not overwrite self\.dW"):
        fit(net, MSELoss(), SGD(net, lr=0.1), X, T, epochs=1, progress="off")
    assert np.array_equal(net.params, before)


def test_a_gradient_that_is_overwritten_is_no_error():
    net = Sequential(Gradients(overwrites), Dense(3, 2, rng=0))
    fit(net, MSELoss(), SGD(net, lr=0.1), X, T, epochs=1, progress="off")


@pytest.mark.parametrize("mode", ["r", "c"])
@pytest.mark.parametrize("batch_size", [1, 5])
def test_mapped_data_train(tmp_path, mode, batch_size):
    np.save(tmp_path / "x.npy", X)
    x, ends = np.load(tmp_path / "x.npy", mmap_mode=mode), []
    for data in (x, X):
        net = dense()
        options = {"epochs": 2, "batch_size": batch_size, "progress": "off", "rng": 0}
        fit(net, MSELoss(), SGD(net, lr=0.1), data, T, **options)
        net.forward(data)
        ends.append(copy.deepcopy(net).params)
    assert np.array_equal(*ends)


def test_a_layer_may_hold_a_function_of_numpy(tmp_path):
    class Sine(Layer):
        def __init__(self):
            self.function = np.sin

        def forward(self, x):
            self._x = x
            return self.function(x)

        def backward(self, dy):
            return dy * np.cos(self._x)

    net = dense(Sine())
    fit(net, MSELoss(), SGD(net, lr=0.1), X, T, epochs=1, progress="off")
    assert np.array_equal(copy.deepcopy(net).predict(X), net.predict(X))


def test_a_metric_cannot_change_the_data():
    def metric(y, t):
        t -= y
        return (t**2).mean()

    net, before = dense(), T.copy()
    with pytest.raises(ValueError, match="the metric metric writes into the outputs or targets"):
        fit(net, MSELoss(), SGD(net, lr=0.1), X, T, epochs=1, progress="off", metrics=[metric])
    assert np.array_equal(T, before)
    assert T.flags.writeable


def test_one_name_without_a_tuple_is_refused():
    with pytest.raises(TypeError, match=r"write \('running_mean',\)"):

        class Wrong(Layer):
            buffers = "running_mean"

    class Wronger(Undeclared):
        state = "velocity"

    with pytest.raises(TypeError, match=r"write \('velocity',\)"):
        Wronger(dense(), lr=0.1)
