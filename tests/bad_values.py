"""Values that an argument must refuse, by the kind of the argument."""

import datetime
import decimal
import math
import pathlib

import numpy as np
import scipy.sparse
from containers import DataFrame, Tensor, masked

import tinynet


class Anything:
    """An object that is none of the things that an argument may be."""


ODD = {  # each kind refuses all of these but those that it names below
    "None": lambda: None,
    "text": lambda: "no",
    "empty text": lambda: "",
    "bytes": lambda: b"2",
    "object": Anything,
    "empty list": lambda: [],
    "list": lambda: [1, 2],
    "tuple": lambda: ("a",),
    "dict": lambda: {"a": 1},
    "set": lambda: {1},
    "iterator": lambda: iter([1, 2]),
    "complex": lambda: 1 + 2j,
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "-inf": lambda: -math.inf,
    "True": lambda: True,
    "-1": lambda: -1,
    "0": lambda: 0,
    "1.5": lambda: 1.5,
    "-0.5": lambda: -0.5,
    "huge": lambda: 10**400,
    "decimal": lambda: decimal.Decimal("0.5"),
    "date": lambda: datetime.date(2000, 1, 1),
    "array": lambda: np.array([1.0, 2.0]),
    "class": lambda: Anything,
    "class of a network": lambda: tinynet.Dense,
    "class of an optimizer": lambda: tinynet.SGD,
    "class of a loss": lambda: tinynet.MSELoss,
    "network": lambda: tinynet.Dense(3, 2, rng=0),
    "loss": tinynet.MSELoss,
    "optimizer": lambda: tinynet.SGD(tinynet.Dense(3, 2, rng=0), lr=0.1),
    "function": lambda: len,
    "module": lambda: np,
    "path": lambda: pathlib.Path("there"),
}


def odd(*right, **more):
    """The odd values without those that are right, and with more."""
    return lambda good: {n: v for n, v in ODD.items() if n not in right} | more


def initial(make):
    """An `init` that returns what `make` makes of the right array."""
    return lambda: lambda shape, rng: make(np.ones(shape))


INITIALIZERS = odd(
    **{
        "init without rng": lambda: lambda shape: np.ones(shape),
        "init of nan": initial(lambda W: W * np.nan),
        "init of inf": initial(lambda W: W / 0.0 if W.size == 0 else W * np.inf),
        "init of complex": initial(lambda W: W * 1j),
        "init of text": initial(lambda W: W.astype(str)),
        "init of objects": initial(lambda W: W.astype(object)),
        "init of dates": initial(lambda W: W.astype("M8[s]")),
        "init of masked": initial(masked),
        "init of nothing": initial(lambda W: None),
        "init of one number": initial(lambda W: 1.0),
        "init of another shape": initial(lambda W: W[:-1]),
        "init of a column": initial(lambda W: W[:, :1]),
        "init of a network": initial(lambda W: tinynet.Dense(1, 1)),
    },
)


def containers(good):
    """A good array in containers that compute something else than it, or do not compute."""
    some = np.array(good)
    made = {
        "masked": lambda: masked(some),
        "complex array": lambda: some + 1j,
        "array of objects": lambda: some.astype(object),
        "array of names": lambda: np.full(some.shape, "name", object),
        "array of text": lambda: some.astype(str),
        "array of bytes": lambda: some.astype("S"),
        "array of dates": lambda: some.astype("M8[s]"),
        "array of times": lambda: some.astype("m8[s]"),
        "array of records": lambda: np.zeros(some.shape, [("a", float)]),
        "none": lambda: np.full(some.shape, None),
    }
    if some.ndim == 2:
        made |= {"sparse": lambda: scipy.sparse.csr_array(some)}
    return made


def not_arrays(good):
    """The same for a place that takes NumPy arrays only, not what could become one."""
    some = np.array(good)
    made = {name: ODD[name] for name in ODD} | {
        "as a list": some.tolist,
        "as a tuple": lambda: tuple(some),
        "as a tensor": lambda: Tensor(some),
        "with gradient": lambda: Tensor(some, requires_grad=True),
        "as an iterator": lambda: iter(some),
        "in a dict": lambda: {"x": some},
    }
    del made["array"]  # which is one
    if some.ndim == 2:
        made |= {"matrix": lambda: some.view(np.matrix), "frame": lambda: DataFrame(some)}
    return made | containers(some)


