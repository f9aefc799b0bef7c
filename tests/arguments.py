"""The public API called with arguments of every wrong kind, and what came of it.

`python tests/arguments.py` prints how many calls accepted something wrongly, refused it unclearly,
or changed something first, and `python tests/arguments.py NAME` each such call of one function.

`CASES` lists every public function and class with one good call and the kind of each argument.
`BAD` lists for each kind values that are wrong, `GOOD` others that are as good as that of the call.
One argument at a time is replaced. A wrong value has to be refused with a ValueError or TypeError
that names the argument, and nothing may have changed then; a value that means the same as the good
one in another form, such as a list for an array, may also give the same result.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import inspect
import os
import random
import re
import sys
import tempfile
import types
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

import tinynet
from tinynet import (
    SGD,
    Adam,
    BatchNorm,
    Dense,
    Dropout,
    History,
    Layer,
    Loss,
    MSELoss,
    Optimizer,
    Sequential,
    Tanh,
    data,
    initializers,
    metrics,
    schedules,
)

FOLDER = Path(tempfile.mkdtemp(prefix="arguments"))


class DataFrame:
    """What pandas has, as far as NumPy and a message see it."""

    def __init__(self, values):
        self.values = values
        self.columns = [f"column {n}" for n in range(values.shape[-1])]
        self.shape, self.ndim, self.size = values.shape, values.ndim, values.size
        self.dtypes = [values.dtype] * len(self.columns)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, name):
        return self.values[:, self.columns.index(name)]  # by name: a slice is no row

    def to_numpy(self):
        return self.values


class Tensor:
    """What PyTorch has, as far as NumPy and a message see it."""

    def __init__(self, values, requires_grad=False):
        self.values, self.requires_grad = values, requires_grad
        self.shape, self.ndim, self.dtype = values.shape, values.ndim, "torch.float64"

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return np.array(self.values, dtype)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, place):
        return Tensor(self.values[place])

    def numpy(self):
        return self.__array__()


class Value(NamedTuple):
    """A value to try: made from the good one; `same` if it means the same in another form."""

    label: str
    make: Any
    same: bool = False


def values(**by_label):
    return [Value(label.replace("_", " "), lambda good, v=v: v) for label, v in by_label.items()]


def masked(good):
    mask = np.zeros(good.shape, bool)
    mask.flat[0] = True
    return np.ma.masked_array(good, mask)


def memmap(good):
    with tempfile.TemporaryFile(dir=FOLDER) as file:
        mapped = np.memmap(file, good.dtype, "w+", shape=good.shape)
    mapped[...] = good
    return mapped


def read_only(good):
    copied = good.copy()
    copied.flags.writeable = False
    return copied


def with_gaps(good):
    return np.repeat(good, 2, axis=0)[::2]


def struct(good):
    return np.zeros(good.shape, [("a", "f8"), ("b", "f8")])


NOTHING = values(none=None)
TEXT = values(text="no such thing", empty_text="", bytes=b"3")
STRANGE = values(object=object(), function=len, class_=dict, a_set={3}, a_dict={"a": 3})
NO_NUMBER = [
    *TEXT,
    *STRANGE,
    *values(digits="3", list=[3], tuple=(3,), array=np.array([3.0]), two=np.array([3, 4])),
    *values(bool=True, complex=3 + 0j, date=datetime.date(2026, 1, 1), text_array=np.array("3")),
    *values(numpy_bool=np.True_, decimal=decimal.Decimal(3), fraction=fractions.Fraction(3)),
]
NOT_FINITE = values(nan=np.nan, inf=np.inf, minus_inf=-np.inf, float32_nan=np.float32(np.nan))
NOT_FINITE += values(huge=10**400)

COUNT = [
    *NO_NUMBER,
    *NOT_FINITE[:-1],  # very many epochs are no mistake
    *values(zero=0, negative=-1, float=3.0, half=2.5, numpy_float=np.float64(3)),
]
HUGE = values(too_large=10**30, larger_than_memory=2**62)
ARRAYS_LIKE = [  # right, or refused
    Value("list", lambda a: a.tolist(), True),
    Value("tuple", lambda a: tuple(a.tolist()), True),
    Value("object array", lambda a: a.astype(object), True),
    Value("complex", lambda a: a.astype(complex), True),
    Value("text array", lambda a: a.astype(str), True),
    Value("masked array without a mask", np.ma.masked_array, True),
    Value("DataFrame", DataFrame, True),
    Value("tensor", Tensor, True),
    Value("list of arrays", list, True),
]
MATRICES_LIKE = [  # where there are two axes
    Value("matrix", np.matrix, True),
    Value("sparse array", scipy.sparse.csr_array, True),
    Value("sparse matrix", scipy.sparse.coo_matrix, True),
]
NO_ARRAY = [
    *NOTHING,
    *TEXT,
    *STRANGE,
    *values(number=3.5, ragged=[[1.0], [1.0, 2.0]], type=np.ndarray),
    Value("masked array", masked),
    Value("tensor with a gradient", lambda a: Tensor(a, requires_grad=True)),
    Value("generator", iter),
    Value("structured array", struct),
    Value("dates", lambda a: np.zeros(a.shape, "datetime64[s]")),
]
FLOATS = [*NO_ARRAY, *ARRAYS_LIKE]
NO_AXES = values(no_axes=np.array(3.5))
NO_LAYER = [
    *NOTHING,
    *TEXT,
    *STRANGE,
    *values(number=3, list=[Tanh()], class_of_layer=Dense, loss=MSELoss(), array=np.zeros(3)),
]
NOT_EACH_FINITE = [
    Value("a NaN", lambda a: np.where(np.arange(a.size).reshape(a.shape) == 1, np.nan, a)),
    Value("an infinity", lambda a: np.where(np.arange(a.size).reshape(a.shape) == 1, np.inf, a)),
]
EMPTY = [Value("no rows", lambda a: a[:0]), Value("fewer rows", lambda a: a[:-1])]
RANDOM = [
    *TEXT,
    *STRANGE,
    *values(float=0.5, negative=-1, bool=True, list=[0], nan=np.nan, module=np.random),
    *values(random_state=np.random.RandomState(0), standard=random.Random(0)),
    *values(seeds=np.random.SeedSequence(0), maker=np.random.default_rng, array=np.array([1])),
]


def initial(returned):
    return lambda good: lambda shape, rng: returned(shape)


INIT = [
    *NOTHING,
    *TEXT,
    *values(name="zeros", number=0.5, array=np.zeros((3, 2)), object=object(), a_dict={}),
    Value("NaN", initial(lambda shape: np.full(shape, np.nan))),
    Value("infinity", initial(lambda shape: np.full(shape, np.inf))),
    Value("complex", initial(lambda shape: np.full(shape, 1j))),
    Value("complex of real numbers", initial(lambda shape: np.ones(shape, complex))),
    Value("strings", initial(lambda shape: np.full(shape, "1.5"))),
    Value("objects", initial(lambda shape: np.full(shape, None))),
    Value("dates", initial(lambda shape: np.zeros(shape, "datetime64[s]"))),
    Value("masked", initial(lambda shape: masked(np.ones(shape)))),
    Value("sparse", initial(lambda shape: scipy.sparse.csr_array(np.ones(shape)))),
    Value("None", initial(lambda shape: None)),
    Value("a number", initial(lambda shape: 0.5)),
    Value("another shape", initial(lambda shape: np.zeros((*shape, 1)))),
    Value("transposed", initial(lambda shape: np.zeros(shape[::-1]))),
    Value("function of nothing", lambda good: lambda: 0),
    Value("function of the shape", lambda good: lambda shape: np.zeros(shape)),
]
DTYPE = [
    *values(zero=0, empty_text="", empty_list=[], empty_tuple=(), a_dict={}, number=3.5, bool=True),
    *values(unknown="no such type", int=int, int8=np.int8, complex=complex, complex64="complex64"),
    *values(half=np.float16, long_double=np.longdouble, a_bool=bool, object=object, text=str),
    *values(record=[("a", "f8")], array=np.zeros(3), other_end=">f8", date="datetime64[s]"),
    *values(of_text="U3", function=len, pair=("f8", (2,))),
]
BOOL = values(
    no="no", false="False", empty="", none=None, two=2, empty_list=[], list=[False], half=0.5,
    nan=np.nan, arrays=np.array([True, False]), object=object(), function=len, a_dict={},
)  # fmt: skip
PATH = [
    *NOTHING,
    *values(number=3.5, list=["a"], object=object(), array=np.zeros(3), a_dict={}, function=len),
    *values(zero_byte="a\0b", layer=Tanh(), a_class=Path),
]
BAD: dict[str, list[Value]] = {
    "count": COUNT + NOTHING,
    "count?": COUNT,
    "size": COUNT + NOTHING + HUGE,
    "positive": [*NO_NUMBER, *NOT_FINITE, *NOTHING, *values(zero=0, negative=-1.0)],
    "positive?": [*NO_NUMBER, *NOT_FINITE, *values(zero=0, negative=-1.0)],
    "not negative": [*NO_NUMBER, *NOT_FINITE, *NOTHING, *values(negative=-1e-9)],
    "fraction": [*NO_NUMBER, *NOT_FINITE, *NOTHING, *values(negative=-0.1, one=1, more=1.5)],
    "factor": [*NO_NUMBER, *NOT_FINITE, *NOTHING, *values(zero=0, negative=-0.1, more=1.5)],
    "number": [*NO_NUMBER, *NOT_FINITE, *NOTHING],
    "rate": [
        *[value for value in NO_NUMBER if value.label != "function"],
        *[*NOT_FINITE, *NOTHING, *values(zero=0, negative=-1.0, optimizer_class=SGD)],
    ],
    "betas": [
        *[*NOTHING, *TEXT, *STRANGE],
        *values(one=(0.9,), three=(0.9, 0.9, 0.9), number=0.9, nan=(0.9, np.nan), text=("a", 0.9)),
        *values(ones=(1, 0.9), negative=(-0.1, 0.9), bools=(True, False)),
    ],
    "bool": BOOL,
    "bool?": [value for value in BOOL if value.label != "none"],
    "dtype": DTYPE,
    "any float": [value for value in DTYPE if value.label not in ("half", "long double")],
    "init": INIT,
    "rng": RANDOM,
    "generator": [*RANDOM, *NOTHING, *values(seed=0)],
    "shape": [
        *[*NOTHING, *TEXT, *STRANGE],
        *values(zero=(0, 2), negative=(-1, 2), floats=(2.0, 3.0), nan=(np.nan, 2), text=("2", "3")),
        *values(number=6, nested=((2, 3),), huge=(10**30, 2), bools=(True, 6)),
    ],
    "layer": NO_LAYER,
    "shape?": [*TEXT, *STRANGE, *values(zero=(0,), negative=(-1,), floats=(3.0,), other=(4,))],
    "fans": [
        *[*NOTHING, *TEXT, *STRANGE],
        *values(zero=(0, 2), negative=(-1, 2), floats=(2.0, 3.0), nan=(np.nan, 2), text=("2", "3")),
    ],
    "learner": NO_LAYER,
    "layers": [
        *values(none=(None,), text=("Dense",), class_=(Dense,), list=([Tanh()],), nothing=()),
        *values(loss=(MSELoss(),), number=(3,), function=(np.tanh,), array=(np.zeros(3),)),
    ],
    "loss": [
        *[*NOTHING, *TEXT, *STRANGE],
        *values(loss_class=MSELoss, layer=Tanh(), name="mse", list=[MSELoss()], base=Loss),
        *values(array=np.zeros(3), number=0.5),
    ],
    "optimizer": [
        *[*NOTHING, *TEXT, *STRANGE],
        *values(optimizer_class=SGD, other_class=Adam, layer=Tanh(), name="sgd", number=0.1),
        *values(loss=MSELoss(), base=Optimizer, rate=schedules.cosine(0.1, steps=3)),
    ],
    "x": FLOATS + MATRICES_LIKE,
    "any x": FLOATS,
    "dy": FLOATS + MATRICES_LIKE + EMPTY,
    "y": FLOATS + MATRICES_LIKE + EMPTY[1:],
    "objects": [
        *values(none=(None,), text=("net",), layer_class=(Dense,), loss_class=(MSELoss,)),
        *values(optimizer_class=(SGD,), function=(np.tanh,), array=(np.zeros(3),), number=(3,)),
        *values(list=([Tanh()],), nothing=()),
    ],
    "data": FLOATS + MATRICES_LIKE + NOT_EACH_FINITE + EMPTY + NO_AXES,
    "labels": [
        *[*NO_ARRAY, *ARRAYS_LIKE, *EMPTY],
        Value("floats", lambda a: a.astype(float), True),
        Value("halves", lambda a: a + 0.5),
        Value("negative", lambda a: a - 100),
        Value("too large", lambda a: a + 100),
        Value("bools", lambda a: a > 0),
        Value("column", lambda a: a[:, np.newaxis]),
    ],
    "classes": [
        *[*NO_ARRAY, *ARRAYS_LIKE, *EMPTY],
        Value("floats", lambda a: a.astype(float), True),
        Value("halves", lambda a: a + 0.5),
        Value("negative", lambda a: a - 100),
        Value("too large", lambda a: a + 100),
    ],
    "names": [*NOTHING, *EMPTY, *values(number=3, object=object())],
    "ids": [
        *[*NO_ARRAY, *ARRAYS_LIKE],
        Value("floats", lambda a: a.astype(float), True),
        Value("halves", lambda a: a + 0.5),
        Value("negative", lambda a: a - 100),
        Value("too large", lambda a: a + 100),
        Value("bools", lambda a: a > 0),
        Value("three axes", lambda a: a[:, np.newaxis, np.newaxis]),
    ],
    "scores": FLOATS + MATRICES_LIKE + NOT_EACH_FINITE[:1] + EMPTY,
    "images": [
        *[*NO_ARRAY, *ARRAYS_LIKE],
        Value("negative", lambda a: a.astype(int) - 1000),
        Value("too large", lambda a: a.astype(int) + 1000),
        Value("NaN", lambda a: np.full(a.shape, np.nan)),
        Value("bools", lambda a: a > 0),
    ],
    "figures": [
        *[*NO_ARRAY, *ARRAYS_LIKE],
        Value("NaN", lambda a: np.full(a.shape, np.nan)),
        Value("no rows", lambda a: a[:0]),
    ],
    "counts": [
        *[*NO_ARRAY, *ARRAYS_LIKE],
        Value("NaN", lambda a: np.full(a.shape, np.nan)),
        Value("no rows", lambda a: a[:0]),
        Value("negative", lambda a: -1.0 - a),
    ],
    "series": [
        *NO_ARRAY,
        *[value for value in ARRAYS_LIKE if "DataFrame" not in value.label],
        Value("no rows", lambda a: a[:0]),
        Value("two axes", lambda a: np.stack([a, a])),
    ],
    "validation": [
        *[*TEXT, *STRANGE],
        Value("list", list, True),
        Value("one", lambda pair: pair[:1]),
        Value("three", lambda pair: (*pair, pair[0])),
        Value("lengths", lambda pair: (pair[0], pair[1][:-1])),
        *[
            Value(f"{value.label} as x", lambda p, v=value: (v.make(p[0]), p[1]), value.same)
            for value in FLOATS + MATRICES_LIKE + NOT_EACH_FINITE
        ],
        *[
            Value(f"{value.label} as t", lambda p, v=value: (p[0], v.make(p[1])), value.same)
            for value in FLOATS + MATRICES_LIKE + NOT_EACH_FINITE
        ],
    ],
    "metrics": [
        *[value for value in TEXT if value.label != "empty text"],
        *values(none=None, number=3, function=len, names=["accuracy"], twice=[len, len]),
        *values(nameless=[object()], loss={"loss": len}, no_names={1: len}, classes=[3, None]),
    ],
    "progress": [
        *[value for value in TEXT + STRANGE if value.label not in ("function", "class ")],
        *values(none=None, bool=True, number=3, list=["bar"]),
    ],
    "path": PATH,
    "path?": [value for value in PATH if value.label != "none"],
    "arrays": [
        *[
            *NOTHING,
            *TEXT,
            *values(number=3, list=[1], layer=Tanh(), object=object(), array=np.eye(2)),
        ],
        Value("empty", lambda good: {}),
        Value("one missing", lambda good: dict([*good.items()][1:])),
        Value("one more", lambda good: {**good, "more": np.zeros(3)}),
        Value("a name that is none", lambda good: {**good, 3: np.zeros(3)}),
        *[
            Value(f"{value.label} inside", lambda g, v=value: {n: v.make(a) for n, a in g.items()})
            for value in [*NO_ARRAY, *NOT_EACH_FINITE, *ARRAYS_LIKE[2:5]]
        ],
        *[
            Value(
                f"{value.label} inside",
                lambda g, v=value: {n: v.make(a) for n, a in g.items()},
                True,
            )
            for value in [ARRAYS_LIKE[0], ARRAYS_LIKE[5], ARRAYS_LIKE[7]]
        ],
    ],
    "classes by name": [
        *[*TEXT[:1], *values(number=3, list=[Dense], layer=Tanh(), class_=Dense)],
        *values(of_text={"A": "Dense"}, of_objects={"A": Tanh()}, of_none={"A": None}),
    ],
    "columns": [
        *[*NOTHING, *TEXT, *values(number=3, list=[1.0], empty={}, array=np.zeros(3))],
        *values(lengths={"a": [1.0], "b": [1.0, 2.0]}, text={"a": ["x"]}, numbers={"a": 3.0}),
        *values(names={3: [1.0]}, two_axes={"a": [[1.0]]}, complex={"a": [1j]}),
    ],
    "parts": [
        *[
            *NOTHING,
            *TEXT,
            *values(number=3, object=object(), nothing=[], one=[0.1], zero=[0.1, 0]),
        ],
        *values(text=[0.1, "a"], nan=[0.1, np.nan], bool=[0.1, True], none=[0.1, None]),
    ],
    "boundaries": [
        *[*NOTHING, *TEXT, *values(number=3, object=object(), nothing=[], falling=[3, 2])],
        *values(zero=[0], float=[3.5], text=["3"], nan=[np.nan], bool=[True], negative=[-3]),
    ],
    "axes": [*TEXT, *values(number=3, object=object(), list=[], function=len)],
    "index": [*NO_NUMBER[:-3], *NOT_FINITE, *values(too_large=10**6, negative=-(10**6), half=0.5)],
}
BAD["single labels"] = [value for value in BAD["labels"] if value not in EMPTY]
"""Values that each kind of argument must refuse, or may take where they mean the same."""

GOOD: dict[str, list[Value]] = {
    "count": [Value("NumPy", np.int64), Value("narrow", np.uint8)],
    "size": [Value("NumPy", np.int64), Value("narrow", np.uint8)],
    "positive": [Value("NumPy", np.float64)],
    "not negative": [Value("NumPy", np.float64)],
    "fraction": [Value("NumPy", np.float64)],
    "factor": [Value("NumPy", np.float64)],
    "number": [Value("NumPy", np.float64)],
    "rate": [Value("NumPy", np.float64)],
    "bool": [Value("NumPy", np.bool_)],
    "dtype": [
        Value("name", lambda good: "float64"),
        Value("code", lambda good: "<f8"),
        Value("dtype", lambda good: np.dtype(float)),
        Value("Python", lambda good: float),
    ],
    "rng": [Value("Generator", np.random.default_rng), Value("NumPy", np.int64)],
    "init": [
        Value("lists", lambda good: lambda shape, rng: np.asarray(good(shape, rng)).tolist()),
        Value("partial", lambda good: lambda *args: good(*args)),
    ],
    "x": [Value("read only", read_only), Value("with gaps", with_gaps), Value("mapped", memmap)],
    "any x": [Value("read only", read_only), Value("with gaps", with_gaps)],
    "data": [Value("read only", read_only), Value("with gaps", with_gaps), Value("mapped", memmap)],
    "dy": [Value("read only", read_only), Value("with gaps", with_gaps)],
    "labels": [Value("narrow", lambda a: a.astype(np.uint8)), Value("read only", read_only)],
    "ids": [Value("narrow", lambda a: a.astype(np.uint8)), Value("read only", read_only)],
    "path": [Value("text", str), Value("Path", Path)],
}
"""Values that mean what the good one means and must give the same result."""


class Case(NamedTuple):
    """One good call.

    Attributes:
        call: takes the arguments by name; what it returns is compared.
        arguments: of each name its kind and a good value.
        watched: layers, losses, optimizers, generators and arrays that no refused call may change.
        words: other words by which a message may name an argument.
    """

    call: Any
    arguments: dict[str, tuple[str, Any]]
    watched: tuple[Any, ...] = ()
    words: Any = types.MappingProxyType({})


CASES: dict[str, Any] = {}
"""For each name a function that makes its `Case` anew."""


def case(name):
    def note(make):
        CASES[name] = make
        return make

    return note


def inputs(*shape):
    return np.random.default_rng(0).normal(size=shape)


def small():
    rng = np.random.default_rng(0)
    return Sequential(
        Dense(3, 4, rng=rng), BatchNorm(4), Tanh(), Dropout(0.2, rng=rng), Dense(4, 2, rng=rng)
    )


# Layers: the constructor, and then forward, backward and predict.

LAYERS: dict[str, tuple[dict[str, tuple[str, Any]], Any]] = {
    "Dense": (
        {
            "inputs": ("size", 3),
            "outputs": ("size", 2),
            "bias": ("bool", True),
            "init": ("init", initializers.lecun_normal),
            "rng": ("rng", 0),
            "dtype": ("dtype", np.float64),
        },
        lambda: inputs(4, 3),
    ),
    "Embedding": (
        {
            "num_embeddings": ("size", 5),
            "features": ("size", 2),
            "init": ("init", initializers.standard_normal),
            "rng": ("rng", 0),
            "dtype": ("dtype", np.float64),
        },
        lambda: np.array([0, 3, 4]),
    ),
    "BatchNorm": (
        {
            "features": ("size", 3),
            "momentum": ("fraction", 0.1),
            "eps": ("positive", 1e-5),
            "dtype": ("dtype", np.float64),
        },
        lambda: inputs(4, 3),
    ),
    "LayerNorm": (
        {"features": ("size", 3), "eps": ("positive", 1e-5), "dtype": ("dtype", np.float64)},
        lambda: inputs(4, 3),
    ),
    "Dropout": ({"rate": ("fraction", 0.3), "rng": ("rng", 0)}, lambda: inputs(4, 3)),
    "Reshape": ({"shape": ("shape", (2, 3))}, lambda: inputs(4, 6)),
    "Flatten": ({}, lambda: inputs(4, 2, 3)),
    "LeakyReLU": ({"negative_slope": ("number", 0.01)}, lambda: inputs(4, 3)),
    "ELU": ({"alpha": ("positive", 1.0)}, lambda: inputs(4, 3)),
    "Residual": ({"layer": ("layer", None)}, lambda: inputs(4, 3)),
    "Frozen": ({"layer": ("layer", None)}, lambda: inputs(4, 3)),
    **{
        name: ({}, lambda: inputs(4, 3))
        for name in (
            *("GELU", "Identity", "LogSoftmax", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus"),
            "Tanh",
        )
    },
}


def fresh(kind, good):
    return Dense(3, 3, rng=0) if kind == "layer" else good


def made(name):
    return getattr(tinynet, name)(**{n: fresh(*kind) for n, kind in LAYERS[name][0].items()})


for layer_name, (layer_arguments, layer_input) in LAYERS.items():
    if layer_arguments:

        @case(layer_name)
        def construct(name=layer_name, arguments=layer_arguments):
            arguments = {n: (kind, fresh(kind, good)) for n, (kind, good) in arguments.items()}
            return Case(getattr(tinynet, name), arguments)

    @case(f"{layer_name}.forward")
    def forward(name=layer_name, make_input=layer_input):
        layer, x = made(name), make_input()
        dy = inputs(*made(name).forward(x).shape)
        kind = {"Embedding": "ids"}.get(name, "x" if x.ndim == 2 else "any x")

        def call(x):  # what forward keeps shows in what backward gives
            y = layer.forward(x)
            return y, layer.backward(dy), layer.grads

        words = {"x": "x|ids"} if name == "Embedding" else {}
        return Case(call, {"x": (kind, x)}, (layer, x), words)

    @case(f"{layer_name}.backward")
    def backward(name=layer_name, make_input=layer_input):
        layer = made(name)
        dy = inputs(*layer.forward(make_input()).shape)
        return Case(lambda dy: (layer.backward(dy), layer.grads), {"dy": ("dy", dy)}, (layer, dy))

    @case(f"{layer_name}.predict")
    def predict(name=layer_name, make_input=layer_input):
        layer, x = made(name), make_input()
        kind = {"Embedding": "ids"}.get(name, "x" if x.ndim == 2 else "any x")
        words = {"x": "x|ids"} if name == "Embedding" else {}
        return Case(layer.predict, {"x": (kind, x)}, (layer, x), words)


@case("Sequential")
def sequential():
    layers = (Dense(3, 2, rng=0), Tanh())
    return Case(
        lambda layers, dtype: Sequential(*layers, dtype=dtype),
        {"layers": ("layers", layers), "dtype": ("dtype", np.float64)},
        layers,
        {"layers": "layers?|Sequential"},
    )


@case("Sequential.forward")
def sequential_forward():
    net, x = small(), inputs(4, 3)

    def call(x):
        y = net.forward(x)
        return y, net.backward(inputs(4, 2)), net.grads

    return Case(call, {"x": ("x", x)}, (net, x))


@case("Sequential.backward")
def sequential_backward():
    net, dy = small(), inputs(4, 2)
    net.forward(inputs(4, 3))
    return Case(lambda dy: (net.backward(dy), net.grads), {"dy": ("dy", dy)}, (net, dy))


@case("Sequential.predict")
def sequential_predict():
    net, x = small(), inputs(4, 3)
    return Case(net.predict, {"x": ("x", x)}, (net, x))


@case("Sequential.summary")
def summary():
    return Case(
        lambda input_shape: str(small().summary(input_shape)), {"input_shape": ("shape?", (3,))}
    )


# Losses

LOSSES: dict[str, tuple[dict[str, tuple[str, Any]], Any, Any, str]] = {
    "MSELoss": ({}, inputs(4, 2), inputs(4, 2) + 1, "y"),
    "L1Loss": ({}, inputs(4, 2), inputs(4, 2) + 1, "y"),
    "HuberLoss": ({"delta": ("positive", 1.0)}, inputs(4, 2), inputs(4, 2) + 1, "y"),
    "BCELoss": ({}, np.full((4, 2), 0.3), np.eye(4, 2), "y"),
    "BCEWithLogitsLoss": ({}, inputs(4, 2), np.eye(4, 2), "y"),
    "KLDivLoss": ({}, np.full((4, 2), np.log(0.5)), np.full((4, 2), 0.5), "y"),
    "CrossEntropyLoss": (
        {"label_smoothing": ("fraction", 0.1)},
        inputs(4, 3),
        np.array([0, 2, 1, 1]),
        "labels",
    ),
}

for loss_name, (loss_arguments, loss_y, loss_t, target_kind) in LOSSES.items():
    if loss_arguments:

        @case(loss_name)
        def loss(name=loss_name, arguments=loss_arguments):
            return Case(getattr(tinynet, name), arguments)

    @case(f"{loss_name}.forward")
    def loss_forward(name=loss_name, y=loss_y, t=loss_t, kind=target_kind):
        loss = getattr(tinynet, name)()
        y, t = y.copy(), t.copy()

        def call(y, t):
            return loss.forward(y, t), loss.backward()

        return Case(call, {"y": ("y", y), "t": (kind, t)}, (y, t))


# Optimizers

OPTIMIZERS: dict[str, dict[str, tuple[str, Any]]] = {
    "SGD": {
        "momentum": ("fraction", 0.5),
        "nesterov": ("bool", True),
        "weight_decay": ("not negative", 0.1),
    },
    "Adam": {
        "betas": ("betas", (0.9, 0.99)),
        "eps": ("positive", 1e-8),
        "weight_decay": ("not negative", 0.1),
    },
    "AdamW": {
        "betas": ("betas", (0.9, 0.99)),
        "eps": ("positive", 1e-8),
        "weight_decay": ("not negative", 0.1),
    },
    "RMSprop": {
        "alpha": ("fraction", 0.9),
        "eps": ("positive", 1e-8),
        "weight_decay": ("not negative", 0.1),
        "momentum": ("fraction", 0.5),
    },
    "Adagrad": {"eps": ("positive", 1e-8), "weight_decay": ("not negative", 0.1)},
}

for optimizer_name, optimizer_arguments in OPTIMIZERS.items():

    @case(optimizer_name)
    def optimizer(name=optimizer_name, arguments=optimizer_arguments):
        cls, net = getattr(tinynet, name), small()
        known = inspect.signature(cls).parameters
        shared = {"clip_norm": ("positive?", 1.0), "clip_value": ("positive?", 1.0)}
        extra = {n: kind for n, kind in {**arguments, **shared}.items() if n in known}
        return Case(cls, {"net": ("learner", net), "lr": ("rate", 0.1), **extra}, (net,))


@case("Optimizer.lr")
def set_rate():
    net = small()
    optimizer = SGD(net, lr=0.1)

    def call(lr):
        optimizer.lr = lr
        return optimizer.lr

    return Case(call, {"lr": ("rate", 0.2)}, (net, optimizer))


@case("Optimizer.step with a schedule")
def step():
    net = small()
    net.grads[...] = 1

    def call(lr):
        optimizer = SGD(net, lr=lambda step: lr)
        optimizer.step()
        return net.params.copy()

    return Case(call, {"lr": ("not negative", 0.1)}, (net,))


# Training


def training():
    net = small()
    optimizer = SGD(net, lr=0.01, momentum=0.5)
    return net, MSELoss(), optimizer, inputs(6, 3), inputs(6, 2)


def common(net, loss, optimizer, x, t):
    return {
        "net": ("layer", net),
        "loss": ("loss", loss),
        "optimizer": ("optimizer", optimizer),
        "x": ("data", x),
        "t": ("data", t),
        "epochs": ("count", 2),
        "batch_size": ("count", 3),
        "shuffle": ("bool", True),
        "rng": ("rng", 0),
    }


@case("train")
def train():
    net, loss, optimizer, x, t = training()

    def call(**arguments):
        for _ in tinynet.train(**arguments):
            pass
        return net.params

    arguments = {**common(net, loss, optimizer, x, t), "blocked": ("bool", True)}
    return Case(call, arguments, (net, optimizer, x, t))


@case("fit")
def fit():
    net, loss, optimizer, x, t = training()

    def call(**arguments):
        history = tinynet.fit(**arguments)
        return net.params, history["loss"]

    arguments = {
        **common(net, loss, optimizer, x, t),
        "validation": ("validation", (x, t)),
        "metrics": ("metrics", []),
        "patience": ("count?", 2),
        "progress": ("progress", "off"),
        "checkpoint": ("path?", FOLDER / "checkpoint.npz"),
        "resume": ("bool?", False),
    }
    (FOLDER / "checkpoint.npz").unlink(missing_ok=True)
    return Case(call, arguments, (net, optimizer, x, t))


@case("predict")
def predict_all():
    net, x = small(), inputs(6, 3)
    arguments = {"net": ("layer", net), "x": ("x", x), "batch_size": ("count", 4)}
    return Case(tinynet.predict, arguments, (net, x))


@case("evaluate")
def evaluate():
    net, x, t = small(), inputs(6, 3), inputs(6, 2)
    arguments = {
        "net": ("layer", net),
        "loss": ("loss", MSELoss()),
        "x": ("x", x),
        "t": ("x", t),
        "metrics": ("metrics", []),
    }
    return Case(tinynet.evaluate, arguments, (net, x, t))


@case("detect_anomaly")
def detect_anomaly():
    net, loss, optimizer, *_ = training()

    def call(objects):
        with tinynet.detect_anomaly(*objects):
            pass

    return Case(
        call,
        {"objects": ("objects", (net, loss, optimizer))},
        (net, optimizer),
        {"objects": "objects?|detect_anomaly"},
    )


@case("History")
def history():
    return Case(History, {"columns": ("columns", {"loss": [0.5, 0.25], "lr": [0.1, 0.1]})})


# Files


def saved():
    path = FOLDER / "net.npz"
    tinynet.save(small(), path)
    return path


@case("save")
def save():
    def call(net, path):
        tinynet.save(net, path)
        return tinynet.load(FOLDER / "saved.npz")

    net = small()
    return Case(call, {"net": ("layer", net), "path": ("path", FOLDER / "saved.npz")}, (net,))


@case("load")
def load():
    return Case(
        lambda path, layers, rng: tinynet.load(path, layers=layers, rng=rng).params,
        {"path": ("path", saved()), "layers": ("classes by name", {}), "rng": ("rng", 0)},
    )


@case("load_parameters")
def load_parameters():
    net = small()

    def call(net, path):
        tinynet.load_parameters(net, path)
        return net.params

    return Case(call, {"net": ("layer", net), "path": ("path", saved())}, (net,))


@case("to_state_dict")
def to_state_dict():
    net = small()
    return Case(tinynet.to_state_dict, {"net": ("layer", net)}, (net,))


@case("from_state_dict")
def from_state_dict():
    net = small()

    def call(net, state_dict):
        tinynet.from_state_dict(net, state_dict)
        return net.params

    arrays = tinynet.to_state_dict(small())
    arguments = {"net": ("layer", net), "state_dict": ("arrays", arrays)}
    words = {"state_dict": "state dict|weight|bias|running_mean|running_var|more"}
    return Case(call, arguments, (net,), words)


def case_with_safetensors(name):
    return case(name) if find_spec("safetensors") else lambda make: make


@case_with_safetensors("save_safetensors")
def save_safetensors():
    def call(net, path):
        tinynet.save_safetensors(net, path)
        return (FOLDER / "net.safetensors").read_bytes()

    net = small()
    path = FOLDER / "net.safetensors"
    return Case(call, {"net": ("layer", net), "path": ("path", path)}, (net,))


@case_with_safetensors("load_safetensors")
def load_safetensors():
    net, path = small(), FOLDER / "other.safetensors"
    tinynet.save_safetensors(net, path)

    def call(net, path):
        tinynet.load_safetensors(net, path)
        return net.params

    return Case(call, {"net": ("layer", net), "path": ("path", path)}, (net,))


# Initializers, schedules, metrics

for initializer_name in initializers.__all__:
    if initializer_name != "Initializer":

        @case(f"initializers.{initializer_name}")
        def initializer(name=initializer_name):
            function = getattr(initializers, name)
            rng = np.random.default_rng(0)
            return Case(
                lambda shape, rng=rng: function(shape, rng),
                {
                    "shape": ("fans", (4, 3)),
                    **({} if name == "zeros" else {"rng": ("generator", rng)}),
                },
                (rng,),
            )


SCHEDULES: dict[str, dict[str, tuple[str, Any]]] = {
    "step_decay": {"lr": ("positive", 0.1), "factor": ("factor", 0.5), "every": ("count", 3)},
    "exponential_decay": {
        "lr": ("positive", 0.1),
        "factor": ("factor", 0.5),
        "every": ("count", 3),
    },
    "cosine": {"lr": ("positive", 0.1), "steps": ("count", 9), "final": ("not negative", 0.01)},
    "linear_warmup": {"then": ("rate", 0.1), "steps": ("count", 9)},
    "piecewise": {"parts": ("parts", [0.1, 0.2]), "boundaries": ("boundaries", [3])},
}

for schedule_name, schedule_arguments in SCHEDULES.items():

    @case(f"schedules.{schedule_name}")
    def schedule(name=schedule_name, arguments=schedule_arguments):
        function = getattr(schedules, name)

        def call(**arguments):
            rate = function(**arguments)
            return [float(rate(step)) for step in (0, 1, 2, 3, 50)]

        return Case(call, arguments, (), {"parts": "parts?", "boundaries": "boundar(y|ies)"})


@case("schedules.steps_in_epochs")
def steps_in_epochs():
    return Case(
        schedules.steps_in_epochs,
        {"epochs": ("count", 2), "examples": ("count", 100), "batch_size": ("count", 30)},
    )


CLASSES = np.array([0, 1, 2, 1])
SCORES = np.array([[0.9, 0.1, 0.2], [0.3, 0.8, 0.1], [0.2, 0.6, 0.1], [0.1, 0.7, 0.2]])

METRICS: dict[str, dict[str, tuple[str, Any]]] = {
    "accuracy": {"predicted": ("scores", SCORES), "labels": ("classes", CLASSES)},
    "top_k_accuracy": {
        "scores": ("scores", SCORES),
        "labels": ("classes", CLASSES),
        "k": ("count", 2),
    },
    "confusion_matrix": {
        "predicted": ("scores", SCORES),
        "labels": ("classes", CLASSES),
        "classes": ("count?", 3),
    },
    "binary_accuracy": {
        "predicted": ("any x", np.array([[0.9], [0.2], [0.7]])),
        "labels": ("names", np.array([1, 0, 0])),
        "threshold": ("number", 0.5),
    },
    "precision_recall_f1": {
        "predicted": ("scores", SCORES),
        "labels": ("classes", CLASSES),
        "classes": ("count?", 3),
    },
}

for metric_name, metric_arguments in METRICS.items():

    @case(f"metrics.{metric_name}")
    def metric(name=metric_name, arguments=metric_arguments):
        return Case(getattr(metrics, name), arguments)


# Data


@case("data.one_hot")
def one_hot():
    arguments = {
        "labels": ("single labels", CLASSES),
        "classes": ("size", 3),
        "low": ("number", 0.25),
        "high": ("number", 0.75),
        "dtype": ("any float", np.float64),
    }
    return Case(data.one_hot, arguments)


@case("data.scale_pixels")
def scale_pixels():
    images = np.arange(12, dtype=np.uint8).reshape(3, 4)
    arguments = {"images": ("images", images), "dtype": ("any float", np.float64)}
    return Case(data.scale_pixels, arguments, (images,), {"images": "images?|scale_pixels"})


@case("data.batches")
def batches():
    rng, x, t = np.random.default_rng(0), inputs(6, 3), inputs(6, 2)
    arguments = {
        "x": ("x", x),
        "t": ("x", t),
        "batch_size": ("count", 4),
        "shuffle": ("bool", True),
        "rng": ("rng", 0),
    }
    return Case(lambda **arguments: list(data.batches(**arguments)), arguments, (rng, x, t))


@case("data.prepare_digit")
def prepare_digit():
    image = np.full((40, 30), 255, np.uint8)
    image[10:30, 14:17] = 40
    return Case(data.prepare_digit, {"image": ("images", image)}, (image,), {"image": "image"})


@case("data.read_mnist_csv")
def read_mnist_csv():
    path = FOLDER / "two.csv"
    path.write_text("7,0,255\n2,128,0\n")
    return Case(data.read_mnist_csv, {"path": ("path", path), "pixels": ("count", 2)})


@case("data.read_idx")
def read_idx():
    path = FOLDER / "small-idx1-ubyte"
    path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3]) + bytes([5, 0, 4]))
    return Case(data.read_idx, {"path": ("path", path)})


def mnist_folder():
    folder = FOLDER / "mnist"
    folder.mkdir(exist_ok=True)
    for name in ("mnist_train.csv", "mnist_test.csv"):
        (folder / name).write_text("\n".join([",".join(["3", *["0"] * 784])] * 2))
    return folder


@case("data.load_mnist")
def load_mnist():
    arguments = {"folder": ("path", mnist_folder()), "verify": ("bool", False)}
    return Case(data.load_mnist, arguments, (), {"folder": "folder|path"})


# Pictures


def drawn(name, arguments, words=None):
    @case(f"plot.{name}")
    def draw():
        from matplotlib.figure import Figure

        figure = Figure()
        kinds = {**arguments(), "ax": ("axes", figure.subplots())}

        def call(**arguments):
            getattr(tinynet.plot, name)(**arguments)
            return True

        return Case(call, kinds, (), words or {})


def backpropagated():
    net = small()
    net.forward(inputs(4, 3))
    net.backward(inputs(4, 2))
    return net


IMAGES = np.arange(4 * 16, dtype=np.uint8).reshape(4, 4, 4)
drawn(
    "array_to_image",
    lambda: {"images": ("figures", IMAGES), "labels": ("names", CLASSES), "index": ("index", 1)},
    {"index": "index|example"},
)
drawn("image_grid", lambda: {"images": ("figures", IMAGES), "columns": ("count?", 2)})
drawn(
    "misclassified",
    lambda: {
        "images": ("figures", IMAGES),
        "predicted": ("scores", SCORES),
        "labels": ("names", CLASSES),
        "most": ("count", 3),
    },
)
drawn("confusion", lambda: {"matrix": ("counts", np.eye(3, dtype=int))})
drawn("learning_curve", lambda: {"loss": ("series", np.array([0.5, 0.25]))})
drawn("history", lambda: {"history": ("columns", History({"loss": [0.5, 0.25]}))})
drawn(
    "weights",
    lambda: {"layer_or_W": ("figures", np.eye(4, 3)), "units": ("index", 1)},
    {"layer_or_W": "layer_or_W|W|weights", "units": "units?"},
)
drawn("activations", lambda: {"net": ("layer", small()), "x": ("x", inputs(1, 3))})
drawn("gradient_norms", lambda: {"net": ("layer", backpropagated())})


# What came of a call


class Outcome(NamedTuple):
    """What came of a call with one wrong argument.

    Attributes:
        verdict: "right", "accepted wrongly", "refused unclearly" or "refused".
        changed: whether a refused call had changed something.
    """

    name: str
    argument: str
    label: str
    verdict: str
    changed: bool
    detail: str


def state(thing):
    """All of a thing that must not change."""
    if isinstance(thing, np.ndarray):
        return thing.tobytes()
    if isinstance(thing, np.random.Generator):
        return str(thing.bit_generator.state)
    if isinstance(thing, Layer):
        arrays = [
            array.tobytes() for _, array in (*thing.named_parameters(), *thing.named_buffers())
        ]
        rngs = [state(layer.rng) for layer in thing.walk() if isinstance(layer, Dropout)]
        return arrays, rngs
    if isinstance(thing, Optimizer):
        memory = [vector.tobytes() for _, vector in thing.named_state()]
        return memory, thing.steps, repr(thing.lr)
    raise TypeError(f"{thing!r} cannot be watched")


def same(a, b):
    """Whether two results are equal, in their types too."""
    if isinstance(a, Layer | Loss | Optimizer):
        mine = [getattr(a, "params", 0), getattr(b, "params", 0)]
        return type(a) is type(b) and same(*mine) and settings(a) == settings(b)
    if isinstance(a, np.ndarray):
        same_form = type(b) is type(a) and a.dtype == b.dtype and a.shape == b.shape
        return same_form and a.tobytes() == b.tobytes()
    if isinstance(a, tuple | list) and type(a) is type(b):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, History):
        return repr(a) == repr(b)
    return type(a) is type(b) and a == b


def unmapped(thing):
    """A layer may return a mapped array that it got: the same numbers, lying in a file."""
    if type(thing) is tuple:
        return tuple(map(unmapped, thing))
    return np.asarray(thing) if isinstance(thing, np.memmap) else thing


def settings(thing):
    """Numbers and truth values that a constructor kept."""
    numbers = bool | int | float | np.bool_
    return {n: float(v) for n, v in vars(thing).items() if isinstance(v, numbers)}


def run(made):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return made.call(**{name: value for name, (_, value) in made.arguments.items()})


def expected(name):
    """What the good call gives."""
    return run(CASES[name]())


CLEAR: dict[str, tuple[type[Exception], ...]] = {
    "path": (ValueError, TypeError, OSError),
    "path?": (ValueError, TypeError, OSError),
    "index": (ValueError, TypeError, IndexError),
}


def attempt(name, argument, value, result, *, good=False):
    """The outcome of the call of that name with one argument replaced."""
    made = CASES[name]()
    kind, right = made.arguments[argument]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns of its matrix
        replaced = value.make(right)
    before = [state(thing) for thing in made.watched]
    arguments = {**made.arguments, argument: (kind, replaced)}
    detail, changed = "", False
    try:
        got = run(made._replace(arguments=arguments))
    except Exception as error:
        text = "\n".join([str(error), *getattr(error, "__notes__", [])])
        detail = f"{type(error).__name__}: {text}"
        clear = isinstance(error, CLEAR.get(kind, (ValueError, TypeError)))
        words = made.words.get(argument, re.escape(argument))
        named = bool(re.search(rf"(?<![\w.])({words})(?!\w)", text))
        named = (named or isinstance(error, OSError)) and "unexpected keyword" not in text
        verdict = "refused" if clear and named else "refused unclearly"
        changed = before != [state(thing) for thing in made.watched]
    else:
        if good:
            got = unmapped(got)
        right_result = (value.same or good) and same(result, got)
        verdict, detail = "right" if right_result else "accepted wrongly", object.__repr__(got)
        detail = repr(got)[:80] if isinstance(got, np.ndarray | tuple | str) else detail
    return Outcome(name, argument, value.label, verdict, changed, detail)


def outcomes(name):
    """Every wrong value for every argument of a call."""
    result = expected(name)
    for argument, (kind, right) in CASES[name]().arguments.items():
        for value in BAD[kind]:
            if value not in MATRICES_LIKE or np.ndim(right) == 2:
                yield attempt(name, argument, value, result)


def good_outcomes(name):
    """Every other good value for every argument of a call."""
    result = expected(name)
    for argument, (kind, _) in CASES[name]().arguments.items():
        for value in GOOD.get(kind, ()):
            yield attempt(name, argument, value, result, good=True)


def shown(outcome):
    """One line for a reader."""
    return (
        f"{outcome.name}({outcome.argument}={outcome.label}): {outcome.verdict}"
        f"{', changed something' * outcome.changed}: {outcome.detail[:150]}"
    )


def main(names):
    """Print what came of the calls."""
    counts, changed, total, missing = collections.Counter(), 0, 0, []
    for name in names or CASES:
        try:
            found = list(outcomes(name))
        except Exception as error:  # the good call itself does not work
            missing.append(f"{name} ({type(error).__name__}: {error})")
            continue
        for outcome in found:
            total += 1
            counts[outcome.verdict] += 1
            changed += outcome.changed
            bad = outcome.verdict in ("accepted wrongly", "refused unclearly")
            if names and (bad or outcome.changed):
                print(shown(outcome))
    print(f"{total} calls: {dict(counts)}, {changed} changed something first")
    print(f"{len(missing)} functions without a good call: {missing}")


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    main(sys.argv[1:])
