"""The checker as its user meets it: arguments, reports, messages, and what it leaves alone."""

import subprocess
import sys
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.special import entr

from tinynet import (
    ELU,
    GELU,
    SGD,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    Dense,
    Layer,
    LayerNorm,
    Loss,
    MSELoss,
    Optimizer,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from tinynet.testing import (
    LAYER_CHECKS,
    LOSS_CHECKS,
    OPTIMIZER_CHECKS,
    GradientError,
    Report,
    check_layer,
    check_loss,
    check_optimizer,
)
from tinynet.testing.inputs import make_trial
from tinynet.testing.message import factor_names
from tinynet.testing.strategies import (
    Values,
    batches,
    dense_layers,
    labels,
    layer_test,
    loss_test,
    networks,
    values,
)


class Tilted(Sigmoid):
    """Its slope is wrong by 0.1 %."""

    def backward(self, dy):
        return 1.001 * super().backward(dy)


class TiltedLoss(MSELoss):
    def backward(self):
        return 1.001 * super().backward()


def test_slope_wrong_by_a_thousandth_is_caught():
    with pytest.raises(GradientError, match="check_layer") as caught:
        check_layer(Tilted(), input_shape=(4, 3))
    assert caught.value.check == "gradient"
    assert caught.value.tensor == "x"
    assert caught.value.analytic == pytest.approx(1.001 * caught.value.numeric)
    assert "1.001 times" in str(caught.value)
    with pytest.raises(GradientError, match="check_loss"):
        check_loss(TiltedLoss(), shape=(4, 3))


@pytest.mark.parametrize("size", [8.0, 12.0, 20.0, 40.0, 300.0, 900.0])
@pytest.mark.parametrize("signs", [(1, 1), (-1, -1), (1, -1.1)])
@pytest.mark.parametrize("activation", [Sigmoid, Tanh, ELU, GELU, SiLU, Softplus, Softmax])
def test_right_activation_passes_where_its_slope_is_lost_in_the_last_bits(activation, signs, size):
    check_layer(activation(), x=size * np.array([signs]))


@pytest.mark.parametrize("size", [8.0, 12.0, 20.0, 40.0, 300.0, 900.0])
@pytest.mark.parametrize("label", [0, 1])
def test_right_loss_passes_where_its_value_is_lost_in_the_last_bits(label, size):
    check_loss(BCEWithLogitsLoss(), y=np.array([[size]]), t=np.array([[float(label)]]))
    check_loss(CrossEntropyLoss(), y=np.array([[size, -size]]), t=np.array([label]))


class SteepInTheTail(Sigmoid):
    """Its slope is doubled where that is small."""

    def backward(self, dy):
        return np.where(self._y > 0.999, 2, 1) * super().backward(dy)


@pytest.mark.parametrize("size", [8.0, 12.0, 20.0, 28.0])
def test_wrong_slope_is_caught_in_the_tail(size):
    with pytest.raises(GradientError, match="fails the check"):
        check_layer(SteepInTheTail(), x=size * np.array([[1, 1.1]]))


class InverseFourth(Layer):
    """y = 1 / x⁴, whose slope is 4 / x⁵: steep without bound at 0. Here it is 2 / x⁵."""

    def forward(self, x):
        self._x = x
        return x**-4

    def backward(self, dy):
        return -2 * dy * self._x**-5


def test_wrong_slope_is_caught_where_other_places_are_far_steeper():
    x = np.random.default_rng(0).uniform(5.5, 30, size=(20, 10))
    with pytest.raises(GradientError, match="fails the check"):
        check_layer(InverseFourth(), x=x)


class Quartic(Loss):
    def forward(self, y, t):
        self._d = y - t
        return float((self._d**4).mean())

    def backward(self):
        return 6 * self._d**3 / self._d.size  # 4 is right


def test_wrong_loss_is_caught_far_from_zero():
    t = np.random.default_rng(0).normal(size=(3, 2)) * 1e4
    with pytest.raises(GradientError, match="fails the check"):
        check_loss(Quartic(), y=t + 0.3, t=t)


class CoarseLoss(MSELoss):
    """Its gradient is 1 % off in float32."""

    def backward(self):
        dy = super().backward()
        return dy * (1.01 if dy.dtype == np.float32 else 1)


def test_loss_that_is_wrong_in_float32_only_is_caught():
    with pytest.raises(GradientError, match='"float32"'):
        check_loss(CoarseLoss(), y=np.array([[0.3, 2.0]]), t=np.array([[0.1, 1.0]]))


def test_right_layer_passes_where_its_gradient_cancels_in_float32():
    # x̂ of two features is ±1 whatever they are, so dx is nearly 0
    check_layer(LayerNorm(2), x=np.array([[-0.325422836, 1.799707382], [1.144165872, 1.799707382]]))


def test_right_layer_passes_where_few_last_bits_show_in_an_output():
    # of equal numbers the mean is taken off, and what is left is divided by √ε
    equal, other = 1.185500548690039, -1.930894969268504
    check_layer(LayerNorm(3), x=np.array([[[equal] * 3, [other, other, equal]]]))


def test_reproduction_is_small_and_fails_when_typed():
    with pytest.raises(GradientError) as caught:
        check_layer(Tilted(), input_shape=(4, 3))
    line = str(caught.value).rsplit("See it again: ", 1)[1]
    assert line == "check_layer(Tilted(), input_shape=(1, 1))"
    with pytest.raises(GradientError):
        eval(line)


def test_upstream_gradient_and_input_are_different_random_numbers():
    trial = make_trial(Sigmoid(), {"input_shape": (4, 3)}, 0, Report(""))
    assert trial.dy.shape == trial.x.shape
    assert abs(np.corrcoef(trial.dy.ravel(), trial.x.ravel())[0, 1]) < 0.9


def test_layer_of_the_caller_is_untouched():
    layer = Dense(3, 2, rng=0)
    x = np.ones((4, 3))
    layer.forward(x)
    layer.backward(np.ones((4, 2)))
    before, params, grads = dict(vars(layer)), layer.params.copy(), layer.grads.copy()
    check_layer(layer, x)
    assert all(vars(layer)[name] is value for name, value in before.items())
    assert vars(layer).keys() == before.keys()
    np.testing.assert_array_equal(layer.params, params)
    np.testing.assert_array_equal(layer.grads, grads)
    assert layer._x is x


def test_random_states_are_untouched():
    class Noise(Layer):
        def __init__(self):
            self.rng = np.random.default_rng(0)

        def forward(self, x):
            return x + self.rng.normal(size=x.shape).astype(x.dtype)

        def predict(self, x):
            return x.copy()

        def backward(self, dy):
            return dy

    layer = Noise()
    before = layer.rng.bit_generator.state, np.random.get_state()[1].copy()  # noqa: NPY002
    report = check_layer(layer, input_shape=(4, 3))
    assert layer.rng.bit_generator.state == before[0]
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert "redraws" in report.passed


def test_report_names_every_check_and_is_readable():
    report = check_layer(Dense(3, 2, rng=0), input_shape=(4, 3), skip=("layout",))
    assert {*report.passed, *report.skipped} == set(LAYER_CHECKS)
    assert report.skipped["layout"] == "asked for"
    assert report.tensors["W"].coordinates == 6
    assert not report.sampled
    assert max(report.worst.values()) < 1e-8
    lines = str(report).splitlines()
    assert lines[2].startswith("tensor  shape")
    assert lines[5].startswith("W")


def test_large_tensors_are_sampled_and_the_report_says_so():
    report = check_layer(Dense(300, 4, rng=0), input_shape=(2, 300))
    assert report.sampled
    assert "a sample" in str(report)


def test_fault_of_one_weight_among_many_shows_in_a_random_direction():
    class OneWeightForgotten(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.dW[123, 1] = 0
            return dx

    with pytest.raises(GradientError, match="direction"):
        check_layer(OneWeightForgotten(300, 4, rng=0), input_shape=(2, 300))


def test_part_at_fault_is_named():
    net = Sequential(Dense(3, 4, rng=0), Sigmoid(), Tilted(), Dense(4, 2, rng=1))
    with pytest.raises(GradientError) as caught:
        check_layer(net, input_shape=(4, 3))
    assert caught.value.part.startswith('part 2, Tilted(), fails "gradient" alone')


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: check_layer(Sigmoid()), ValueError, "input_shape=.4, 3."),
        (lambda: check_layer(Sigmoid(), np.ones((2, 2)), input_shape=(2, 2)), ValueError, "both"),
        (lambda: check_layer(Sigmoid, input_shape=(2, 2)), TypeError, "Pass Sigmoid"),
        (lambda: check_layer(MSELoss(), input_shape=(2, 2)), TypeError, "check_loss"),
        (lambda: check_layer(Layer(), input_shape=(2, 2)), TypeError, "no forward"),
        (lambda: check_layer(Dense(3, 2), input_shape=(4, 5)), ValueError, "does not take x"),
        (lambda: check_layer(Dense(3, 2), input_shape=(4,)), ValueError, "does not take x"),
        (lambda: check_layer(Sigmoid(), input_shape=3), ValueError, "tuple of sizes"),
        (lambda: check_layer(Sigmoid(), np.full((2, 2), np.nan)), ValueError, "finite"),
        (lambda: check_layer(Sigmoid(), [["a"]]), TypeError, "numbers"),
        (lambda: check_layer(Sigmoid(), input_shape=(2, 2), skip="kinks"), TypeError, "tuple"),
        (lambda: check_layer(Sigmoid(), input_shape=(2, 2), skip=("kink",)), ValueError, "linear"),
        (lambda: check_loss(MSELoss()), ValueError, "shape=.4, 3."),
        (lambda: check_loss(MSELoss(), np.ones((2, 2))), ValueError, "both y and t"),
        (lambda: check_loss(MSELoss, shape=(2, 2)), TypeError, "Pass MSELoss"),
        (lambda: check_loss(Sigmoid(), shape=(2, 2)), TypeError, "Loss"),
        (lambda: check_loss(Loss(), shape=(2, 2)), TypeError, "no forward"),
        (lambda: check_loss(MSELoss(), np.ones(2), np.ones(3)), ValueError, "does not take"),
        (lambda: check_loss(MSELoss(), shape=(2, 2), skip=("update",)), ValueError, "update"),
        (lambda: check_optimizer(lambda net: None, max), TypeError, "must return"),
        (lambda: values("odd"), ValueError, "kinds are"),
    ],
)
def test_bad_arguments_say_what_to_pass(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_exception_inside_the_layer_is_told_with_its_check_and_input():
    class OnlyFour(Sigmoid):
        def forward(self, x):
            if len(x) not in (4, 0):
                raise KeyError("four")
            return super().forward(x)

    with pytest.raises(GradientError, match=r"KeyError: 'four'(.|\n)*\(4, 3\)"):
        check_layer(OnlyFour(), input_shape=(4, 3))


def test_empty_input_is_replaced_and_the_report_says_so():
    assert "three random ones" in str(check_layer(Sigmoid(), np.empty((0, 3))))


def test_layer_in_single_precision_is_checked_in_double():
    report = check_layer(Dense(3, 2, rng=0, dtype=np.float32), np.ones((2, 3), np.float32))
    assert max(report.worst.values()) < 1e-8


def test_loss_report_names_every_check():
    report = check_loss(MSELoss(), shape=(4, 3))
    assert {*report.passed, *report.skipped} == set(LOSS_CHECKS)


class Momentum(Optimizer):
    def __init__(self, net, buffer=np.copy, velocity=None):
        super().__init__(net, 0.1)
        self.velocity, self.buffer = velocity, buffer

    def update(self, params, grads, rate):
        if self.velocity is None:
            self.velocity = self.buffer(grads)
        else:
            self.velocity = 0.9 * self.velocity + grads
        params -= rate * self.velocity


def momentum(params, grads, state):
    state["v"] = 0.9 * state.get("v", 0) + grads
    return params - 0.1 * state["v"]


def test_right_optimizer_passes_every_check():
    report = check_optimizer(Momentum, momentum)
    assert report.passed == list(OPTIMIZER_CHECKS)
    assert report.worst["params"] < 1e-9


class Decayed(SGD):
    def update(self, params, grads, rate):
        grads += 0.1 * params
        params -= rate * grads


class GradientsReplaced(SGD):
    def update(self, params, grads, rate):
        params -= rate * grads
        self.net.grads = np.zeros_like(grads)


class ForgetsToCount(SGD):
    def step(self):
        self.net.params[...] -= self.lr * self.net.grads


class OwnCopy(SGD):
    """Moves a copy of the parameters, so that what is loaded into the network is lost."""

    def __init__(self, net, lr):
        super().__init__(net, lr)
        self.own = net.params.copy()

    def update(self, params, grads, rate):
        self.own -= rate * grads
        params[...] = self.own


class VelocityOfTheClass(SGD):
    """The second optimizer starts with the velocity of the first."""

    velocities: ClassVar[dict[type, np.ndarray]] = {}

    def update(self, params, grads, rate):
        velocity = self.velocities.setdefault(params.dtype.type, np.zeros_like(params))
        velocity *= 0.9
        velocity += grads
        params -= rate * velocity


class VelocityOfTheLatest(VelocityOfTheClass):
    """Each new optimizer clears the velocity, also that of another one at work."""

    def __init__(self, net, lr):
        super().__init__(net, lr)
        self.velocities.clear()


class EpsilonLost(SGD):
    """An ε that is 0 in float32 makes 0 / 0 of a gradient of 0."""

    def update(self, params, grads, rate):
        params -= rate * grads / (np.abs(grads) + params.dtype.type(1e-50))


def sign_descent(params, grads, state):
    return params - 0.1 * np.sign(grads)


def descent(params, grads, state):
    return params - 0.1 * grads


WRONG_OPTIMIZERS = [
    (lambda net: Decayed(net, 0.1), lambda p, g, s: p - 0.1 * (g + 0.1 * p), "mutation"),
    (lambda net: GradientsReplaced(net, 0.1), descent, "mutation"),
    (lambda net: Momentum(net, lambda g: 0 * g), momentum, "trajectory"),
    (lambda net: Momentum(net, lambda g: g), momentum, "trajectory"),
    (lambda net: SGD(net, lr=0.1001), descent, "trajectory"),
    (lambda net: SGD(net, 0.1, clip_norm=1.0), descent, "trajectory"),
    (lambda net: ForgetsToCount(net, 0.1), descent, "trajectory"),
    (lambda net: OwnCopy(net, 0.1), descent, "reuse"),
    (lambda net: VelocityOfTheClass(net, 0.1), momentum, "reuse"),
    (lambda net: VelocityOfTheLatest(net, 0.1), momentum, "isolation"),
    (lambda net: EpsilonLost(net, 0.1), sign_descent, "float32"),
]


@pytest.mark.parametrize(("make", "reference", "check"), WRONG_OPTIMIZERS)
def test_wrong_optimizer_is_rejected_by_its_cause(make, reference, check):
    VelocityOfTheClass.velocities.clear()
    with pytest.raises(GradientError) as caught:
        check_optimizer(make, reference)
    assert caught.value.check == check, caught.value


def test_every_check_of_an_optimizer_can_fail():
    assert {check for _, _, check in WRONG_OPTIMIZERS} == set(OPTIMIZER_CHECKS)


def test_wrong_optimizer_is_explained():
    with pytest.raises(GradientError) as caught:
        check_optimizer(lambda net: OwnCopy(net, 0.1), descent)
    assert caught.value.tensor == "W"
    assert caught.value.analytic != pytest.approx(caught.value.numeric)
    assert "params replaced" in str(caught.value)
    assert "not a copy" in caught.value.hints[0]


@pytest.mark.parametrize(
    ("ratio", "sizes", "words"),
    [
        (-1, {}, ["sign"]),
        (4, {"rows": 4.0, "features": 4.0}, ["rows", "features"]),
        (0.25, {"rows": 4.0}, ["one over rows"]),
        (3, {"rows": 4.0}, []),
    ],
)
def test_every_name_of_a_ratio_is_given(ratio, sizes, words):
    names = factor_names(ratio, sizes)
    assert len(names) == len(words)
    assert all(word in name for word, name in zip(words, names, strict=True))


@given(batches(2, None, rows=(2, 3)))
def test_batches_have_the_shape_asked_for(x):
    assert 2 <= len(x) <= 3
    assert x.shape[1] == 2


@given(labels(5, 2))
def test_labels_are_integers_of_the_classes(x):
    assert x.dtype.kind == "i"
    assert x.shape[1:] == (2,)
    assert ((x >= 0) & (x < 5)).all()


@given(dense_layers(2), networks(2), batches(2))
def test_generated_networks_take_generated_batches(layer, net, x):
    assert len(layer.forward(x)) == len(net.forward(x)) == len(x)


def test_kinds_of_values_are_what_they_say():
    zeros, ties, separated = (Values(kind, 0)((20, 20)) for kind in ("zeros", "ties", "separated"))
    assert 0.4 < np.mean(zeros == 0) < 0.6
    assert len(np.unique(ties)) == 3
    assert np.min(np.diff(np.sort(separated.ravel()))) > 0.05


test_sigmoid_in_one_line = layer_test(Sigmoid, batches(2))
test_dense_in_one_line = layer_test(lambda shape: Dense(*shape, 2, rng=0))
test_loss_in_one_line = loss_test(MSELoss)


def test_failing_property_shrinks_to_one_number():
    with pytest.raises(GradientError, match=r"np.array\(\[\[.*\]\]\)") as caught:
        layer_test(Tilted)()
    line = str(caught.value).rsplit("x=", 1)[1]
    assert line.count(",") == 0


def test_property_tests_of_one_line_have_no_deadline():
    profile = settings.get_current_profile_name()
    settings.register_profile("impatient", settings(deadline=1, max_examples=1))  # 1 ms
    settings.load_profile("impatient")
    try:
        layer_test(Sigmoid)()
        loss_test(MSELoss)()
    finally:
        settings.load_profile(profile)


def test_strategies_say_what_to_install_where_hypothesis_is_missing():
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "try: import tinynet.testing.strategies\n"
        "except ImportError as error: assert 'pip install hypothesis' in str(error)\n"
        "else: raise AssertionError"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_testing_needs_neither_hypothesis_nor_pytest_and_tinynet_does_not_import_it():
    code = (
        "import sys, tinynet; assert 'tinynet.testing' not in sys.modules; import tinynet.testing; "
        "assert not {'hypothesis', 'pytest', '_pytest'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("check", "subject", "name"),
    [(check_layer, Sigmoid(), "input_shape"), (check_loss, MSELoss(), "shape")],
)
def test_a_shape_in_the_place_of_an_array_is_told_its_name(check, subject, name):
    with pytest.raises(ValueError, match=rf"write {name}=\(4, 3\)"):
        check(subject, (4, 3))


def test_a_forward_that_returns_nothing_is_told_so():
    class Forgetful(Sigmoid):
        def forward(self, x):
            super().forward(x)

    with pytest.raises(ValueError, match="forward returned None: it must end in return"):
        check_layer(Forgetful(), input_shape=(4, 3))


def test_a_domain_outside_which_outputs_are_infinite_is_no_obstacle():
    class Entropy(Layer):
        def forward(self, x):
            self._x = x
            return entr(x)  # -inf for negative x

        def backward(self, dy):
            return -dy * (np.log(self._x) + 1)

    assert check_layer(Entropy(), np.random.default_rng(0).uniform(0.1, 0.9, (4, 3)))


class _Affine(Dense):
    """A Dense layer whose backward has the mistake that a test gives it."""

    def __init__(self, size, dx=None, db=None):
        super().__init__(size, size, rng=0)
        self.mistaken_dx, self.mistaken_db = dx, db

    def backward(self, dy):
        dx = super().backward(dy)
        if self.mistaken_db:
            self.db[...] = self.mistaken_db(dy)
        return self.mistaken_dx(dy, self.W) if self.mistaken_dx else dx


def _untransposed(dy, W):
    return dy @ W


def _total(dy):
    return dy.sum()


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_transpose_forgotten_with_a_square_matrix_is_recognised(size):
    with pytest.raises(GradientError) as info:
        check_layer(_Affine(size, dx=_untransposed), input_shape=(4, size))
    assert info.value.hints == ("dx is dy @ W; for y = x @ W it is dy @ W.T.",)


@pytest.mark.parametrize("size", [2, 4])
def test_a_sum_over_everything_in_place_of_the_rows_is_recognised(size):
    with pytest.raises(GradientError) as info:
        check_layer(_Affine(size, db=_total), input_shape=(3, size))
    assert info.value.hints == ("db is the sum over all elements: write dy.sum(axis=0).",)
