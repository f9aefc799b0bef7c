"""Parameters are views on two flat vectors, whatever is done to their layer."""

import copy
import functools
import gc
from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers import COPIES, Parallel, Scale

from tinynet import Dense, Layer, Residual, Sequential, Sigmoid


class Slots:
    __slots__ = ("part",)

    def __init__(self, part):
        self.part = part


class Gained(Layer):
    """A layer that declares one parameter."""

    def __init__(self, gain=1.0):
        super().__init__(gain=np.full(2, gain))


class Shifted(Gained):
    """A subclass that declares one more."""

    def __init__(self):
        super().__init__(3.0)
        Layer.__init__(self, shift=np.full(3, 4.0))


def test_a_subclass_may_declare_more_than_it_inherits():
    layer = Shifted()
    assert layer.params.tolist() == [3, 3, 4, 4, 4]
    assert [name for name, _ in layer.named_parameters()] == ["gain", "shift"]
    layer.params[...] = 5
    assert layer.gain.tolist() == [5, 5]
    assert layer.shift.tolist() == [5, 5, 5]
    assert copy.deepcopy(layer).params.tolist() == [5] * 5


def test_a_layer_that_is_initialized_again_starts_again():
    layer = Gained()
    layer.__init__(2.0)
    assert layer.params.tolist() == [2, 2]


def nested():
    rng = np.random.default_rng(0)
    inner = Sequential(Dense(3, 4, rng=rng), Sigmoid())
    return Sequential(
        inner, Parallel(Dense(4, 2, rng=rng), Dense(4, 2, rng=rng, bias=False)), Scale(2)
    )


def assert_on_own_vectors(layer):
    layer.check_views()
    for _, view in layer.named_parameters():
        assert np.shares_memory(view, layer.params)
    number = np.arange(layer.params.size, dtype=layer.params.dtype)
    kept = layer.params.copy()
    layer.params[...] = number
    named = [view.ravel() for _, view in layer.named_parameters()]
    np.testing.assert_array_equal(np.concatenate([np.empty(0), *named]), number)
    layer.params[...] = kept


def test_names_follow_the_order_of_the_flat_vector_through_every_depth():
    net = nested()
    assert [name for name, _ in net.named_parameters()] == [
        *("0.0.W", "0.0.b", "1.left.W", "1.left.b", "1.offset", "1.right.W", "2.gain")
    ]
    assert_on_own_vectors(net)


def test_gradients_lie_on_the_vector_of_the_outermost_network():
    net = nested()
    x = np.random.default_rng(1).normal(size=(5, 3))
    net.forward(x)
    net.backward(np.ones((5, 2)))
    np.testing.assert_array_equal(net.grads[:12].reshape(3, 4), net[0][0].dW)
    np.testing.assert_array_equal(net.grads[-2:], net[2].dgain)
    assert np.abs(net.grads).min() > 0


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize(
    "build",
    [nested, lambda: Dense(3, 2, rng=0), lambda: nested()[1], Sigmoid],
    ids=["nested", "Dense", "Parallel", "Sigmoid"],
)
def test_a_copy_has_equal_values_on_vectors_of_its_own(duplicate, build):
    layer = build()
    layer.grads[...] = np.arange(layer.grads.size)
    twin = duplicate(layer)
    np.testing.assert_array_equal(twin.params, layer.params)
    np.testing.assert_array_equal(twin.grads, layer.grads)
    assert not np.shares_memory(twin.params, layer.params)
    assert_on_own_vectors(twin)
    assert_on_own_vectors(layer)
    assert repr(twin) == repr(layer)


def test_a_copy_can_join_another_network_while_its_original_stays():
    net = nested()
    other = Sequential(copy.deepcopy(net[0]), Sigmoid())
    before = net.params.copy()
    other.params[...] = 7
    np.testing.assert_array_equal(net.params, before)


def test_a_network_and_its_optimizer_copied_together_stay_together():
    from tinynet import SGD

    net = nested()
    optimizer = SGD(net, lr=0.1)
    twin, twin_optimizer = copy.deepcopy((net, optimizer))
    assert twin_optimizer.net is twin
    twin.grads[...] = 1
    twin_optimizer.step()
    np.testing.assert_allclose(twin.params, net.params - 0.1)


@given(st.sampled_from([np.float32, np.float64]), st.sampled_from([np.float32, np.float64]))
def test_binding_to_another_float_type_casts_the_values(old, new):
    layer = Dense(3, 2, rng=0, dtype=old)
    values = layer.params.copy()
    layer.bind(np.empty(8, new), np.empty(8, new))
    assert layer.W.dtype == layer.db.dtype == new
    np.testing.assert_array_equal(layer.params, values.astype(new))


