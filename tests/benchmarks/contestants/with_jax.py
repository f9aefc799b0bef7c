"""JAX: one compiled function for a step, or one for a whole epoch with `lax.scan`.

The parameters are donated, so XLA updates them in place. Per step, the loss comes back as a number
each time, as in `train`. The data are JAX's own arrays, of which each step takes a slice; or those
of NumPy, whose views cost next to nothing to make and little to hand over, the quickest way.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from tests.benchmarks.workloads import DEEP_RATE, RATE, SMOOTHING, Job, Task, Unfit

BETAS = 0.9, 0.999  # Adam's
MOMENTUM, VARIANCE_EPSILON = 0.1, 1e-5  # batch normalisation's


def version() -> str:
    return f"jax {jax.__version__}"


def prepare(name: str, task: Task) -> Job:
    kind = task.workload.kind
    outputs: list[Any] = []
    whole = name == "JAX, compiled epoch"
    if kind == "predict":
        if name != "JAX, jit per step":
            raise Unfit("predict is one call")
        params, x = _flat(task), jnp.asarray(task.x)
        compiled = jax.jit(_outputs)

        def predict() -> None:
            outputs[:] = [np.asarray(compiled(params, x))]

        return Job(predict, lambda: outputs[0])

    if kind == "deep":
        step: Any = partial(_deep_step, task)
        state: Any = _deep_start(task)
    elif kind == "small":
        step = partial(_small_step, task)
        moments = [[jnp.zeros_like(a) for a in task.start] for _ in range(2)]
        state = [*_flat(task)], *moments, jnp.int32(0)
    else:
        step, state = _sgd_step, _flat(task)
    batch = task.workload.batch
    if whole:
        pieces = [
            jnp.asarray(a.reshape(len(task.batches), batch, *a.shape[1:])) for a in (task.x, task.t)
        ]

        @partial(jax.jit, donate_argnums=0)
        def epoch(state: Any, x: jax.Array, t: jax.Array) -> Any:
            state, losses = lax.scan(lambda s, xt: step(s, *xt), state, (x, t))
            return state, losses.mean()

        def train() -> float:
            nonlocal state
            state, mean = epoch(state, *pieces)
            return float(mean)

    else:
        compiled_step = jax.jit(step, donate_argnums=0)
        own = name == "JAX, jit per step"
        x, t = (jnp.asarray(a) if own else a for a in (task.x, task.t))

        def train() -> float:
            nonlocal state
            total = 0.0
            for first in task.batches:
                stop = first + batch
                state, value = compiled_step(state, x[first:stop], t[first:stop])
                total += float(value)
            return total / len(task.batches)

    if kind in ("deep", "small"):
        return Job(train, lambda: [np.asarray(p) for p in state[0]])
    return Job(train, lambda: [np.asarray(p) for p in state])


def _flat(task: Task) -> tuple[jax.Array, ...]:
    return tuple(jnp.array(a) for a in task.start)


def _outputs(params: Any, x: jax.Array) -> jax.Array:
    W1, b1, W2, b2 = params
    return jax.nn.sigmoid(jax.nn.sigmoid(x @ W1 + b1) @ W2 + b2)


def _sgd_step(params: Any, x: jax.Array, t: jax.Array) -> Any:
    def mse(params: Any) -> jax.Array:
        return jnp.mean((_outputs(params, x) - t) ** 2)

    value, grads = jax.value_and_grad(mse)(params)
    return tuple(p - RATE * g for p, g in zip(params, grads, strict=True)), value


def _small_step(task: Task, state: Any, x: jax.Array, t: jax.Array) -> Any:
    params, first, second, steps = state

    def mse(params: list[jax.Array]) -> jax.Array:
        y = x
        for W, b in zip(params[:-2:2], params[1:-2:2], strict=True):
            y = jnp.tanh(y @ W + b)
        return jnp.mean((y @ params[-2] + params[-1] - t) ** 2)

    value, grads = jax.value_and_grad(mse)(params)
    return _adam(task, params, first, second, steps, grads), value


def _adam(task: Task, params: Any, first: Any, second: Any, steps: Any, grads: Any) -> Any:
    """The next parameters, moments and steps."""
    steps = steps + 1
    one, two = BETAS
    first = [one * m + (1 - one) * g for m, g in zip(first, grads, strict=True)]
    second = [two * v + (1 - two) * g * g for v, g in zip(second, grads, strict=True)]
    params = [
        p - DEEP_RATE * (m / (1 - one**steps)) / (jnp.sqrt(v / (1 - two**steps)) + task.epsilon)
        for p, m, v in zip(params, first, second, strict=True)
    ]
    return params, first, second, steps


def _deep_start(task: Task) -> Any:
    """Parameters, Adam's two moments, steps, running statistics, and the key of the masks."""
    *weights, last, b = task.start
    params, running = [], []
    for W in weights:
        ones, zeros = np.ones(W.shape[1], W.dtype), np.zeros(W.shape[1], W.dtype)
        params += [W, ones, zeros]
        running.append((zeros, ones))
    params += [last, b]
    moments = [[np.zeros_like(p) for p in params] for _ in range(2)]
    state = params, *moments, np.int32(0), running
    return *jax.tree.map(jnp.array, state), jax.random.key(0)


def _deep_step(task: Task, state: Any, x: jax.Array, t: jax.Array) -> Any:
    params, first, second, steps, running, key = state
    key, *keys = jax.random.split(key, len(task.dropout) + 1)

    def drop(y: jax.Array, place: int) -> jax.Array:
        rate = task.dropout[place]
        if not rate:
            return y
        kept = jax.random.bernoulli(keys[place], 1 - rate, y.shape)
        return jnp.where(kept, y / (1 - rate), 0)

    def cross_entropy(params: list[jax.Array]) -> Any:
        y, moved = x, []
        for place, (mean, variance) in enumerate(running):
            W, gain, shift = params[3 * place : 3 * place + 3]
            z = drop(y, place) @ W
            here, spread = z.mean(axis=0), z.var(axis=0)
            unbiased = spread * (len(z) / (len(z) - 1))
            moved.append((_towards(mean, here), _towards(variance, unbiased)))
            y = jax.nn.relu((z - here) * lax.rsqrt(spread + VARIANCE_EPSILON) * gain + shift)
        scores = jax.nn.log_softmax(drop(y, len(running)) @ params[-2] + params[-1])
        right = jnp.take_along_axis(scores, t[:, None], axis=1)
        return -((1 - SMOOTHING) * right.mean() + SMOOTHING * scores.mean()), moved

    (value, running), grads = jax.value_and_grad(cross_entropy, has_aux=True)(params)
    return (*_adam(task, params, first, second, steps, grads), running, key), value


def _towards(old: jax.Array, new: jax.Array) -> jax.Array:
    return (1 - MOMENTUM) * old + MOMENTUM * lax.stop_gradient(new)
