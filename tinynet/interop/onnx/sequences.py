"""Layers of sequences (N, steps, features) as ONNX's operators, with the steps that count."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinynet.interop.onnx.graph import Graph, Input, Value, named
from tinynet.layers import GRU, LSTM, RNN, AverageSteps, Layer, PositionalEncoding, SelfAttention
from tinynet.layers.recurrent import Recurrent
from tinynet.types import Array

_ORDER: dict[type[Layer], list[int]] = {  # which of tinynet's gates each of ONNX's gates is
    RNN: [0],
    LSTM: [0, 3, 1, 2],  # i, o, f, g
    GRU: [1, 0, 2],  # z, r, n
}


def mask(graph: Graph, x: Value, padding: float) -> str:
    """The mask (N, steps) of what comes to a `Masked`: x ≠ padding, in any feature."""
    numbers: Value | str = x
    if x.example.dtype.kind in "iu":  # the padding may be no int, and then all ids count
        numbers = graph.cast(x, np.float64)
        counting = graph.add("Not", graph.add("Equal", numbers, np.array(padding)))
    else:
        counting = graph.add("Not", graph.add("Equal", numbers, padding))
    if x.axes == 3:
        different = graph.total(graph.cast(counting, graph.dtype), [2])
        counting = graph.add("Greater", different, 0.0)
    return counting


def _average_steps(graph: Graph, layer: AverageSteps, x: Value) -> str:
    if graph.counting is None:
        return graph.mean(x, [1], keepdims=False)
    counts = graph.cast(graph.counting, graph.dtype)
    kept = graph.add("Where", graph.add("Unsqueeze", graph.counting, [2]), x, 0.0)
    return graph.add("Div", graph.total(kept, [1]), graph.total(counts, [1], keepdims=True))


def _positional_encoding(graph: Graph, layer: PositionalEncoding, x: Value) -> str:
    P = layer.predict(np.zeros_like(x.example))[0]  # of as many steps as x has
    return graph.add("Add", x, graph.parameter("P", P))


def _self_attention(graph: Graph, layer: SelfAttention, x: Value) -> str:
    W, b, Wo, bo = named(layer, graph, "W", "b", "Wo", "bo")
    _, steps, features = x.example.shape
    heads, d = layer._heads, features // layer._heads
    z = graph.add("MatMul", x, W)
    z = graph.add("Add", z, b) if b else z
    each = graph.add_several("Split", 3, z, [features] * 3, axis=2)
    Q, K, V = (graph.add("Reshape", part, [0, steps, heads, d]) for part in each)
    Q, V = (graph.add("Transpose", part, perm=[0, 2, 1, 3]) for part in (Q, V))
    K = graph.add("Transpose", K, perm=[0, 2, 3, 1])
    S = graph.add("Div", graph.add("MatMul", Q, K), math.sqrt(d))
    A = _attention(graph, S, np.tri(steps, dtype=bool)[None, None] if layer.causal else None)
    joined = graph.add("Transpose", graph.add("MatMul", A, V), perm=[0, 2, 1, 3])
    y = graph.add("MatMul", graph.add("Reshape", joined, [0, steps, features]), Wo)
    return graph.add("Add", y, bo) if bo else y


def _attention(graph: Graph, S: str, causal: Array | None) -> str:
    """The softmax of S (N, heads, steps, steps) over the keys at which a query may look."""
    keys = graph.add("Unsqueeze", graph.counting, [1, 2]) if graph.counting else None
    if causal is None and keys is None:
        return graph.add("Softmax", S, axis=-1)
    allowed: str | Array | None = keys if causal is None else causal
    if causal is not None and keys is not None:
        allowed = graph.add("And", keys, causal)
    lowest = np.array(np.finfo(graph.dtype).min, graph.dtype)  # −∞ would make NaN of a row of them
    A = graph.add("Softmax", graph.add("Where", allowed, S, lowest), axis=-1)
    if causal is None or keys is None:  # then each query has a key
        return A
    return graph.add("Where", allowed, A, 0.0)


def _recurrent(graph: Graph, layer: Recurrent, x: Value) -> str:
    kind = next(kind for kind in _ORDER if isinstance(layer, kind))
    order, compact = _ORDER[kind], _Compact(graph, x) if graph.counting else None
    initial = [graph.parameter(name, getattr(layer, name)) for name in layer._states]
    Y, last = graph.add_several(
        kind.__name__,
        2,
        graph.add("Transpose", compact.x if compact else x, perm=[1, 0, 2]),
        graph.parameter("W", _by_gate(layer.W, order).T[None]),
        graph.parameter("U", _by_gate(layer.U, order).T[None]),
        graph.parameter("b", _both_biases(layer, order)),
        compact.lengths if compact else None,
        *(state and _for_each(graph, x, state, [1], [len(layer.U)]) for state in initial),
        hidden_size=len(layer.U),
        direction="reverse" if layer.reverse else "forward",
        **({"linear_before_reset": 1} if kind is GRU else {}),
    )
    if not layer.return_sequences:
        return graph.add("Squeeze", last, [0])
    y = graph.add("Transpose", graph.add("Squeeze", Y, [1]), perm=[1, 0, 2])
    if compact is None:
        return y
    h0 = np.zeros(len(layer.U), graph.dtype) if initial[0] is None else initial[0]
    return compact.spread(y, _for_each(graph, x, h0, [], [1, len(layer.U)]), layer.reverse)


class _Compact:
    """The steps that count, moved together to the beginning of each sequence.

    ONNX's recurrent operators take the length of each sequence, so padding may only be behind it.

    Attributes:
        x: the sequences, in which the steps that count come first, in their order.
        lengths: how many these are in each, int32 (N,).
    """

    def __init__(self, graph: Graph, x: Value) -> None:
        self._graph, self._steps = graph, x.example.shape[1]
        # TopK gives the largest first: the steps that count, in their order, and then the others
        others = np.arange(self._steps, 0, -1)
        keys = graph.add("Where", graph.counting, others + self._steps, others)
        _, order = graph.add_several("TopK", 2, keys, [self._steps], axis=1)
        self.x = self._taken(x, order)
        self._counts = graph.cast(graph.counting, np.int32)
        self.lengths = graph.total(self._counts, [1])

    def spread(self, y: str, start: str, reverse: bool) -> str:
        """The states y after the steps that count, repeated where a step keeps the one before."""
        add = self._graph.add
        read = add("CumSum", self._counts, np.array(1), exclusive=int(reverse))
        if reverse:  # the state in a step is that of the first one that counts from there on
            unread, place = add("Equal", read, add("Unsqueeze", self.lengths, [1])), read
        else:
            unread = add("Equal", read, np.array(0, np.int32))
            place = add("Sub", read, np.array(1, np.int32))
        place = add("Where", unread, np.array(self._steps, np.int32), place)
        states = add("Concat", y, start, axis=1)
        return self._taken(states, self._graph.cast(place, np.int64))

    def _taken(self, x: Value | str, places: str) -> str:
        """The steps of each sequence in these places (N, steps)."""
        return self._graph.add(
            "GatherND", x, self._graph.add("Unsqueeze", places, [2]), batch_dims=1
        )


def _for_each(
    graph: Graph, x: Value, state: Array | str, before: list[int], behind: list[int]
) -> str:
    """A state (units,) for each example, in an array of the axes `before`, N, `behind`."""
    examples = graph.add("Shape", x, start=0, end=1)
    parts: list[Input] = [before, examples, behind] if before else [examples, behind]
    return graph.add("Expand", state, graph.add("Concat", *parts, axis=0))


def _by_gate(array: Array, order: list[int]) -> Array:
    """The columns of an array, or its numbers, in another order of the gates."""
    parts = np.split(array, len(order), axis=-1)
    return np.concatenate([parts[gate] for gate in order], axis=-1)


def _both_biases(layer: Recurrent, order: list[int]) -> Array | None:
    """ONNX's two biases in a row; the second is 0, but for the c of a GRU."""
    if layer.b is None:
        return None
    second = np.zeros_like(layer.b)
    if isinstance(layer, GRU) and layer.c is not None:
        second[-len(layer.c) :] = layer.c
    return np.concatenate([_by_gate(layer.b, order), second])[None]


OPERATORS: dict[type[Layer], Callable[[Graph, Any, Value], str]] = {
    AverageSteps: _average_steps,
    PositionalEncoding: _positional_encoding,
    SelfAttention: _self_attention,
    RNN: _recurrent,
    LSTM: _recurrent,
    GRU: _recurrent,
}
"""For each class, what adds it to a graph, as in `operators`."""