def test_buffers_changes_float_type_with_the_parameters():
    class Centre(Layer):
        buffers = ("mean", "count")

        def __init__(self):
            self.mean, self.count = np.ones(3), np.array(4)

    net = Sequential(Centre(), Dense(3, 2, rng=0), dtype=np.float32)
    assert net[0].mean.dtype == np.float32
    assert net[0].count.dtype.kind == "i"
    assert [name for name, _ in net.named_buffers()] == ["0.mean", "0.count"]


def test_mixed_float_types_are_refused_unless_the_network_casts_them():
    layers = Dense(3, 4, rng=0), Dense(4, 2, rng=1, dtype=np.float32)
    with pytest.raises(TypeError, match=r"1 is float32.*dtype="):
        Sequential(*layers)
    net = Sequential(*layers, dtype=np.float32)
    assert net[0].W.dtype == net.params.dtype == net.grads.dtype == np.float32


def test_a_layer_has_one_place():
    layer, activation = Dense(3, 3), Sigmoid()
    with pytest.raises(ValueError, match=r"same Dense\(3, 3\) as 0 and as 2.*deepcopy"):
        Sequential(layer, activation, layer)
    net = Sequential(layer, activation)
    for taken in (layer, activation):
        with pytest.raises(ValueError, match="already lives in a Sequential"):
            Sequential(Dense(3, 3), taken)
    assert net[0] is layer
    del net
    gc.collect()
    Sequential(layer, activation)  # free again


def test_a_refused_network_changes_none_of_its_layers():
    free, taken = Dense(3, 3, rng=0), Dense(3, 3, rng=1)
    keep = Sequential(taken)
    vector = free.params
    with pytest.raises(ValueError, match="already lives"):
        Sequential(free, taken, dtype=np.float32)
    assert free.params is vector
    assert free.W.dtype == float
    Sequential(free)
    keep.check_views()


@pytest.mark.parametrize(
    "value", [np.ones(3, int), [1.0, 2.0], 1.0, None, np.ones(2, complex)], ids=repr
)
def test_a_parameter_is_an_array_of_floats(value):
    with pytest.raises(TypeError, match=r"'gain' as .*array of floats"):
        Layer(gain=value)


def test_a_parameter_of_half_precision_is_refused():
    with pytest.raises(TypeError, match="Layer got parameters of float16: they are float32 or"):
        Layer(gain=np.ones(3, np.float16))


@pytest.mark.parametrize("name", ["params", "grads", "forward", "buffers"])
def test_a_parameter_cannot_take_a_name_of_the_contract(name):
    with pytest.raises(ValueError, match="taken"):
        Layer(**{name: np.ones(2)})


@pytest.mark.parametrize("name", ["gain", "dgain", "params", "grads"])
def test_an_assignment_to_a_declared_name_writes_into_the_vector(name):
    net = Sequential(Dense(2, 3, rng=0), Scale(3))
    owner = net[1] if name.endswith("gain") else net
    view, vector = getattr(owner, name), net.grads if name in ("dgain", "grads") else net.params
    setattr(owner, name, np.arange(view.size))
    assert getattr(owner, name) is view
    np.testing.assert_array_equal(vector[-3:], np.arange(view.size)[-3:])
    setattr(owner, name, getattr(owner, name) + 1)
    np.testing.assert_array_equal(vector[-3:], np.arange(view.size)[-3:] + 1)


def test_an_update_in_place_of_a_declared_name_moves_the_vector():
    layer = Scale(3)
    layer.gain += 1
    layer.gain *= [1.0, 2.0, 3.0]
    layer.dgain -= 1
    assert layer.params.tolist() == [2, 4, 6]
    assert layer.grads.tolist() == [-1, -1, -1]


@pytest.mark.parametrize("name", ["W", "dW", "b", "db", "params", "grads"])
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (np.zeros((2, 2)), ValueError),
        (np.zeros((1, 1, 9)), ValueError),
        (1.0, ValueError),
        (None, TypeError),
        ([[0.0, 0.0, 0.0]], TypeError),
        ({}, TypeError),
        ("full", TypeError),
        (np.ma.array([1.0]), TypeError),
    ],
    ids=repr,
)
def test_another_value_for_a_declared_name_is_refused_and_changes_nothing(name, value, error):
    layer = Dense(2, 3, rng=0)
    before = layer.params.copy()
    with pytest.raises(error, match=rf"^Dense\.{name} "):
        setattr(layer, name, value)
    np.testing.assert_array_equal(layer.params, before)
    layer.check_views()


