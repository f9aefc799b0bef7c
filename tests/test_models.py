"""Saving and loading: what comes back, and what is refused."""

import json
import math
import re
import threading

import layers
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinynet
from tinynet import (
    ELU,
    GELU,
    GRU,
    LSTM,
    RNN,
    SGD,
    AverageSteps,
    AvgPool2D,
    BatchNorm,
    Concatenate,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Frozen,
    GlobalAveragePool,
    GroupNorm,
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    LoadError,
    LogSoftmax,
    Masked,
    MaxPool2D,
    Mish,
    MSELoss,
    Permute,
    PositionalEncoding,
    PReLU,
    ReLU,
    Reshape,
    Residual,
    RMSNorm,
    SelfAttention,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Standardize,
    Tanh,
    fit,
)
from tinynet.initializers import lecun_normal, zeros
from tinynet.persistence import load, load_parameters, save
from tinynet.persistence.architecture import OWN_LAYERS
from tinynet.persistence.archive import write_archive
from tinynet.persistence.arrays import named_arrays


class Scale(layers.Scale):
    """y = gain x, and a count of the batches seen."""

    buffers = ("batches",)

    def __init__(self, features, start=1.0):
        super().__init__(features, start)
        self.batches = np.zeros(1)

    def forward(self, x):
        self.batches += 1
        return super().forward(x)


class Recorded(Identity):
    """Keeps whatever it was made with."""

    def __init__(self, *values, **named):
        self.values, self.named = values, named
        super().__init__()


class Twins(layers.Parallel):
    """Two layers side by side, made by the constructor."""

    def __init__(self, width, rng=None):
        rng = np.random.default_rng(rng)
        super().__init__(Dense(width, width, rng=rng), Dense(width, width, rng=rng))


CUSTOM = {"Scale": Scale, "Recorded": Recorded, "Twins": Twins}


def readable(value):
    """Its repr, without the address of a function or object, which differs in each process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def contents(net):
    return {name: (array.dtype, array.tobytes()) for name, array in named_arrays(net).items()}


def there_and_back(net, path):
    save(net, path)
    return load(path, layers=CUSTOM)


OWN = [
    *(ELU, GELU, Identity, LeakyReLU, LogSoftmax, ReLU, SiLU, Softmax, Softplus, Tanh, Flatten),
    *(Mish, PReLU, Conv2D, Conv1D, MaxPool2D, AvgPool2D, GlobalAveragePool),
    *(
        RNN,
        LSTM,
        GRU,
        SelfAttention,
        PositionalEncoding,
        AverageSteps,
        Masked,
        Concatenate,
        Permute,
    ),
    Standardize,
    *(BatchNorm, LayerNorm, RMSNorm, GroupNorm, Dropout, Reshape, Embedding, Frozen, Residual),
]


def own(cls, width, rng):
    """A layer of each class of tinynet's, with arguments that are not the default ones."""
    match cls.__name__:
        case "BatchNorm":
            return BatchNorm(width, momentum=0.2, eps=1e-4)
        case "Conv2D":
            return Conv2D(width, 2 * width, (1, 2), padding="same", groups=width, rng=rng)
        case "Conv1D":
            return Conv1D(width, 2, 3, stride=2, padding=1, bias=False, init=zeros)
        case "MaxPool2D" | "AvgPool2D":
            return cls((2, 3), stride=1, padding=1)
        case "RNN" | "LSTM" | "GRU":
            return cls(width, 2, reverse=True, learn_initial=True, rng=rng)
        case "SelfAttention":
            return SelfAttention(2 * width, width, causal=True, bias=False, rng=rng)
        case "PositionalEncoding":
            return PositionalEncoding(7, width, learned=True, rng=rng)
        case "Masked":
            return Masked(Sequential(Embedding(width, 2, rng=rng), AverageSteps()), padding=-1)
        case "Concatenate":
            return Concatenate(Dense(width, 1, rng=rng), Dense(width, width, rng=rng), axis=1)
        case "Permute":
            return Permute((2, 1))
        case "PReLU":
            return PReLU(width, init=0.1)
        case "RMSNorm":
            return RMSNorm(width, eps=1e-4)
        case "Standardize":
            return Standardize(np.arange(width), np.arange(1, width + 1))
        case "GroupNorm":
            return GroupNorm(1, width)
        case "LayerNorm":
            return LayerNorm(width, eps=1e-4)
        case "Dropout":
            return Dropout(0.25, rng=rng)
        case "Reshape":
            return Reshape((width, 1))
        case "Embedding":
            return Embedding(width, 2, init=zeros, rng=rng)
        case "Frozen" | "Residual":
            return cls(Sequential(Dense(width, width, rng=rng), BatchNorm(width)))
        case "ELU" | "LeakyReLU":
            return cls(0.25)
    return cls()


