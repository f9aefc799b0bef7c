"""The rules about random draws: from the layer's own generator, and right on average."""

import pickle
import random
from collections.abc import Callable

import numpy as np

from tinynet.declared import attributes
from tinynet.testing.magnitudes import agree, distance
from tinynet.testing.rules import Broken, LeftOut, Pair, Pairs, rule
from tinynet.testing.trial import Trial, generator_states, inputs_of_parts


@rule("reproducible", "take rng as an argument, keep it as self.rng, and draw from that alone.")
def reproducible(t: Trial) -> Pairs:
    """Two copies draw the same, and nobody touches the global random state."""
    kept = np.random.get_state(), random.getstate()  # noqa: NPY002
    np.random.random(), random.random()  # noqa: NPY002 (a seed set before shows)
    before = pickle.dumps((np.random.get_state(), random.getstate()))  # noqa: NPY002
    first = t.run()
    t.predict(t.new())
    after = pickle.dumps((np.random.get_state(), random.getstate()))  # noqa: NPY002
    np.random.set_state(kept[0])  # noqa: NPY002
    random.setstate(kept[1])
    if before != after:
        raise Broken("it draws from the global random state, or seeds it for all others.")
    yield Pair("on a copy whose generators stand at the same place", t.run(), first)


@rule("redraws", "the mask or noise was drawn once, and must be drawn at each forward.")
def redraws(t: Trial) -> None:
    """A layer that draws does so at each forward."""
    if t.varies:
        return
    y, p = t.forward(t.new(), t.many), t.predict(t.new(), t.many)
    words = {word.strip("_") for word in (*t.original._arguments[1], *attributes(t.original))}
    masked = y.shape == p.shape and bool(np.any((y == 0) & (p != 0)) and np.any(y))
    random_words = generator_states(t.start) or words & {"rng", "seed", "generator"}
    if t.interacts or agree(y, p, 1e-7) or not (masked or random_words):
        raise LeftOut("forward does not draw")
    raise Broken("forward differs from predict, and gives the same y each time.")


@rule("expectation")
def expectation(t: Trial) -> None:
    """Where forward is linear for a fixed draw, its mean over the draws is predict."""
    if not t.draws or t.integer or t.interacts:
        raise LeftOut("rows interact, or x holds integers" if t.draws else "forward does not draw")
    rows = max(len(t.x), min(256, 2048 // max(1, t.x[0].size)))
    x = t.other_inputs(rows)[0] if rows > len(t.x) else t.x
    zero = np.zeros_like(x)
    y, other, both, none = (t.forward(t.new(), (v,)) for v in (x, x[::-1], x + x[::-1], zero))
    if not agree(both + none, y + other, 1e-9):
        for part, inner in inputs_of_parts(t.new(), t.inputs).values():
            trial = Trial(part, part, (inner,), t.seed, t.report)
            if trial.draws:
                expectation.pairs(trial)
        raise LeftOut("forward is not linear for a fixed draw")
    layer, at_zero, p0 = t.new(), t.new(), t.predict(t.new(), (zero,))
    first, p = t.forward(at_zero, (zero,)), t.predict(layer, (x,)) - p0
    if distance(t.forward(at_zero, (zero,)), first) > 0:
        _has_mean(
            "at x = 0 the mean of forward",
            lambda: float(np.mean(t.forward(layer, (zero,)))),
            float(np.mean(p0)),
            "what is added at random must have mean 0, or predict must add its mean.",
        )
    elif p.shape == y.shape and np.any(p):
        _has_mean(
            "the mean of forward, as a part of predict,",
            lambda: float(np.sum((t.forward(layer, (x,)) - first) * p) / np.sum(p * p)),
            1.0,
            "what is dropped must be made up for, once: divide by 1 - rate, the probability of "
            "keeping, in forward, and leave predict alone.",
        )


def _has_mean(what: str, draw: Callable[[], float], wanted: float, hint: str) -> None:
    """The mean of draws is as wanted, within six standard errors."""
    drawn: list[float] = []
    error = np.inf
    while error > 0.02 and len(drawn) < 2000:
        drawn += [draw() for _ in range(200)]
        error = float(np.std(drawn) / np.sqrt(len(drawn)))
    mean = float(np.mean(drawn))
    if abs(mean - wanted) > 6 * error + 1e-4 * abs(wanted) + 1e-9:
        text = f"{what} over {len(drawn)} draws is {mean:.3g} ± {error:.1g}"
        raise Broken(f"{text}; it must be {wanted:.3g}.", hint)
