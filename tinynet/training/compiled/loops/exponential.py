"""eˣ and tanh of whole rows, in the vectors of the processor.

`np.exp` in a compiled loop is one call for each element, which takes four times as long. Here
eᵛ = 2ᵏ eʳ with k = round(v / log 2), so |r| ≤ ½ log 2. eʳ is the sum of the first terms of its
series, to rounding, and 2ᵏ is written as the bits of a float.

References:
    W. J. Cody and W. Waite, "Software manual for the elementary functions" (1980), chapter 6.
"""

import math

import numpy as np

from tinynet.training.compiled.loops.compile import compiled, float_of_bits, inlined

PER_LOG2 = 1 / math.log(2)
HIGH = 0.693145751953125  # of log 2, with so few digits that k times it is exact
LOW = 1.4286068203094173e-06  # the rest
TERMS = tuple(1 / math.factorial(n) for n in range(14))


@inlined
def parts(number, single, v):
    """eʳ − 1, and 2ᵏ⁻¹, because 2ᵏ itself may be too large."""
    k = np.floor(v * number(PER_LOG2) + number(0.5))
    r = v - k * number(HIGH) - k * number(LOW)
    p = number(0)
    if not single:
        p = number(TERMS[13])
        p = p * r + number(TERMS[12])
        p = p * r + number(TERMS[11])
        p = p * r + number(TERMS[10])
        p = p * r + number(TERMS[9])
        p = p * r + number(TERMS[8])
    p = p * r + number(TERMS[7])
    p = p * r + number(TERMS[6])
    p = p * r + number(TERMS[5])
    p = p * r + number(TERMS[4])
    p = p * r + number(TERMS[3])
    p = p * r + number(TERMS[2])
    if single:
        half = number(float_of_bits(np.int32((np.int32(k) + 126) << 23)))
    else:
        half = number(float_of_bits((np.int64(k) + 1022) << 52))
    return p * r * r + r, half


@inlined
def between(smallest, v, largest):
    """v, but no less and no more than these; NaN stays NaN, as max() would not have it."""
    v = smallest if v < smallest else v
    return largest if v > largest else v


@compiled
def exponentials(sign, x, y):
    """y = exp(sign x); a number below the smallest normal one becomes 0."""
    rows, columns = x.shape
    number = x.dtype.type
    single = x.itemsize == 4
    smallest = number(-87 if single else -708.7)  # where 2ᵏ⁻¹ is taken for 0
    largest = number(89 if single else 710)  # where eᵛ is infinite
    for n in range(rows):
        for j in range(columns):
            q, half = parts(number, single, between(smallest, sign * x[n, j], largest))
            y[n, j] = (q + number(1)) * half * number(2)


@compiled
def tanh(x, y):
    """y = (e²ˣ − 1) / (e²ˣ − 1 + 2), which loses no digits at small x."""
    rows, columns = x.shape
    number = x.dtype.type
    single = x.itemsize == 4
    limit = number(20)  # where it is 1
    for n in range(rows):
        for j in range(columns):
            v = between(-limit, x[n, j], limit)
            q, half = parts(number, single, v + v)
            power = half + half
            m = power * q + (power - number(1))
            y[n, j] = m / (m + number(2))
