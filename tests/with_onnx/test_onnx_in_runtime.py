"""What ONNX Runtime computes from an exported file is what `predict` computes."""

import copy
import importlib
import itertools
import re
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator

from tinynet import (
    ELU,
    GELU,
    GRU,
    LSTM,
    RNN,
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
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    Masked,
    MaxPool2D,
    Mish,
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
)
from tinynet.interop.onnx import export
from tinynet.persistence.arrays import named_arrays

ROOT = Path(__file__).parent.parent.parent
NEWEST = min(onnx.defs.onnx_opset_version(), 23)  # the newest that has an operator taken here
OPSETS = sorted({17, 18, 20, min(21, NEWEST), NEWEST})
IMAGE, STEPS, LINE = (4, 9, 8), (6, 4), (4, 9)

ACTIVATIONS = [
    *(Sigmoid(), Tanh(), Softmax(), LogSoftmax(), ReLU(), LeakyReLU(), LeakyReLU(-0.3)),
    *(ELU(), ELU(0.7), GELU(), GELU("tanh"), SiLU(), Mish(), Softplus(), Identity()),
]
ROWS = [  # layers of rows, with the shape of an example
    *((layer, (5,)) for layer in ACTIVATIONS),
    *((Dense(5, 3, bias=bias), (5,)) for bias in (True, False)),
    *((Dense(5, 3, bias=bias), (2, 3, 5)) for bias in (True, False)),
    *((PReLU(), shape) for shape in ((5,), STEPS, IMAGE)),
    *((PReLU(shape[0]), shape) for shape in ((5,), STEPS, IMAGE)),
    *((Dropout(0.5), (5,)), (Dropout(0.5, channels=True), IMAGE)),
    *((Standardize(np.zeros(shape), np.ones(shape)), IMAGE) for shape in ((), (8,), (4, 1, 1))),
    (Standardize(np.zeros(5), np.ones(5)), (5,)),
    *((BatchNorm(shape[0], eps=0.1), shape) for shape in ((5,), STEPS, IMAGE)),
    *((LayerNorm(shape[-1], eps=0.1), shape) for shape in ((5,), STEPS, IMAGE)),
    *((RMSNorm(shape[-1], eps=0.1), shape) for shape in ((5,), STEPS, IMAGE)),
    *((GroupNorm(2, 4, eps=0.1), shape) for shape in ((4,), LINE, IMAGE)),
    *((GroupNorm(groups, 4), IMAGE) for groups in (1, 4)),
    *((LayerNorm(5, bias=False), (5,)), (GroupNorm(2, 4, affine=False), IMAGE)),
    *((norm(5, affine=False), (5,)) for norm in (BatchNorm, LayerNorm, RMSNorm)),
    (BatchNorm(4, affine=False), IMAGE),
    *((Flatten(), shape) for shape in ((), (5,), STEPS, IMAGE)),
    *((Reshape((3, 8)), STEPS), (Reshape((24,)), STEPS), (Reshape((2, 3, 4)), (24,))),
    *((Permute((2, 1)), STEPS), (Permute((3, 1, 2)), IMAGE), (Permute((1,)), (5,))),
]
IMAGES = [
    Conv2D(4, 6, 3),
    Conv2D(4, 6, (2, 3), stride=(2, 1), padding=(1, 2), bias=False),
    Conv2D(4, 6, (2, 4), padding="same", dilation=(1, 2)),
    Conv2D(4, 6, 3, groups=2, stride=2),
    Conv2D(4, 4, 3, groups=4, padding=1),
    MaxPool2D(2),
    MaxPool2D((3, 2), stride=(2, 1), padding=(1, 1)),
    AvgPool2D(2),
    AvgPool2D((3, 2), stride=(2, 1), padding=(1, 1)),
    GlobalAveragePool(),
]
LINES = [
    Conv1D(4, 6, 3),
    Conv1D(4, 6, 2, stride=2, padding=1, dilation=2, groups=2, bias=False),
    Conv1D(4, 6, 4, padding="same"),
    GlobalAveragePool(),
]
OPTIONS = [
    {},
    {"return_sequences": True},
    {"reverse": True},
    {"reverse": True, "return_sequences": True},
    {"bias": False},
    {"learn_initial": True, "reverse": True, "return_sequences": True},
    {"learn_initial": True},
]
RECURRENT = [kind(4, 3, **options) for kind in (RNN, LSTM, GRU) for options in OPTIONS]
ATTENTION = [
    SelfAttention(4, heads, causal=causal, bias=bias)
    for heads, causal, bias in [(1, False, True), (2, True, True), (4, True, False)]
]
SEQUENCES = [
    AverageSteps(),
    PositionalEncoding(6, 4),
    PositionalEncoding(20, 4),
    PositionalEncoding(20, 4, learned=True),
    *ATTENTION,
    *RECURRENT,
]
CONTAINERS = [
    (Sequential(Dense(5, 4), Sequential(Tanh(), Sequential(Dense(4, 3)))), (5,)),
    (Sequential(Identity()), (5,)),
    (Sequential(Dropout(0.5), Identity(), Dense(5, 2)), (5,)),
    (Residual(Identity()), (5,)),
    (Residual(Residual(Dense(5, 5))), (5,)),
    (Frozen(Dense(5, 2)), (5,)),
    (Sequential(Frozen(Sequential(Dense(5, 4), BatchNorm(4), Dropout(0.5))), Dense(4, 2)), (5,)),
    (Concatenate(Identity(), Dense(5, 2), Dense(5, 3)), (5,)),
    (Concatenate(Dense(5, 5), Identity(), axis=1), (3, 5)),
    (Concatenate(MaxPool2D(2), AvgPool2D(2), axis=1), IMAGE),
    (Concatenate(MaxPool2D(2), AvgPool2D(2), axis=-2), IMAGE),
    (Concatenate(GRU(4, 3), GRU(4, 3, reverse=True)), STEPS),
]
CASES = [
    *ROWS,
    *((layer, IMAGE) for layer in IMAGES),
    *((layer, LINE) for layer in LINES),
    *((layer, STEPS) for layer in SEQUENCES),
    *CONTAINERS,
]
WITHOUT_FLOAT64 = Conv2D, AvgPool2D, RNN, LSTM, GRU  # kernels that ONNX Runtime does not have


