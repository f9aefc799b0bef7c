"""Networks in files of ONNX, which other programs run."""

import itertools
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinynet.checks import file_path, positive_int, sizes
from tinynet.interop.onnx.graph import TYPES, Graph, Node, Value
from tinynet.interop.onnx.network import add_layer
from tinynet.layers import Flatten, Identity, Layer, Masked, Permute, Reshape
from tinynet.persistence.arrays import check_finite, named_arrays
from tinynet.persistence.atomic import write_atomically
from tinynet.persistence.models import check_network
from tinynet.text import shown
from tinynet.types import Array, FilePath

_FIRST = 17  # the first opset with LayerNormalization
_LARGEST = 2**31 - 1  # bytes of a message in the format of the file


def export(
    net: Layer,
    path: FilePath,
    *,
    input_shape: tuple[int, ...] | None = None,
    name: str = "tinynet",
    doc: str = "",
    opset: int = 17,
) -> None:
    """Write a network as a file of ONNX that computes what `net.predict` computes.

    The file has one input x (N, *input_shape) and one output y (N, ...), for any number N of
    examples, both of the float type of the network; ids are int64. It is written completely or not
    at all. Parameters and buffers keep their names, "0.W" or "1.running_mean". Those of recurrent
    layers have ONNX's order of gates and its axes, and those that meet the channels of images have
    axes of length 1 behind. Dropout is left out, as in inference.

    An attribute of an operator is a float32. So in a float64 network, layers with a number such as
    `eps` are written in primitive operators, and nothing is rounded. ONNX Runtime runs float32
    networks of all layers; in float64 it has no convolutions, `AvgPool2D`, recurrent layers and
    `GELU()`.

    Args:
        net: a network, or a layer.
        path: of the file, which ends in .onnx.
        input_shape: the shape of one example, without the batch axis; needed if the first layer
            does not prescribe it.
        name: of the graph in the file.
        doc: text that the file holds for its readers.
        opset: the version of ONNX's operators, at least 17. From 18, 20, 21 and 23 on, `Mish`,
            `GELU`, `GroupNorm` and `RMSNorm` have operators of their own; before, they are written
            in primitive ones.

    Raises:
        ImportError: onnx is not installed; it is the extra `onnx`.
        OSError: the file cannot be written; an old one is then as it was.
        TypeError: no layer, or a layer for which there is no operator, such as one of your own; the
            error names it and its place.
        ValueError: a path without .onnx; a network without an input shape, or that does not take
            the given one; a parameter that is NaN or infinite; another opset; more than 2 GiB.

    Example:
        >>> from tinynet import ReLU, Sequential
        >>> export(Sequential(ReLU()), "net.onnx")
        Traceback (most recent call last):
        ValueError: the first layer, ReLU(), does not prescribe the shape of an example: write
        export(net, path, input_shape=(784,)) with that of yours
    """
    check_network("export", net)
    if file_path(path).suffix.lower() != ".onnx":
        raise ValueError(f'path must end in .onnx, as in "net.onnx"; got {path}')
    _check_text("name", name)
    if name == "":
        raise ValueError("name must not be empty; got ''. Leave it out for the name tinynet")
    _check_text("doc", doc)
    opset = positive_int(opset, "opset", _FIRST)
    example = _example(net, input_shape)
    check_finite(named_arrays(net))
    try:
        y = net.predict(example)
    except Exception as error:
        error.add_note(f"for examples of input_shape={example.shape[1:]}")
        raise
    graph = Graph(net.params.dtype, opset)
    value = add_layer(graph, net, Value("x", example))
    data = _bytes(graph, _with_output(graph, value), example, y, name, doc)
    write_atomically(path, lambda file: file.write(data))


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text; got {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} must be a text that UTF-8 can hold; got {value!a}") from None


def _example(net: Layer, input_shape: object) -> Array:
    """A batch of one that the network takes; no step of it is padding."""
    shape = net.input_shape if input_shape is None else sizes(input_shape, "input_shape")
    if shape is None:
        first = net
        while parts := [part for _, part in first._parts()]:
            first = parts[0]
        raise ValueError(
            f"the first layer, {first!r}, does not prescribe the shape of an example: write "
            f"export(net, path, input_shape=(784,)) with that of yours"
        )
    dtype = np.dtype(_input_dtype(net))
    if dtype.kind == "f":
        return np.random.default_rng(0).normal(size=(1, *shape)).astype(dtype)
    padding = {part.padding for part in net.walk() if isinstance(part, Masked)}
    some = next(number for number in itertools.count() if number not in padding)
    return np.full((1, *shape), some, np.int64)


def _input_dtype(net: Layer) -> DTypeLike:
    """The type of x, which layers that only change shapes pass on to an `Embedding`."""
    for part in net.walk():
        if part.input_dtype is not None:
            return part.input_dtype
        if not isinstance(part, Flatten | Reshape | Permute | Identity) and not any(part._parts()):
            break
    return net.params.dtype


def _with_output(graph: Graph, value: Value) -> list[Node]:
    """The operators, of which one gives y."""
    if not any(value.name in node.outputs for node in graph.nodes):  # it is x itself
        return [*graph.nodes, Node("Identity", [value.name], ["y"], {})]

    def renamed(names: list[str]) -> list[str]:
        return ["y" if name == value.name else name for name in names]

    return [
        node._replace(inputs=renamed(node.inputs), outputs=renamed(node.outputs))
        for node in graph.nodes
    ]


def _bytes(graph: Graph, nodes: list[Node], x: Array, y: Array, name: str, doc: str) -> bytes:
    """What the file holds, checked by the package."""
    onnx = _onnx()
    newest = onnx.defs.onnx_opset_version()
    if graph.opset > newest:
        raise ValueError(
            f"opset must be from {_FIRST} to {newest}, the newest that the installed onnx "
            f"{onnx.__version__} has; got {graph.opset}"
        )
    if (size := sum(array.nbytes for array in graph.constants.values())) > _LARGEST:
        raise ValueError(
            f"a file of ONNX holds at most {_LARGEST:,} bytes; the arrays have {size:,}. Export "
            f"parts of the network to files of their own"
        )
    helper = onnx.helper
    ends = [
        helper.make_tensor_value_info(end, TYPES[array.dtype.name], ["N", *array.shape[1:]])
        for end, array in (("x", x), ("y", y))
    ]
    operators = [
        helper.make_node(
            node.operator, node.inputs, node.outputs, node.outputs[0], **node.attributes
        )
        for node in nodes
    ]
    constants = [
        onnx.numpy_helper.from_array(array, place) for place, array in graph.constants.items()
    ]
    version = helper.make_opsetid("", graph.opset)
    model = helper.make_model(
        helper.make_graph(operators, name, ends[:1], ends[1:], constants),
        producer_name="tinynet",
        doc_string=doc,
        opset_imports=[version],
        ir_version=helper.find_min_ir_version_for([version]),  # which older programs read, too
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _onnx() -> Any:
    try:
        import onnx.checker
        import onnx.defs
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError("files of ONNX need a package: pip install onnx") from error
    return onnx