def not_like_arrays(good):
    """What does not become an array of numbers without loss."""
    some = np.array(good)
    numbers = {"list", "empty list", "nan", "inf", "-inf", "-1", "0", "1.5", "-0.5", "True"}
    made = {name: ODD[name] for name in ODD if name not in {*numbers, "array"}} | {
        "ragged": lambda: [[1, 2], [3]],
        "list of names": lambda: ["a"] * len(some),
        "list of nothing": lambda: [None] * len(some),
        "with gradient": lambda: Tensor(some, requires_grad=True),
        "as an iterator": lambda: iter(some),
    }
    return made | containers(some)


def not_labels(good):
    """The same where the numbers must be whole."""
    fractions = {"fractions": lambda: np.array(good) + 0.5, "floats": lambda: np.array(good) * 1.0}
    return not_like_arrays(good) | fractions


def bad_weights(good):
    """Weights of examples that are none."""
    return {
        "negative": lambda: [1.0, -1.0, 1.0, 1.0],
        "of nan": lambda: [1.0, np.nan, 1.0, 1.0],
        "of inf": lambda: [1.0, np.inf, 1.0, 1.0],
        "a column": lambda: good[:, None],
        "one less": lambda: good[1:],
    }


SIZES = {
    "of text": lambda: ("3", "2"),
    "of floats": lambda: (3.0, 2.0),
    "of True": lambda: (True, 2),
    "below zero": lambda: (3, -2),
    "nested": lambda: ((3, 2),),
    "as an array": lambda: np.array([3, 2]),
    "as text": lambda: "32",
}
NUMBERS = "-1", "0", "1.5", "-0.5"