def filled(layer, dtype, seed=0):
    """The layer in a network of that float type, with parameters and buffers at random."""
    rng = np.random.default_rng(seed)
    with warnings.catch_warnings(action="ignore"):  # of equal weights in copies
        net = Sequential(copy.deepcopy(layer), dtype=dtype)
    for array in named_arrays(net).values():
        array[...] = rng.uniform(0.2, 0.8, array.shape) * rng.choice([-1, 1], array.shape)
    for name, array in named_arrays(net).items():
        if name.endswith(("running_var", "std")):
            array[...] = np.abs(array)
    return net


def some(shape, dtype, count, seed=1):
    return np.random.default_rng(seed).normal(size=(count, *shape), scale=2).astype(dtype)


def exported(net, folder, **options):
    path = folder / "net.onnx"
    export(net, path, **options)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    return path


def runtime(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def check(net, session, xs, tolerance):
    for x in xs:
        (y,) = session.run(["y"], {"x": x})
        right = net.predict(x)
        assert y.dtype == right.dtype
        assert y.shape == right.shape
        np.testing.assert_allclose(y, right, rtol=tolerance, atol=tolerance)


def case(value):
    return " ".join(str(value).split())


@pytest.mark.parametrize(("layer", "shape"), CASES, ids=case)
def test_float32(layer, shape, tmp_path):
    net = filled(layer, np.float32)
    session = runtime(exported(net, tmp_path, input_shape=shape))
    check(net, session, [some(shape, np.float32, count) for count in (1, 3, 7)], 1e-5)


def has_float64(layer):
    return not any(
        isinstance(part, WITHOUT_FLOAT64) or (isinstance(part, GELU) and part.approximate == "none")
        for part in layer.walk()
    )


@pytest.mark.parametrize(("layer", "shape"), [c for c in CASES if has_float64(c[0])], ids=case)
def test_float64(layer, shape, tmp_path):
    net = filled(layer, np.float64)
    session = runtime(exported(net, tmp_path, input_shape=shape))
    check(net, session, [some(shape, np.float64, count) for count in (1, 3, 7)], 1e-10)


def in_reference(layer):
    """Whether all versions of the evaluator in the package onnx compute it; it is no whole one."""
    return not any(getattr(part, "reverse", False) for part in layer.walk())


REST = [c for c in CASES if not has_float64(c[0]) and in_reference(c[0])]


@pytest.mark.parametrize(("layer", "shape"), REST, ids=case)
def test_float64_without_kernels_in_the_runtime(layer, shape, tmp_path):
    net = filled(layer, np.float64)
    session = ReferenceEvaluator(str(exported(net, tmp_path, input_shape=shape)))
    tolerance = 1e-6 if isinstance(layer, GELU) else 1e-10  # it rounds erf to float32
    check(net, session, [some(shape, np.float64, count) for count in (1, 3, 7)], tolerance)


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_opsets(opset, dtype, tmp_path):
    tolerance = 1e-5 if dtype == np.float32 else 1e-10
    for layer, shape in CASES:
        if dtype == np.float32 or has_float64(layer):
            net = filled(layer, dtype)
            path = exported(net, tmp_path, input_shape=shape, opset=opset)
            assert [each.version for each in onnx.load(path).opset_import] == [opset]
            check(net, runtime(path), [some(shape, dtype, 3)], tolerance)


PATTERNS = [  # which steps count: padding behind, before, in between, and none
    [1, 1, 1, 0, 0, 0],
    [0, 0, 1, 1, 1, 1],
    [1, 0, 1, 0, 0, 1],
    [0, 1, 0, 0, 1, 0],
    [0, 0, 0, 0, 0, 1],
    [1, 0, 0, 0, 0, 0],
    [1, 1, 1, 1, 1, 1],
]
MASKED = [
    AverageSteps(),
    *(SelfAttention(4, 2, causal=causal, bias=not causal) for causal in (True, False)),
    *RECURRENT,
    Sequential(LSTM(4, 3, return_sequences=True), GRU(3, 2, reverse=True), Dense(2, 2)),
    Sequential(Dense(4, 4), Tanh(), Residual(SelfAttention(4, 1)), AverageSteps()),
    Concatenate(LSTM(4, 3), LSTM(4, 3, reverse=True)),
]


def with_padding(x, padding):
    """The sequences, repeated as often as there are patterns, with padding where they say."""
    x = np.concatenate([x] * len(PATTERNS))[: len(PATTERNS)].copy()
    x[~np.array(PATTERNS, bool)] = padding
    return x


@pytest.mark.parametrize("layer", MASKED, ids=case)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("padding", [0, -1.5])
def test_masked_features(layer, dtype, padding, tmp_path):
    net = filled(Masked(copy.deepcopy(layer), padding), np.dtype(dtype))
    if dtype == np.float64 and not has_float64(layer):
        exported(net, tmp_path, input_shape=STEPS)
        return
    session = runtime(exported(net, tmp_path, input_shape=STEPS))
    x = with_padding(some(STEPS, dtype, 7), padding)
    x[0, 0, 1] = padding  # in one feature only: the step counts
    tolerance = 1e-5 if dtype == np.float32 else 1e-10
    check(net, session, [x, x[:1], x[3:6]], tolerance)


@pytest.mark.parametrize("layer", MASKED, ids=case)
@pytest.mark.parametrize("padding", [0, 3, 0.5])
def test_masked_ids(layer, padding, tmp_path):
    inner = Sequential(Embedding(9, 4), copy.deepcopy(layer))
    net = filled(Masked(inner, padding), np.float32)
    session = runtime(exported(net, tmp_path, input_shape=(6,)))
    x = with_padding(np.random.default_rng(0).integers(4, 9, (7, 6)), round(padding))
    check(net, session, [x, x[:1], x[3:6]], 1e-5)


def test_a_masked_in_a_masked_leaves_out_the_padding_of_both(tmp_path):
    both = Masked(Sequential(Identity(), Masked(SelfAttention(4, 1), 2), Masked(GRU(4, 3), 2)), 1)
    net = filled(both, np.float32)
    session = runtime(exported(net, tmp_path, input_shape=STEPS))
    x = some(STEPS, np.float32, 3)
    x[0, 1], x[1, 2], x[2, 3] = 1, 2, 2
    x[2, 0] = 1
    check(net, session, [x], 1e-5)


def test_an_output_that_other_operators_take_too(tmp_path):
    """Behind the Dense, whose output is that of the network, the mask is computed from it."""
    with warnings.catch_warnings(action="ignore"):  # that nothing leaves out padding
        net = filled(Sequential(Dense(4, 4), Masked(Identity())), np.float32)
        session = runtime(exported(net, tmp_path, input_shape=STEPS))
        check(net, session, [some(STEPS, np.float32, 3)], 1e-5)


def test_a_mask_of_other_steps_does_not_reach_inside(tmp_path):
    """The inner mask has another shape, so tinynet takes it alone."""
    halved = Sequential(Reshape((3, 8)), Masked(AverageSteps(), 0))
    net = filled(Masked(Sequential(halved, Identity()), 0), np.float32)
    session = runtime(exported(net, tmp_path, input_shape=STEPS))
    x = some(STEPS, np.float32, 3)
    x[0, :2] = x[1, 3:] = 0
    check(net, session, [x], 1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (6,)])
