"""What `export` refuses; what it writes is run in tests/with_onnx."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from layers import Parallel, Scale

from tinynet import (
    BatchNorm,
    Concatenate,
    Conv2D,
    Dense,
    Embedding,
    Frozen,
    Layer,
    Masked,
    ReLU,
    Residual,
    SelfAttention,
    Sequential,
)
from tinynet.interop.onnx import export
from tinynet.interop.onnx.network import OPERATORS
from tinynet.layers import __all__ as layers

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/how-to-train.md"


def test_every_layer_of_tinynet_has_operators():
    assert {kind.__name__ for kind in OPERATORS} == {*layers} - {"Layer"}


def test_the_table_of_operators_has_a_row_for_every_layer():
    rows = re.findall(
        r"^\| (`.*?) \| .* \|$", PAGE.read_text("utf-8").partition("with ONNX")[2], re.M
    )
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(kind.__name__ for kind in OPERATORS)


@pytest.mark.parametrize(
    ("net", "place"),
    [
        (Scale(3), r"^Scale\(3\) cannot"),
        (Sequential(Dense(3, 3), Scale(3)), r"^layer 1, Scale\(3\), cannot"),
        (Sequential(Dense(3, 3), Sequential(ReLU(), Scale(3))), r"^layer 1\.1, Scale\(3\), "),
        (Sequential(Residual(Scale(3))), r"^layer 0\.inner, Scale\(3\), "),
        (Sequential(Frozen(Sequential(ReLU(), Scale(3)))), r"^layer 0\.inner\.1, Scale\(3\), "),
        (Concatenate(Dense(3, 3), Scale(3)), r"^layer 1, Scale\(3\), "),
        (Sequential(Parallel(Dense(3, 3), ReLU())), r"^layer 0, Parallel\("),
    ],
)
def test_a_layer_without_an_operator_is_named_with_its_place(net, place, tmp_path):
    with pytest.raises(TypeError, match=place):
        export(net, tmp_path / "net.onnx", input_shape=(3,))
    assert [*tmp_path.iterdir()] == []


def test_a_class_of_ones_own_that_computes_something_else_is_refused(tmp_path):
    class Doubled(Dense):
        def predict(self, x):
            return 2 * super().predict(x)

    class Shifted(Dense):
        def forward(self, x):
            return super().forward(x) + 1

    class Sharp(SelfAttention):
        def _attention(self, Q, K, mask):
            return super()._attention(2 * Q, K, mask)

    for layer in (Doubled(3, 3), Shifted(3, 3)):
        with pytest.raises(TypeError, match=r"layer 0, (Doubled|Shifted)\(3, 3\), cannot be exp"):
            export(Sequential(layer, ReLU()), tmp_path / "net.onnx")
    with pytest.raises(TypeError, match=r"^Sharp\(4, 2\) cannot be exported"):
        export(Sharp(4, 2), tmp_path / "net.onnx", input_shape=(5, 4))


@pytest.mark.parametrize("net", [Sequential(ReLU(), Dense(3, 2)), Residual(Sequential(ReLU()))])
def test_a_network_without_input_shape_says_which_argument_gives_it(net, tmp_path):
    with pytest.raises(ValueError, match=r"layer, ReLU\(\), .*: write export\(.*input_shape="):
        export(net, tmp_path / "net.onnx")


def test_what_the_network_does_not_take_is_an_error_of_the_layer(tmp_path):
    with pytest.raises(ValueError, match=r"must be \(N, 1, H, W\)") as caught:
        export(Sequential(Conv2D(1, 2, 3)), tmp_path / "net.onnx", input_shape=(3, 8, 8))
    assert "for examples of input_shape=(3, 8, 8)" in caught.value.__notes__
    with pytest.raises(ValueError, match=r"no window fits into 2 × 2 pixels"):
        export(Sequential(Conv2D(1, 2, 3)), tmp_path / "net.onnx", input_shape=(1, 2, 2))


@pytest.mark.parametrize("path", ["net", "net.npz", "net.onnx.txt", "onnx", ".onnx", "net.onnx "])
def test_a_path_that_does_not_end_in_onnx_is_refused(path, tmp_path):
    with pytest.raises(ValueError, match=rf"path must end in \.onnx, .*{path}$"):
        export(Dense(3, 2), tmp_path / path)


@pytest.mark.parametrize("net", ["net.onnx", None, Dense, [Dense(3, 2)], len])
def test_what_is_no_layer_is_refused(net, tmp_path):
    with pytest.raises(TypeError, match=r"export takes the network first, export\(net, path\)"):
        export(net, tmp_path / "net.onnx")


def test_other_arguments_are_checked(tmp_path):
    net, path = Dense(3, 2), tmp_path / "net.onnx"
    with pytest.raises(ValueError, match="opset must be an int of at least 17; got 16"):
        export(net, path, opset=16)
    with pytest.raises(ValueError, match="name must not be empty"):
        export(net, path, name="")
    with pytest.raises(TypeError, match="doc must be a text; got 3"):
        export(net, path, doc=3)
    with pytest.raises(TypeError, match="input_shape must be a tuple of sizes; got 3"):
        export(net, path, input_shape=3)


def test_nan_is_refused_by_the_name_of_the_parameter(tmp_path):
    net = Sequential(Dense(3, 2), BatchNorm(2))
    net[1].running_var[1] = np.inf
    with pytest.raises(ValueError, match=r"^1\.running_var: NaN or infinite"):
        export(net, tmp_path / "net.onnx")


def test_a_layer_that_is_held_without_being_declared_is_an_error(tmp_path):
    class Hidden(Layer):
        def __init__(self):
            super().__init__()
            self.list = [Dense(3, 3)]

    with pytest.raises(ValueError, match="list"):
        export(Hidden(), tmp_path / "net.onnx", input_shape=(3,))


@pytest.mark.parametrize(
    "net", [Dense(3, 2), Masked(Sequential(Embedding(5, 4), SelfAttention(4, 1)))]
)
def test_without_the_package_the_command_that_installs_it_is_named(net, tmp_path, monkeypatch):
    for module in ("onnx", "onnx.checker", "onnx.defs", "onnx.helper", "onnx.numpy_helper"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"pip install onnx$"):
        export(net, tmp_path / "net.onnx", input_shape=(3,))
    assert [*tmp_path.iterdir()] == []


def test_the_package_is_imported_when_a_network_is_exported():
    program = "import sys, tinynet; assert 'tinynet.interop.onnx' not in sys.modules; "
    program += "import tinynet.interop.onnx; assert not {'onnx', 'onnxruntime'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
