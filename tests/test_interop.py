"""Parameters under PyTorch's names; the comparison with PyTorch itself is in tests/oracle."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinynet import (
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Frozen,
    GroupNorm,
    Layer,
    LayerNorm,
    LoadError,
    ReLU,
    Residual,
    RMSNorm,
    Sequential,
    from_state_dict,
    load_safetensors,
    save_safetensors,
    to_state_dict,
)
from tinynet.persistence.arrays import named_arrays

ROOT = Path(__file__).parent.parent


def network(seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    net = Sequential(
        Dense(3, 4, rng=rng),
        BatchNorm(4),
        ReLU(),
        Frozen(Sequential(Dense(4, 5, bias=False, rng=rng), Dropout(0.5))),
        Residual(Dense(5, 5, rng=rng)),
        LayerNorm(5),
        dtype=dtype,
    )
    for array in named_arrays(net).values():
        array[...] = rng.uniform(0.5, 2, array.shape)
    return net


class Tensor:
    """What of a torch tensor matters here."""

    def __init__(self, array):
        self.array, self.requires_grad = array, True

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.array


def test_names_and_orientation_are_those_of_pytorch():
    net = network(0)
    state = to_state_dict(net)
    assert {name: array.shape for name, array in state.items()} == {
        **{"0.weight": (4, 3), "0.bias": (4,), "1.weight": (4,), "1.bias": (4,)},
        **{"1.running_mean": (4,), "1.running_var": (4,), "3.0.weight": (5, 4)},
        **{"4.inner.weight": (5, 5), "4.inner.bias": (5,), "5.weight": (5,), "5.bias": (5,)},
    }
    assert np.array_equal(state["0.weight"], net[0].W.T)
    assert np.array_equal(state["1.weight"], net[1].gain)
    assert all(array.flags.c_contiguous for array in state.values())
    assert set(to_state_dict(Embedding(3, 2))) == {"weight"}
    assert to_state_dict(Embedding(3, 2))["weight"].shape == (3, 2)


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        (LayerNorm(3, bias=False), ["weight"]),
        (LayerNorm(3, affine=False), []),
        (RMSNorm(3, affine=False), []),
        (GroupNorm(1, 3, affine=False), []),
        (BatchNorm(3, affine=False), ["running_mean", "running_var"]),
    ],
    ids=repr,
)
def test_arrays_that_a_layer_does_not_have_are_in_no_state_dict(layer, names):
    state = to_state_dict(layer)
    assert [*state] == names
    from_state_dict(layer, {name: array + 1 for name, array in state.items()})
    assert all((to_state_dict(layer)[name] == array + 1).all() for name, array in state.items())
    with pytest.raises(LoadError, match=r"bias"):
        from_state_dict(layer, {**state, "bias": np.zeros(3)})


def test_a_state_dict_is_a_copy():
    net = network(0)
    before = net.params.copy()
    for array in to_state_dict(net).values():
        array[...] = 9
    assert np.array_equal(net.params, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("wrap", [Tensor, np.asarray])
def test_there_and_back_is_the_identity(dtype, wrap):
    net, other = network(0, dtype), network(1, dtype)
    state = {name: wrap(array) for name, array in to_state_dict(net).items()}
    from_state_dict(other, {**state, "1.num_batches_tracked": wrap(np.array(3))})
    for name, array in named_arrays(net).items():
        assert np.array_equal(array, named_arrays(other)[name])
    other.check_views()


FAULTS = {
    "missing": lambda array: None,
    "transposed": lambda array: array[..., None].T,
    "broadcast": lambda array: np.ones((1,) * array.ndim),
    "float type": lambda array: array.astype(np.float32),
    "integers": lambda array: array.astype(int),
    "nan": lambda array: np.full_like(array, np.nan),
    "infinite": lambda array: np.full_like(array, np.inf),
    "list": lambda array: array.tolist(),
    "nothing": lambda array: Ellipsis,
}


@given(
    st.dictionaries(
        st.sampled_from([*to_state_dict(network(0)), "stranger"]),
        st.sampled_from(list(FAULTS)),
        min_size=1,
    )
)
def test_anything_wrong_is_listed_and_changes_nothing(faults):
    net = network(1)
    before = {name: array.tobytes() for name, array in named_arrays(net).items()}
    state = to_state_dict(network(2))
    for name, fault in faults.items():
        value = FAULTS[fault](state.get(name, np.ones((2, 2))))
        if value is None and name in state:
            del state[name]
        else:
            state[name] = value
    with pytest.raises(LoadError) as caught:
        from_state_dict(net, state)
    assert all(name in str(caught.value) for name in faults)
    assert {name: array.tobytes() for name, array in named_arrays(net).items()} == before


class Counting(Layer):
    """Has a count of its own under the name that PyTorch uses for one that nobody needs."""

    buffers = ("num_batches_tracked",)

    def __init__(self):
        super().__init__(gain=np.ones(2))
        self.num_batches_tracked = np.zeros(1)


def test_a_count_that_the_network_has_itself_is_not_left_aside():
    net, state = Counting(), {"gain": np.full(2, 9.0), "num_batches_tracked": np.full(1, 5.0)}
    with pytest.raises(LoadError, match="num_batches_tracked is missing"):
        from_state_dict(net, {"gain": state["gain"]})
    assert (net.gain == 1).all()
    from_state_dict(net, state)
    assert (net.num_batches_tracked, *net.gain) == (5, 9, 9)


@pytest.mark.parametrize("state", [{0: np.ones(2)}, {None: 1}])
def test_names_that_are_no_strings_are_listed(state):
    with pytest.raises(LoadError, match="is not expected"):
        from_state_dict(Dense(2, 2, rng=0), state)


def test_a_module_in_place_of_its_state_dict_is_refused():
    with pytest.raises(TypeError, match=r"model\.state_dict\(\).*got Dense"):
        from_state_dict(Dense(2, 2, rng=0), Dense(2, 2, rng=1))


def test_without_scikit_learn_the_estimators_say_how_to_install_it():
    code = "import sys; sys.modules['sklearn'] = None; import tinynet.interop.sklearn"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.stderr.splitlines()[-1] == (
        "ImportError: tinynet.interop.sklearn needs scikit-learn 1.6 or newer: "
        "pip install 'scikit-learn>=1.6'"
    )


def test_without_the_package_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for call in (save_safetensors, load_safetensors):
        with pytest.raises(ImportError, match=r"pip install safetensors"):
            call(network(0), tmp_path / "net.safetensors")
    assert not list(tmp_path.iterdir())