sizes = st.integers(1, 6)
leaves = st.one_of(
    st.tuples(st.just("dense"), sizes, st.booleans()),
    st.just(("sigmoid",)),
    st.tuples(st.just("scale"), sizes, st.floats(-2, 2)),
    st.tuples(st.just("twins"), sizes),
    st.tuples(st.sampled_from(OWN), sizes),
)
plans = st.recursive(leaves, lambda inner: st.lists(inner, min_size=1, max_size=4), max_leaves=8)


def built(plan, rng):
    match plan:
        case list():
            return Sequential(*[built(inner, rng) for inner in plan], dtype=np.float64)
        case ("dense", width, bias):
            return Dense(width, 3, bias=bias, init=lecun_normal, rng=rng)
        case ("scale", width, start):
            return Scale(width, start=start)
        case ("twins", width):
            return Twins(width, rng)
        case (cls, width):
            return own(cls, width, rng)
    return Sigmoid()


@given(plans, st.sampled_from([np.float32, np.float64]), st.integers(0, 99))
def test_save_then_load_is_the_identity(tmp_path_factory, plan, dtype, seed):
    rng = np.random.default_rng(seed)
    net = Sequential(built(plan, rng), dtype=dtype)
    net.params[...] = rng.normal(size=net.params.size)
    for _, array in net.named_buffers():
        array[...] = np.abs(rng.normal(size=array.shape))  # a variance is one of them
    path = tmp_path_factory.mktemp("nets") / "net.npz"
    again = there_and_back(net, path)
    assert repr(again) == repr(net)
    assert again.params.dtype == net.params.dtype
    assert contents(again) == contents(net)
    again.check_views()
    first = path.read_bytes()
    save(again, path)
    assert path.read_bytes() == first, "equal networks make equal files"


def test_the_loaded_network_predicts_and_trains_as_the_saved_one(tmp_path):
    rng = np.random.default_rng(0)
    net = layers.network(4, 3, 2, rng=rng, dtype=np.float32)
    again = there_and_back(net, tmp_path / "net.npz")
    x, dy = rng.normal(size=(5, 4)).astype(np.float32), np.ones((5, 2), np.float32)
    assert np.array_equal(again.predict(x), net.predict(x))
    for each in (net, again):
        each.forward(x)
        each.backward(dy)
    assert np.array_equal(again.grads, net.grads)


@pytest.mark.parametrize(
    "value",
    [
        *(1, -3, 0.1, math.inf, -math.inf, True, None, "text", "ünïcode", ()),
        *((1, (2.0, "x")), [1, [2]], {"a": (1, 2), "b": [None]}, {}),
        *(np.float32, np.dtype(np.int64), lecun_normal),
    ],
    ids=readable,
)
def test_arguments_come_back_as_they_were(tmp_path, value):
    again = there_and_back(Recorded(value, key=value), tmp_path / "net.npz")
    assert again.values == (value,)
    assert again.named == {"key": value}


def test_numpy_scalars_and_arrays_among_the_arguments_come_back(tmp_path):
    array = np.arange(6, dtype=np.int32).reshape(2, 3)
    again = there_and_back(Recorded(np.float32(0.1), np.int64(3), array), tmp_path / "net.npz")
    assert again.values[:2] == (float(np.float32(0.1)), 3)
    assert again.values[2].dtype == np.int32
    assert np.array_equal(again.values[2], array)


