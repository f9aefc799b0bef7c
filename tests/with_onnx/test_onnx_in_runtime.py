"""What ONNX Runtime computes from an exported file is what `predict` computes."""

import copy
import importlib
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
    *((BatchNorm(shape[0], eps=0.1), shape) for shape in ((5,), STEPS, IMAGE)),
    *((LayerNorm(shape[-1], eps=0.1), shape) for shape in ((5,), STEPS, IMAGE)),
    *((RMSNorm(shape[-1], eps=0.1), shape) for shape in ((5,), STEPS, IMAGE)),
    *((GroupNorm(2, 4, eps=0.1), shape) for shape in ((4,), LINE, IMAGE)),
    *((GroupNorm(groups, 4), IMAGE) for groups in (1, 4)),
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
        if name.endswith("running_var"):
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
    """Whether the evaluator of the package onnx, which is no complete one, computes it."""
    return not any(getattr(part, "reverse", False) for part in layer.walk())


REST = [c for c in CASES if not has_float64(c[0]) and in_reference(c[0])]


@pytest.mark.parametrize(("layer", "shape"), REST, ids=case)
def test_float64_without_kernels_in_the_runtime(layer, shape, tmp_path):
    net = filled(layer, np.float64)
    session = ReferenceEvaluator(exported(net, tmp_path, input_shape=shape))
    check(net, session, [some(shape, np.float64, count) for count in (1, 3, 7)], 1e-10)


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
