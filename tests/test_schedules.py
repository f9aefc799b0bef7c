"""Schedules: known rates, composed, checked, picklable."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinynet import SGD, Dense
from tinynet.schedules import (
    cosine,
    cosine_restarts,
    exponential_decay,
    linear_decay,
    linear_warmup,
    one_cycle,
    piecewise,
    polynomial_decay,
    step_decay,
)

FUNCTIONS = {
    function.__name__: function
    for function in (
        cosine,
        cosine_restarts,
        exponential_decay,
        linear_decay,
        linear_warmup,
        one_cycle,
        piecewise,
        polynomial_decay,
        step_decay,
    )
}

EVERY = [
    step_decay(0.1, factor=0.5, every=10),
    exponential_decay(0.1, factor=0.9, every=1),
    exponential_decay(0.1, factor=0.9, every=100),
    cosine(0.1, steps=100),
    cosine(0.1, steps=100, final=0.01),
    linear_decay(0.1, steps=100),
    linear_decay(0.1, steps=1, final=0.1),
    polynomial_decay(0.1, steps=100, power=2),
    polynomial_decay(0.1, steps=7, power=0.3, final=0.01),
    cosine_restarts(0.1, steps=10),
    cosine_restarts(0.1, steps=3, growth=3, final=0.01),
    one_cycle(0.1, steps=100),
    one_cycle(0.1, steps=1, rise=0),
    one_cycle(0.1, steps=50, rise=0.9, start_divisor=1, final_divisor=1),
    linear_warmup(0.1, steps=10),
    linear_warmup(cosine(0.1, steps=50), steps=10),
    piecewise([0.1, 0.01], boundaries=[30]),
    piecewise([linear_warmup(0.1, steps=5), step_decay(0.1, factor=0.1, every=7)], boundaries=[5]),
]
every = pytest.mark.parametrize("schedule", EVERY, ids=repr)


@every
@given(step=st.integers(0, 10**6))
def test_rates_are_floats_from_zero_to_the_highest(schedule, step):
    assert type(schedule(step)) is float
    assert 0 <= schedule(step) <= 0.1


@every
def test_a_schedule_prints_as_it_was_made_and_survives_pickling(schedule):
    for twin in (
        pickle.loads(pickle.dumps(schedule)),
        eval(repr(schedule), dict(FUNCTIONS)),
    ):
        assert repr(twin) == repr(schedule)
        assert [twin(step) for step in range(200)] == [schedule(step) for step in range(200)]


def test_decays():
    assert [step_decay(1.0, factor=0.5, every=2)(k) for k in range(5)] == [1, 1, 0.5, 0.5, 0.25]
    assert exponential_decay(1.0, factor=0.25, every=2)(3) == 0.125
    assert exponential_decay(1.0, factor=0.5, every=1)(10**6) == 0


def test_the_cosine_falls_from_the_rate_to_the_final_one_and_stays_there():
    rate = cosine(3.0, steps=6, final=1.0)
    expected = [3.0, 2 + math.sqrt(3) / 2, 2.5, 2.0, 1.5, 2 - math.sqrt(3) / 2, 1.0, 1.0]
    assert [rate(k) for k in range(8)] == pytest.approx(expected)
    assert rate(6) == rate(10**9) == 1.0


def test_the_line_falls_from_the_rate_to_the_final_one_and_stays_there():
    rate = linear_decay(3.0, steps=4, final=1.0)
    assert [rate(k) for k in range(6)] == [3.0, 2.5, 2.0, 1.5, 1.0, 1.0]
    assert linear_decay(3.0, steps=4)(10**9) == 0.0


def test_the_polynomial_with_the_power_1_is_the_line():
    line, polynomial = linear_decay(0.7, steps=9), polynomial_decay(0.7, steps=9, power=1)
    assert [line(k) for k in range(12)] == [polynomial(k) for k in range(12)]
    assert polynomial_decay(4.0, steps=4, power=2)(2) == 1.0
    assert polynomial_decay(5.0, steps=4, power=0.5, final=1.0)(3) == 3.0


def test_each_cycle_of_the_cosine_begins_at_the_rate_and_is_longer_than_the_one_before():
    once, again = cosine(2.0, steps=3, final=1.0), cosine_restarts(2.0, steps=3, final=1.0)
    assert [again(k) for k in range(9)] == 3 * [once(k) for k in range(3)]
    longer = cosine_restarts(2.0, steps=3, growth=2, final=1.0)
    cycles = [cosine(2.0, steps=steps, final=1.0) for steps in (3, 6, 12)]
    expected = [
        cycle(k) for cycle, steps in zip(cycles, (3, 6, 12), strict=True) for k in range(steps)
    ]
    assert [longer(k) for k in range(21)] == expected
    assert longer(21) == 2.0
    assert again(3 * 10**15) == 2.0


def test_one_cycle_rises_and_falls_and_stays():
    rate = one_cycle(1.0, steps=10, rise=0.5, start_divisor=4, final_divisor=5)
    rates = [rate(k) for k in range(12)]
    assert rates[0] == pytest.approx(0.25)
    assert rates[2] == pytest.approx(0.625)  # half of the rise, which ends in step 4
    assert rates[4] == pytest.approx(1.0)
    assert rates[:5] == sorted(rates[:5])
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[9] == rates[10] == rate(10**9) == pytest.approx(0.05)


@pytest.mark.parametrize("rise", [0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("steps", [1, 2, 10, 11])
def test_one_cycle_of_few_steps_is_never_above_the_rate_and_ends_at_the_last_one(rise, steps):
    rate = one_cycle(0.5, steps=steps, rise=rise)
    assert all(0 < rate(k) <= 0.5 for k in range(20))
    assert rate(steps - 1) == rate(99) == pytest.approx(0.5 / 25 / 1e4)


def test_the_warm_up_rises_in_a_line_and_hands_over():
    rate = linear_warmup(lambda step: 1.0 - 0.1 * step, steps=4)
    assert [rate(k) for k in range(7)] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 0.9, 0.8])


def test_each_piece_counts_from_where_it_begins():
    rate = piecewise([0.5, lambda step: step, 0.25], boundaries=[2, 5])
    assert [rate(k) for k in range(7)] == [0.5, 0.5, 0, 1, 2, 0.25, 0.25]
    assert piecewise([0.5], boundaries=[])(9) == 0.5


def test_numpy_numbers_become_floats():
    assert type(step_decay(np.float32(0.5), factor=np.float64(0.5), every=np.int64(2))(3)) is float
    assert type(piecewise([lambda step: np.float32(1)], boundaries=[])(0)) is float


def test_an_optimizer_takes_a_schedule_and_prints_it():
    optimizer = SGD(Dense(1, 1), lr=cosine(0.1, steps=2))
    optimizer.net.grads[...] = 1
    rates = []
    for _ in range(4):
        rates.append(optimizer.rate())
        optimizer.step()
    assert rates == pytest.approx([0.1, 0.05, 0.0, 0.0])
    assert repr(optimizer) == "SGD(Dense, lr=cosine(lr=0.1, steps=2, final=0.0))"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: step_decay(0, factor=0.5, every=1), ValueError, "lr must be a positive"),
        (lambda: step_decay(0.1, factor=0, every=1), ValueError, "factor must be a number above 0"),
        (lambda: step_decay(0.1, factor=1.1, every=1), ValueError, "and at most 1; got 1.1"),
        (lambda: step_decay(0.1, factor=0.5, every=0), ValueError, "every must be a positive int"),
        (lambda: step_decay(0.1, factor=0.5, every=1.5), TypeError, "every must be a positive int"),
        (lambda: exponential_decay("a", factor=0.5, every=1), TypeError, "lr must be a positive"),
        (
            lambda: exponential_decay(np.inf, factor=0.5, every=1),
            ValueError,
            "lr must be a positive",
        ),
        (
            lambda: exponential_decay(0.1, factor=np.nan, every=1),
            ValueError,
            "factor must be a number",
        ),
        (lambda: cosine(-1, steps=5), ValueError, "lr must be a positive"),
        (lambda: cosine(0.1, steps=0), ValueError, "steps must be a positive int"),
        (lambda: cosine(0.1, steps=5, final=-0.1), ValueError, "final must be a finite number of"),
        (lambda: cosine(0.1, steps=5, final=0.2), ValueError, "final must be at most lr, 0.1"),
        (lambda: linear_decay(0, steps=5), ValueError, "lr must be a positive"),
        (lambda: linear_decay(0.1, steps=5, final=0.2), ValueError, "final must be at most lr"),
        (lambda: linear_decay(0.1, steps=2.5), TypeError, "steps must be a positive int"),
        (lambda: polynomial_decay(0.1, steps=5, power=0), ValueError, "power must be a positive"),
        (lambda: polynomial_decay(0.1, steps=5, power="2"), TypeError, "power must be a positive"),
        (
            lambda: polynomial_decay(0.1, steps=5, power=1, final=-1),
            ValueError,
            "final must be a finite",
        ),
        (lambda: cosine_restarts(0.1, steps=0), ValueError, "steps must be a positive int"),
        (
            lambda: cosine_restarts(0.1, steps=5, growth=0),
            ValueError,
            "growth must be a positive int",
        ),
        (
            lambda: cosine_restarts(0.1, steps=5, growth=1.5),
            TypeError,
            "growth must be a positive int; got 1.5",
        ),
        (lambda: cosine_restarts(0.1, steps=5, final=1), ValueError, "final must be at most lr"),
        (lambda: one_cycle(np.nan, steps=5), ValueError, "lr must be a positive"),
        (lambda: one_cycle(0.1, steps=0), ValueError, "steps must be a positive int"),
        (lambda: one_cycle(0.1, steps=5, rise=1), ValueError, r"rise must be a number in \[0, 1\)"),
        (
            lambda: one_cycle(0.1, steps=5, start_divisor=0.5),
            ValueError,
            "start_divisor must be a finite number of at least 1; got 0.5",
        ),
        (
            lambda: one_cycle(0.1, steps=5, final_divisor=np.inf),
            ValueError,
            "final_divisor must be a finite number of at least 1",
        ),
        (lambda: linear_warmup(0, steps=5), ValueError, "then must be a positive finite number"),
        (lambda: linear_warmup(None, steps=5), TypeError, "then must be a positive finite number"),
        (lambda: linear_warmup(0.1, steps=-5), ValueError, "steps must be a positive int"),
        (lambda: piecewise([0.1], boundaries=[1]), ValueError, "1 parts and 1 boundaries"),
        (lambda: piecewise([], boundaries=[]), ValueError, "0 parts and 0 boundaries"),
        (lambda: piecewise([1, 2, 3], boundaries=[5, 5]), ValueError, r"must rise; got \[5, 5\]"),
        (lambda: piecewise([1, 2], boundaries=[0]), ValueError, r"boundaries\[0\] must be"),
        (lambda: piecewise([1, -2], boundaries=[5]), ValueError, r"parts\[1\] must be"),
        (lambda: piecewise([1, 2], boundaries=[2.5]), TypeError, r"boundaries\[0\] must be"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