def test_ids(shape, dtype, tmp_path):
    net = filled(Embedding(9, 4), dtype)
    path = exported(net, tmp_path, input_shape=shape)
    assert runtime(path).get_inputs()[0].type == "tensor(int64)"
    rng = np.random.default_rng(0)
    check(net, runtime(path), [rng.integers(0, 9, (count, *shape)) for count in (1, 3, 7)], 0)


def test_ids_that_layers_of_shapes_pass_on(tmp_path):
    layers = Sequential(Reshape((2, 3)), Permute((2, 1))), Identity(), Flatten(), Embedding(9, 4)
    net = filled(Sequential(*layers), np.float32)
    session = runtime(exported(net, tmp_path, input_shape=(6,)))
    check(net, session, [np.random.default_rng(0).integers(0, 9, (3, 6))], 0)


@pytest.mark.parametrize(
    ("module", "make"),
    [
        ("mnist", lambda it: it.network([784, 20, 10], bias=True, rng=0, dtype="float32")),
        ("mnist", lambda it: it.network([784, 100, 10], bias=False, rng=0, dtype="float64")),
        ("mnist_deep", lambda it: it.network(np.random.default_rng(0))),
        ("mnist_conv", lambda it: it.network(np.random.default_rng(0))),
        *(
            ("mnist_rows", lambda it, kind=kind: it.NETWORKS[kind](np.random.default_rng(0)))
            for kind in ("lstm", "gru", "attention")
        ),
    ],
)
def test_the_networks_of_the_examples(module, make, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    with warnings.catch_warnings(action="ignore"):
        net = make(importlib.import_module(module))
    dtype = net.params.dtype
    net.forward(np.random.default_rng(2).random((32, 784)).astype(dtype))  # moves statistics
    session = runtime(exported(net, tmp_path, input_shape=(784,)))
    xs = [np.random.default_rng(1).random((count, 784)).astype(dtype) for count in (1, 3, 7)]
    check(net, session, xs, 1e-5 if dtype == np.float32 else 1e-10)


def small():
    return filled(Sequential(Dense(5, 4), BatchNorm(4), Frozen(Dense(4, 2))), np.float32)


def test_the_file_says_what_goes_in_and_comes_out(tmp_path):
    path = exported(small(), tmp_path, name="classifier", doc="Reads digits – 97 %.")
    model = onnx.load(path)
    assert model.doc_string == "Reads digits – 97 %."
    assert model.producer_name == "tinynet"
    assert model.graph.name == "classifier"
    session = runtime(path)
    ends = [*session.get_inputs(), *session.get_outputs()]
    assert [(end.name, end.shape, end.type) for end in ends] == [
        ("x", ["N", 5], "tensor(float)"),
        ("y", ["N", 2], "tensor(float)"),
    ]
    exported(small(), tmp_path)
    assert onnx.load(path).doc_string == ""
    assert onnx.load(path).graph.name == "tinynet"


@pytest.mark.parametrize(("layer", "shape"), CASES, ids=case)
def test_parameters_keep_their_names(layer, shape, tmp_path):
    net = filled(layer, np.float32)
    constants = onnx.load(exported(net, tmp_path, input_shape=shape)).graph.initializer
    there = {each.name for each in constants if ".constant" not in each.name}
    own = {re.sub(r"\bc$", "b", name) for name in named_arrays(net)}  # c of a GRU is a part of b
    assert there == own | ({"0.P"} if isinstance(layer, PositionalEncoding) else set())


def test_a_parameter_that_is_no_parameter_of_an_operator_is_as_it_was(tmp_path):
    net = small()
    constants = onnx.load(exported(net, tmp_path)).graph.initializer
    there = {each.name: onnx.numpy_helper.to_array(each) for each in constants}
    for name, array in named_arrays(net).items():
        assert np.array_equal(there[name], array)


def test_a_layer_without_a_network_is_exported(tmp_path):
    for layer, shape in [(Dense(5, 2, dtype=np.float32), (5,)), (ReLU(), (5,))]:
        session = runtime(exported(layer, tmp_path, input_shape=shape))
        check(layer, session, [some(shape, layer.params.dtype, 3)], 1e-5)


def test_options_that_were_changed_later_are_those_of_the_file(tmp_path):
    net = filled(Sequential(LeakyReLU(), GRU(4, 3), LayerNorm(3)), np.float32)
    leaky, gru, norm = net[0].layers
    leaky.negative_slope, gru.return_sequences, gru.reverse, norm.eps = 0.7, True, True, 0.5
    session = runtime(exported(net, tmp_path, input_shape=STEPS))
    check(net, session, [some(STEPS, np.float32, 3)], 1e-5)


def test_a_class_of_ones_own_that_inherits_what_it_computes_is_exported(tmp_path):
    class Hidden(Dense):
        """A Dense of a fixed size, with a gradient of its own and another method."""

        def __init__(self):
            super().__init__(5, 3, rng=0)

        def backward(self, dy):
            return super().backward(np.clip(dy, -1, 1))

        def norm(self):
            return np.linalg.norm(self.W)

    class Classifier(Sequential):
        def __init__(self):
            super().__init__(Hidden(), Tanh())

    net = Classifier()
    check(net, runtime(exported(net, tmp_path)), [some((5,), np.float64, 3)], 1e-10)


def test_the_same_network_gives_the_same_bytes(tmp_path):
    path = exported(small(), tmp_path)
    first = path.read_bytes()
    export(small(), path)
    assert path.read_bytes() == first


def test_exporting_changes_nothing(tmp_path):
    net = filled(Sequential(Dropout(0.5, rng=0), Dense(5, 4), BatchNorm(4)), np.float32)
    before = {name: array.copy() for name, array in named_arrays(net).items()}
    state = str(net[0][0].rng.bit_generator.state)
    exported(net, tmp_path, input_shape=(5,))
    assert all(np.array_equal(array, before[n]) for n, array in named_arrays(net).items())
    assert str(net[0][0].rng.bit_generator.state) == state


def test_an_opset_that_the_package_does_not_have_is_refused(tmp_path):
    newest = onnx.defs.onnx_opset_version()
    message = rf"opset must be from 17 to {newest}, .*; got {newest + 1}"
    with pytest.raises(ValueError, match=message):
        export(small(), tmp_path / "net.onnx", opset=newest + 1)
    assert [*tmp_path.iterdir()] == []


def test_more_than_a_file_can_hold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tinynet.interop.onnx.model._LARGEST", 100)
    with pytest.raises(ValueError, match=r"holds at most 100 bytes; the arrays have \d+\."):
        export(small(), tmp_path / "net.onnx")
    assert [*tmp_path.iterdir()] == []


def test_what_fails_leaves_the_old_file_as_it_was(tmp_path, monkeypatch):
    path = exported(small(), tmp_path)
    before = path.read_bytes()

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="the old file is as it was"):
        export(filled(Dense(5, 2), np.float32), path)
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]