KINDS = {
    "bool": odd("True"),
    "int": odd("huge", **{"float": lambda: 3.0, "number as text": lambda: "3"}),
    "int or none": odd("None", "huge", **{"float": lambda: 3.0}),
    "int or none or less": odd("None", "huge", "-1", "0", **{"float": lambda: 3.0}),
    "class weights": lambda good: {
        **without("None", not_like_arrays(good)),
        **{name: ODD[name] for name in ("-1", "1.5", "nan", "True", "empty list")},
        "negative": lambda: [1.0, -1.0],
        "of nan": lambda: [1.0, np.nan],
        "of inf": lambda: [1.0, np.inf],
        "only 0": lambda: [0, 0],
        "a column": lambda: good[:, None],
    },
    "example weights": lambda good: {
        **not_like_arrays(good),
        **bad_weights(good),
    },
    "sample weights": lambda good: {
        **without("None", not_like_arrays(good)),
        **bad_weights(good),
        "only 0": lambda: [0.0, 0.0, 0.0, 0.0],
    },
    "positive numbers": lambda good: {
        **without("None", not_like_arrays(good)),
        **{name: ODD[name] for name in ("-1", "0", "nan", "True", "empty list")},
        "negative": lambda: -good,
    },
    "factors": lambda good: {
        **not_like_arrays(good),
        **{name: ODD[name] for name in ("-1", "-0.5", "nan", "inf", "-inf", "True", "empty list")},
        "negative": lambda: -good,
        "of nan": lambda: good * np.nan,
        "of inf": lambda: good * np.inf,
        "longer": lambda: np.ones(len(good) + 1),
        "a column": lambda: good[:, None],
    },
    "finite": lambda good: {
        **not_like_arrays(good),
        "of nan": lambda: good * np.nan,
        "of inf": lambda: good + np.inf,
        "longer": lambda: np.ones(len(good) + 1),
        "a column": lambda: good[:, None],
    },
    "spread": lambda good: {
        **KINDS["finite"](good),
        "negative": lambda: -good,
        "zero": lambda: good * 0.0,
    },
    "data": lambda good: {
        **not_arrays(good),
        "of nan": lambda: good * np.nan,
        "of inf": lambda: good + np.inf,
        "constant": lambda: good * 0.0,
    },
    "sizes or none": odd("None", "list", "empty list", **SIZES),
    "factors or none": lambda good: without(
        "None", KINDS["factors"](good) | {name: ODD[name] for name in ("0", "1.5")}
    ),
    "factors or number": lambda good: KINDS["factors"](good),
    "patterns": odd(
        **{"that fits none": lambda: {"*.c": 1.0}, "of nan": lambda: {"*": math.nan}},
        **{"negative": lambda: {"*": -1.0}, "of text": lambda: {"*": "1"}},
    ),
    "index": odd("-1", "0", "True", "huge", **{"float": lambda: 0.0}),
    "column": odd("None", "-1", "0", **{"float": lambda: 0.0, "past the last": lambda: 17}),
    "real": odd(*NUMBERS, **{"number as text": lambda: "3"}),
    "positive": odd("1.5", **{"number as text": lambda: "3"}),
    "positive or none": odd("None", "1.5", **{"number as text": lambda: "3"}),
    "not negative": odd("0", "1.5"),
    "fraction": odd("0", **{"one": lambda: 1.0, "number as text": lambda: "0.5"}),
    "at least 1": odd("1.5", **{"half": lambda: 0.5, "number as text": lambda: "0.5"}),
    "factor": odd(**{"two": lambda: 2.0, "number as text": lambda: "0.5"}),
    "rate": odd("1.5", "function", **{"number as text": lambda: "0.1"}),
    "betas": odd(**{"of text": lambda: ("a", "b"), "one": lambda: (0.9,), "of 1": lambda: (1, 1)}),
    "dtype": odd(
        **{"integers": lambda: int, "complex type": lambda: complex, "object type": lambda: object},
        **{"name of ints": lambda: "int32", "half": lambda: np.float16, "swapped": lambda: ">f8"},
        **{"long": lambda: np.longdouble, "fields": lambda: {"names": ["a"], "formats": ["f8"]}},
    ),
    "dtype or none": lambda good: without("None", KINDS["dtype"](good)),
    "init": INITIALIZERS,
    "rng": odd(
        *("None", "0", "huge"),
        **{"RandomState": lambda: np.random.RandomState(0), "np.random": lambda: np.random},
    ),
    "shape": odd("list", **SIZES),
    "sizes": odd("list", "empty list", **SIZES),
    "sizes or int": odd("list", "empty list", "huge", **SIZES),
    "sizes or int or none": odd("list", "empty list", "huge", "None", **SIZES),
    "axis": odd("-1", "huge", **{"float": lambda: 1.0}),
    "order": odd(
        "list",
        **SIZES,
        **{"twice": lambda: (1, 1), "from 0": lambda: (0, 1), "with a gap": lambda: (1, 3)},
    ),
    "mask or none": lambda good: {
        **without("None", not_arrays(good)),
        "ints": lambda: good * 1,
        "floats": lambda: good * 1.0,
        "longer": lambda: np.ones((len(good), good.shape[1] + 1), bool),
        "a row": lambda: good[0],
        "of no step": lambda: good & False,
    },
    "mode": odd(**{"maximum": lambda: "maximum"}),
    "monitor": odd("None", **{"not there": lambda: "accuracy"}),
    "plateau or none": odd("None"),
    "regression": lambda good: {
        **not_like_arrays(good),
        "a column": lambda: good[:, None],
        "one less": lambda: good[1:],
        "empty": lambda: good[:0],
    },
    "method": odd(**{"slow": lambda: "Nelder-Mead", "of names": lambda: ("CG",)}),
    "engine": odd(**{"fast": lambda: "fast", "of names": lambda: ("numpy",)}),
    "approximate": odd(**{"gelu": lambda: "gelu", "of names": lambda: ("tanh",)}),
    "padding": odd("list", "empty list", "huge", "0", **SIZES),
    "shape or none": odd("None", "list", **SIZES),
    "layer": odd("network", **{"list of layers": lambda: [tinynet.Dense(3, 2)]}),
    "net": odd(
        "network",
        **{"list of layers": lambda: [tinynet.Dense(3, 2)], "params": lambda: np.zeros(8)},
    ),
    "sequential": odd(**{"list of layers": lambda: [tinynet.Conv2D(1, 2, 2)]}),
    "loss": odd("loss"),
    "optimizer": odd("optimizer"),
    "watched": odd("network", "loss", "optimizer"),
    "function": odd("function", "class", *(name for name in ODD if name.startswith("class of"))),
    "function or none": lambda good: without("None", KINDS["function"](good)),
    "kind": odd(),
    "kinds": odd("empty list", "iterator"),
    "activations": odd("iterator", **{"of names": lambda: ["relu"]}),
    "strategy": odd("None"),
    "path": odd("path", "text", **{"null byte": lambda: "a\0b", "an open file": lambda: 1}),
    "path or none": odd("path", "text", "None", **{"null byte": lambda: "a\0b"}),
    "word": odd("text", **{"half a character": lambda: "a\ud800"}),
    "words": odd("text", "empty text", **{"half a character": lambda: "a\ud800"}),
    "numbers": not_arrays,
    "pair or none": lambda good: {
        **{name: value for name, value in ODD.items() if name != "None"},
        "list of two": lambda: list(good),
        "of lists": lambda: (good[0].tolist(), good[1].tolist()),
        **{f"x {name}": lambda v=v: (v(), good[1]) for name, v in not_arrays(good[0]).items()},
        **{f"t {name}": lambda v=v: (good[0], v()) for name, v in not_arrays(good[1]).items()},
    },
    "ids": lambda good: not_arrays(good) | {"floats": lambda: good * 1.0},
    "vector": lambda good: (
        not_arrays(good)
        | {
            "ints": lambda: np.zeros(good.size, int),
            "half": lambda: good.astype(np.float16),
            "a row": lambda: good[None],
            "longer": lambda: np.zeros(good.size + 1),
        }
    ),
    "any vector": lambda good: without("longer", KINDS["vector"](good)),
    "parameter": lambda good: without("network", not_arrays(good)) | {"ints": lambda: good > 0},
    "like": not_like_arrays,
    "like or none": lambda good: without("None", not_like_arrays(good)),
    "anything like": lambda good: {
        name: value
        for name, value in not_like_arrays(good).items()
        if not name.startswith(("array of", "complex", "list of", "bytes", "text", "none"))
    },
    "labels": not_labels,
    "labels or none": lambda good: without("None", not_labels(good)),
    "real or none": lambda good: without("None", KINDS["real"](good)),
    "names": lambda good: odd()(good) | {"masked": lambda: masked(good)},
    "size or none": odd("None", "huge", **{"float": lambda: 3.0}),
    "natural": odd("0", "huge", **{"float": lambda: 3.0}),
    "rates": odd(
        *("list", "array", "iterator"),
        **{"of text": lambda: ["a", 0.1], "of None": lambda: [None, 0.1]},
        **{"of classes": lambda: [tinynet.SGD, 0.1]},
    ),
    "steps": odd("set", "iterator", **{"of text": lambda: ["a"], "of floats": lambda: [3.0]}),
    "functions": odd("empty list", "iterator", **{"of names": lambda: ["accuracy"]}),
    "progress": odd("function", "class", *(name for name in ODD if name.startswith("class of"))),
    "columns": odd(
        **{"of text": lambda: {"loss": ["a", "b"]}, "of None": lambda: {"loss": [None, None]}},
        **{"numbered": lambda: {1: [0.5]}, "of pairs": lambda: {"loss": [[1.0, 2.0]]}},
        **{"masked": lambda: {"loss": masked(np.ones(2))}, "complex": lambda: {"loss": [1j]}},
    ),
    "row": odd(
        **{"missing": lambda: {"accuracy": 0.5}, "of text": lambda: {"loss": "a"}},
        **{"of a list": lambda: {"loss": [1.0]}, "of None": lambda: {"loss": None}},
        **{"more": lambda: {"loss": 0.5, "accuracy": 0.5}},
    ),
    "classes": odd("None", **{"of a layer": lambda: {"Dense": tinynet.Dense(3, 2)}}),
    "state dict": lambda good: (
        odd()(good)
        | {
            f"weight {name}": lambda v=v: {**good, "0.weight": v()}
            for name, v in not_arrays(good["0.weight"]).items()
            if "tensor" not in name and "gradient" not in name
        }
    ),
    "axes": odd("None"),
    "history": odd(),
    "titles": odd("None", "iterator"),
    "weights": lambda good: without("network", odd()(good)) | containers(good.W),
    "kernels": lambda good: odd()(good) | containers(good.W),
    "units": odd("0", "-1", "list", **{"of floats": lambda: [0.0], "of text": lambda: ["0"]}),
    "skip": odd("empty list", "iterator", **{"of numbers": lambda: (1,)}),
}
"""For each kind, a function of a good value; it gives functions that make the bad ones, by name."""


def without(name, made):
    return {other: make for other, make in made.items() if other != name}


def bad_values(kind, good):
    """Pairs of a name and a bad value made anew."""
    for name, make in KINDS[kind](good).items():
        yield name, make()