def test_nan_among_the_arguments_comes_back(tmp_path):
    assert math.isnan(there_and_back(Recorded(math.nan), tmp_path / "net.npz").values[0])


def test_a_generator_is_left_out_and_a_new_one_given(tmp_path):
    net = Recorded(np.random.default_rng(0), rng=np.random.default_rng(1))
    save(net, tmp_path / "net.npz")
    again = load(tmp_path / "net.npz", layers=CUSTOM, rng=5)
    assert again.values[0].random() == np.random.default_rng(5).random()


def test_an_initializer_that_cannot_be_written_down_is_not_missed(tmp_path):
    net = Dense(3, 2, init=lambda shape, rng: np.full(shape, 0.25))
    again = there_and_back(net, tmp_path / "net.npz")
    assert np.array_equal(again.W, np.full((3, 2), 0.25))
    assert repr(again) == "Dense(3, 2)"


@pytest.mark.parametrize(
    "value",
    [lambda x: x, object(), {1: 2}, {3}, print, 1j, np.dtype("f8,f8"), object],
    ids=readable,
)
def test_an_argument_that_cannot_be_written_down_says_what_to_add(tmp_path, value):
    with pytest.raises(TypeError, match=r"Recorded cannot be saved.* key=.*class MyRecorded"):
        save(Sequential(Recorded(key=value)), tmp_path / "net.npz")
    assert not list(tmp_path.iterdir())


def test_the_mend_for_such_an_argument_works(tmp_path):
    class MyRecorded(Recorded):
        def __init__(self):
            super().__init__(key=print)

    save(MyRecorded(), tmp_path / "net.npz")
    assert load(tmp_path / "net.npz", layers={"MyRecorded": MyRecorded}).named == {"key": print}


def test_two_classes_of_one_name_are_refused(tmp_path):
    other = type("Scale", (Scale,), {})
    with pytest.raises(ValueError, match="two layer classes named Scale"):
        save(Sequential(Scale(2), other(2)), tmp_path / "net.npz")


def test_a_custom_class_with_the_name_of_an_own_one_is_kept_apart(tmp_path):
    mine = type("Sigmoid", (Scale,), {})
    save(Sequential(Sigmoid(), mine(2)), tmp_path / "net.npz")
    again = load(tmp_path / "net.npz", layers={"Sigmoid": mine})
    assert [type(layer) for layer in again] == [Sigmoid, mine]


def test_a_layer_that_a_constructor_would_not_make_again_is_refused_at_once(tmp_path):
    calls = []

    class Growing(Layer):
        def __init__(self):
            calls.append(1)
            super().__init__(w=np.ones(len(calls)))

    with pytest.raises(ValueError, match="a loaded network would differ"):
        save(Growing(), tmp_path / "net.npz")


def test_every_exported_layer_is_in_the_closed_registry():
    exported = {
        f"tinynet.{name}"
        for name in tinynet.__all__
        if isinstance(value := getattr(tinynet, name), type) and issubclass(value, Layer)
    }
    assert exported - {"tinynet.Layer"} == set(OWN_LAYERS)


def test_nan_is_not_saved(tmp_path):
    net = Sequential(Dense(2, 2, rng=0))
    net.params[1] = math.nan
    with pytest.raises(ValueError, match=r"0\.W: NaN or infinite"):
        save(net, tmp_path / "net.npz")


def test_state_that_is_no_array_is_refused(tmp_path):
    net = Scale(2)
    net.batches = 3
    with pytest.raises(TypeError, match=r"batches is 3.*np\.array"):
        save(net, tmp_path / "net.npz")