PAGE = (ROOT / "docs/how-to-train.md").read_text("utf-8")


@pytest.mark.parametrize("layer", {str(layer): layer for layer, _ in CASES}.values(), ids=case)
def test_the_page_names_the_operators_of_a_layer(layer, tmp_path):
    shapes = [shape for other, shape in CASES if other is layer]
    kinds = {type(part).__name__ for part in layer.walk()}
    rows = re.findall(r"^\| (`.*?) \| (.*) \|$", PAGE.partition("with ONNX")[2], re.M)
    rows = [right for left, right in rows if kinds & {*re.findall(r"`(\w+)`", left)}]
    named = {"Identity"} | {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    for dtype, opset, shape in itertools.product((np.float32, np.float64), OPSETS, shapes):
        path = exported(filled(layer, dtype), tmp_path, input_shape=shape, opset=opset)
        assert {node.op_type for node in onnx.load(path).graph.node} <= named


def test_the_page_shows_what_works(tmp_path, monkeypatch):
    (block,) = re.findall(r"^```py\n(.*?)^```", PAGE, re.M | re.S)
    monkeypatch.chdir(tmp_path)
    namespace = {}
    exec(block, namespace)
    np.testing.assert_allclose(namespace["y"], namespace["net"].predict(namespace["x"]), atol=1e-5)
