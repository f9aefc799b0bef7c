"""The memory that the compiled functions compute in, and the call of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.losses import CrossEntropyLoss, Loss
from tinynet.training.compiled.program import Program
from tinynet.types import Array

Data = tuple[Array, Array, Array, Array]  # inputs, their order, targets and labels
Rule = tuple[int, Array, Array, Array]  # of an update: its code, options, squares and moving mean

_AS_THEY_LIE = np.empty(0, np.int64)  # the order of rows without one


@dataclass
class Work:
    """The memory that the compiled functions compute in.

    Attributes:
        arrays: some rows of x, the outputs of all layers for one batch, and their gradients.
        kept: what layers keep for their gradient.
        scales: standard deviations, of each row of the table.
        buffers: those of the layers, one after another.
        draws: from [0, 1), for the elements that the Dropouts of the next steps meet.
        drawn: how many of them were used, one number.
        before: the buffers before the last step.
    """

    plan: Program
    batch_size: int
    arrays: tuple[Array, Array, Array]
    kept: Array
    scales: Array
    buffers: Array
    draws: Array
    drawn: Array
    before: Array

    @classmethod
    def of(cls, plan: Program, batch_size: int, x: Array, rows: int) -> Work:
        """The memory for steps of `batch_size` examples, of which `rows` come in one call."""
        outputs, gradients, kept = (np.empty(plan.width * batch_size, x.dtype) for _ in range(3))
        inputs = np.empty((4 * batch_size + 64, math.prod(x.shape[1:])), x.dtype)  # a block
        widest = max(batch_size, int(plan.table[:, 2].max()))
        buffers = np.concatenate([*plan.buffers, np.empty(0, x.dtype)])
        return cls(
            plan,
            batch_size,
            (inputs, outputs, gradients),
            kept,
            np.empty(len(plan.table) * widest, x.dtype),
            buffers,
            np.empty(rows * plan.dropped, np.float32),
            np.zeros(1, np.int64),
            buffers.copy(),
        )

    def read(self, loss: Loss, x: Array, t: Array, rows: Any) -> Data:
        """What the next steps need of the data, where a row of x is one example."""
        targets = _targets(loss, t[rows], x.dtype)
        if isinstance(rows, slice) or not x.flags.c_contiguous:
            x, rows = np.ascontiguousarray(x[rows]), _AS_THEY_LIE
        x = np.asarray(x).reshape(len(x), -1)
        x.flags.writeable = False  # as that of the caller; Numba takes this for another type
        return x, rows, *targets

    def draw(self, rows: int) -> None:
        """Draw the numbers that the Dropouts would draw one after another for so many examples."""
        self.drawn[0] = 0
        self.states = [generator.bit_generator.state for generator in self.plan.generators]
        steps = rows // self.batch_size
        draws = self.draws[: rows * self.plan.dropped].reshape(steps, -1)
        ends = np.cumsum([size * self.batch_size for _, size in self.plan.dropouts])
        for generator in self.plan.generators:
            mine = [
                slice(end - size * self.batch_size, end)
                for end, (own, size) in zip(ends, self.plan.dropouts, strict=True)
                if own is generator
            ]
            drawn = generator.random((steps, sum(s.stop - s.start for s in mine)), np.float32)
            for place in mine:
                width = place.stop - place.start
                draws[:, place], drawn = drawn[:, :width], drawn[:, width:]

    def undraw(self, rows: int) -> None:
        """Leave the generators as after so many of these examples."""
        for generator, state in zip(self.plan.generators, self.states, strict=True):
            generator.bit_generator.state = state
        self.draw(rows)

    def take_steps(
        self,
        kernels: Any,
        net: Layer,
        data: Data,
        rates: Array,
        losses: Array,
        rule: Rule,
        steps: int = 0,
    ) -> int:
        """Call the compiled function of that name; how many steps it has taken."""
        memory = self.kept, self.scales, self.buffers, self.draws, self.drawn, self.before
        network = self.plan.table, self.plan.constants, net.params, memory
        batch = data, self.plan.loss, self.batch_size
        done = kernels.take_steps(
            network, net.grads, *batch, rates, self.arrays, losses, rule, steps
        )
        return int(done)

    def publish(self) -> None:
        """Give the layers their buffers, such as running statistics."""
        start = 0
        for array in self.plan.buffers:
            array[...] = self.buffers[start : start + len(array)]
            start += len(array)


def _targets(loss: Any, t: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Targets (N, outputs) and labels (N,), of which one is empty; −1 for an ignored label."""
    if type(loss) is not CrossEntropyLoss or t.ndim > 1:
        rows = np.array(t, order="C").reshape(len(t), math.prod(t.shape[1:]))
        return rows, np.empty(0, np.int64)
    labels = np.where(t < 0, -2, t).astype(np.int64)
    if loss.ignore_index is not None:
        labels[t == loss.ignore_index] = -1
    return np.empty((len(t), 0), dtype), labels