def test_numpy_opens_the_file(tmp_path):
    net = Sequential(Dense(3, 2, rng=0))
    save(net, tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as file:
        assert np.array_equal(file["0.W"], net[0].W)
        assert json.loads(file["tinynet.json"])["version"] == 1


# load_parameters


def test_load_parameters_writes_into_the_views(tmp_path):
    net, other = (Sequential(Dense(3, 2, rng=seed), Scale(2)) for seed in (0, 1))
    net[1].batches[...] = 7
    save(net, tmp_path / "net.npz")
    views = named_arrays(other)
    load_parameters(other, tmp_path / "net.npz")
    assert contents(other) == contents(net)
    assert all(views[name] is array for name, array in named_arrays(other).items())


@given(
    st.dictionaries(
        st.sampled_from(["0.W", "0.b", "1.gain", "1.batches", "stranger"]),
        st.sampled_from(["missing", "shape", "broadcast", "dtype", "nan", "inf"]),
        min_size=1,
    )
)
def test_anything_wrong_is_listed_and_changes_nothing(tmp_path_factory, faults):
    net = Sequential(Dense(3, 2, rng=0), Scale(2))
    arrays = {name: array + 1 for name, array in named_arrays(net).items()}
    expected = set()
    for name, fault in faults.items():
        if fault == "missing" and name in arrays:
            del arrays[name]
        else:
            good = arrays.get(name, np.ones(2))
            bad = {
                "shape": np.ones((*good.shape, 2)),
                "broadcast": np.ones((1,) * good.ndim) if good.size > 1 else np.ones((1, 1)),
                "dtype": good.astype(np.float32),
                "nan": np.full(good.shape, np.nan),
                "inf": np.full(good.shape, -np.inf),
                "missing": good,
            }
            arrays[name] = bad[fault]
        expected.add(name)
    path = tmp_path_factory.mktemp("nets") / "net.npz"
    write_archive(path, {}, arrays)
    before = contents(net)
    with pytest.raises(LoadError) as caught:
        load_parameters(net, path)
    assert all(name in str(caught.value) for name in expected)
    assert contents(net) == before


@pytest.mark.parametrize("name", ["best", "history", "optimizer", "arguments"])
def test_a_parameter_named_as_a_folder_of_the_file_is_held_against_its_shape(tmp_path, name):
    class Plain(Layer):
        def __init__(self):
            super().__init__(**{name: np.ones((3, 4))})

    net = Plain()
    write_archive(tmp_path / "net.npz", {}, {name: np.full((1, 4), 5.0)})
    with pytest.raises(LoadError, match=rf"{name} has shape \(1, 4\) and must have \(3, 4\)"):
        load_parameters(net, tmp_path / "net.npz")
    assert (net.params == 1).all()


def test_eight_threads_predict_as_one(tmp_path):
    rng = np.random.default_rng(0)
    others = {Embedding, Reshape, Permute, Conv1D, Conv2D, MaxPool2D, AvgPool2D, GlobalAveragePool}
    others |= {RNN, LSTM, GRU, SelfAttention, PositionalEncoding, AverageSteps, Masked, Concatenate}
    layers = [own(cls, 30, rng) for cls in OWN if cls not in others]  # which take other shapes
    both = Concatenate(
        SelfAttention(6, 2, rng=rng), GRU(6, 2, rng=rng, return_sequences=True), axis=2
    )
    steps = [LSTM(6, 6, return_sequences=True, rng=rng), Masked(both, padding=7), AverageSteps()]
    layers = [Reshape((5, 6)), *steps, Dense(8, 30, rng=rng), *layers]
    net = Sequential(Dense(20, 30, rng=rng), Sigmoid(), Scale(30), Twins(30, rng), *layers)
    inputs = [rng.normal(size=(50, 20)) for _ in range(8)]
    serial = [net.predict(x) for x in inputs]
    together: list[list[np.ndarray]] = [[] for _ in inputs]
    start = threading.Barrier(8)

    def work(number):
        start.wait()
        for _ in range(25):
            together[number].append(net.predict(inputs[number]))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for results, expected in zip(together, serial, strict=True):
        assert len(results) == 25
        assert all(np.array_equal(result, expected) for result in results)


def test_a_path_may_begin_at_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    net = Dense(2, 2, rng=0)
    save(net, "~/net.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["net.npz"]
    assert np.array_equal(load("~/net.npz").params, net.params)
    load_parameters(net, "~/net.npz")
    options = {"epochs": 1, "checkpoint": "~/run.npz", "progress": "off"}
    fit(net, MSELoss(), SGD(net, 0.1), np.ones((4, 2)), np.ones((4, 2)), **options)
    assert (tmp_path / "run.npz").exists()