@pytest.mark.parametrize("dtype", [complex, object, "U3"])
def test_a_declared_name_takes_real_numbers_only(dtype):
    layer = Scale(2)
    with pytest.raises(TypeError, match=r"Scale\.gain holds float64; got an array of"):
        layer.gain = np.ones(2).astype(dtype)


def test_a_declared_name_cannot_be_deleted():
    layer = Dense(2, 3, rng=0)
    for name in ("W", "dW", "params"):
        with pytest.raises(AttributeError, match=rf"Dense\.{name} is declared"):
            delattr(layer, name)


def test_a_parameter_without_axes_takes_a_number():
    layer = Layer(scale=np.array(2.0))
    layer.scale = 3
    layer.dscale = np.float64(4)
    assert layer.params.tolist() == [3]
    assert layer.grads.tolist() == [4]


def test_a_name_that_one_instance_declares_is_a_plain_attribute_of_another():
    class Shift(Layer):
        def __init__(self, learned):
            self.offset = np.ones(2)
            if learned:
                super().__init__(offset=self.offset)

    plain, learned, later = Shift(False), Shift(True), Shift(False)
    for layer in (plain, later, copy.deepcopy(plain), copy.deepcopy(later)):
        assert layer.offset.tolist() == [1, 1]
        layer.offset = "anything"
        assert layer.offset == "anything"
        assert not hasattr(layer, "doffset")
        del layer.offset
        assert not hasattr(layer, "offset")
    assert learned.offset is not learned.params
    assert learned.params.tolist() == [1, 1]


def test_a_class_attribute_cannot_become_a_parameter():
    class Named(Layer):
        gain = None

        def __init__(self):
            super().__init__(gain=np.ones(2))

    with pytest.raises(ValueError, match="Named cannot declare 'gain'"):
        Named()


def test_a_part_cannot_be_exchanged():
    net = nested()
    with pytest.raises(ValueError, match=r"Parallel\.left is a declared part.*Build a new"):
        net[1].left = Dense(4, 2, rng=0)
    net[1].left = net[1].left
    with pytest.raises(AttributeError, match=r"Sequential keeps the layers.*copy.deepcopy"):
        net.layers = net.layers[:-1]
    with pytest.raises(AttributeError, match="layers"):
        del net.layers


def test_a_part_that_was_bound_by_itself_is_found():
    for build in (nested, lambda: Sequential(nested())):
        net = build()
        net[0].bind(net[0].params.copy(), net[0].grads.copy())
        with pytest.raises(ValueError, match=r"does not lie on the flat vector.*bind"):
            net.check_views()


@pytest.mark.parametrize(
    "hold",
    [
        lambda x: x,
        lambda x: [x],
        lambda x: (Sigmoid(), x),
        lambda x: {"part": x},
        lambda x: [[Sigmoid()], {"parts": (x,)}],
        lambda x: SimpleNamespace(part=x),
        lambda x: np.array([x, None]),
        lambda x: deque([x]),
        lambda x: {1: Residual(x)},
        lambda x: x.forward,
        lambda x: functools.partial(print, x),
        lambda x: lambda: x,
        lambda x: Slots(x),
    ],
)
def test_a_part_that_was_never_declared_is_found(hold):
    class Wrapper(Layer):
        def __init__(self, inner):
            self.inner = hold(inner)

    with pytest.raises(ValueError, match=r"^Wrapper\.inner.* holds a layer that learns"):
        Wrapper(Dense(2, 2)).check_views()


def test_a_layer_without_parameters_need_not_call_the_base_constructor():
    class Power(Layer):
        def __init__(self, exponent):
            self.exponent = exponent

        def forward(self, x):
            self._x = x
            return x**self.exponent

        def backward(self, dy):
            return dy * self.exponent * self._x ** (self.exponent - 1)

    net = Sequential(Power(3), Dense(2, 1, rng=0))
    assert net[0].params.size == net[0].grads.size == 0
    assert repr(net[0]) == "Power(3)"
    net.forward(np.ones((4, 2)))
    net.backward(np.ones((4, 1)))
    assert copy.deepcopy(net)[0].exponent == 3


def test_an_empty_parameter_and_one_without_axes_have_their_views():
    layer = Layer(none=np.zeros((0, 3)), scalar=np.array(2.5))
    layer.check_views()
    assert layer.scalar.shape == ()
    assert layer.none.shape == (0, 3)
    layer.params[...] = 4
    assert layer.scalar == 4


def test_a_gradient_that_was_never_declared_gets_a_hint():
    class Forgetful(Layer):
        def __init__(self):
            self.gain = np.ones(2)

        def backward(self, dy):
            self.dgain[...] = dy.sum(axis=0)

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(gain=\.\.\.\)"):
        Forgetful().dgain  # noqa: B018  the access is what is tested
