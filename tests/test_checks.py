"""Rules for arguments: each takes what fits, and refuses the rest by name, value and rule."""

import re
from pathlib import Path

import numpy as np
import pytest
from containers import DataFrame, Tensor, masked

from tinynet import SGD, Dense, Layer
from tinynet.checks import (
    as_array,
    as_numbers,
    boolean,
    check_function,
    check_instance,
    check_numbers,
    file_path,
    float_dtype,
    positive_int,
    random_generator,
    real,
    sizes,
)

X = np.array([[1.0, 2.0], [3.0, 4.0]])


def two_sizes(value, name):
    return sizes(value, name, axes=2)


@pytest.mark.parametrize(
    ("rule", "value", "result"),
    [
        (boolean, np.True_, True),
        (positive_int, np.uint8(3), 3),
        (sizes, [2, np.int64(3)], (2, 3)),
        (two_sizes, (4, 5), (4, 5)),
        (real, np.float32(0.5), 0.5),
        (float_dtype, "float32", np.dtype(np.float32)),
        (float_dtype, float, np.dtype(np.float64)),
        (file_path, Path("net.npz"), Path("net.npz")),
    ],
)
def test_a_rule_returns_what_fits_in_the_type_that_it_names(rule, value, result):
    got = rule(value, "it")
    assert got == result
    assert type(got) is type(result)


@pytest.mark.parametrize(
    ("rule", "value", "error", "message"),
    [
        *((boolean, value, TypeError, "must be True or False") for value in ("no", 0, None, [1])),
        *(
            (positive_int, value, TypeError, "must be a positive int")
            for value in (1.0, "3", None, True)
        ),
        *((positive_int, value, ValueError, "must be a positive int") for value in (0, -1)),
        (sizes, 3, TypeError, "must be a tuple of sizes"),
        (sizes, (3, 0), ValueError, "[1] must be a positive int; got 0"),
        (two_sizes, (3,), ValueError, "must be a tuple of 2 sizes; got (3,)"),
        (real, "0.5", TypeError, "must be a finite number; got '0.5'"),
        (real, 10**400, ValueError, "must be a finite number; got 1000"),
        *(
            (float_dtype, value, TypeError, "must be np.float32 or np.float64; got")
            for value in (None, 0, "", [], "f2", int, complex, ">f8", {"names": 1}, np.longdouble)
        ),
        *((file_path, value, TypeError, "must be a path") for value in (0, b"x", None)),
        *((file_path, value, ValueError, "must be a path") for value in ("", "a\0b")),
        (random_generator, np.random, TypeError, "must be a Generator, an int of at least 0 or"),
    ],
)
def test_a_rule_refuses_the_rest_by_name_and_value(rule, value, error, message):
    with pytest.raises(error, match=f"^it ?{re.escape(message)}"):
        rule(value, "it")


def test_an_int_may_have_another_least_value():
    assert positive_int(0, "it", least=0) == 0
    with pytest.raises(ValueError, match=r"^it must be an int of at least 2; got 1"):
        positive_int(1, "it", least=2)


def test_the_class_in_place_of_an_object_is_refused_with_a_guess():
    check_instance("net", Dense(1, 1), Layer, "a layer")
    with pytest.raises(TypeError, match=r"^net must be a layer; got the class Dense. Did you mean"):
        check_instance("net", Dense, Layer, "a layer")
    with pytest.raises(TypeError, match=r"^net must be a layer; got the class SGD\.$"):
        check_instance("net", SGD, Layer, "a layer")


def test_what_cannot_be_called_is_no_function():
    check_function("init", abs, "he_normal")
    with pytest.raises(TypeError, match=r"^init must be a function such as he_normal; got 'zeros'"):
        check_function("init", "zeros", "he_normal")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1.0]], r"must be a NumPy array; got list. Use np.asarray\(x\)"),
        (masked(X), r"must be a NumPy array; got MaskedArray. Use x.filled\(value\), or"),
        (X.view(np.matrix), "must be a NumPy array; got matrix"),
        (X + 1j, r"must hold real numbers; got complex128. Use x.real, x.imag or abs\(x\)"),
        (X.astype(object), r"got object. If all elements are numbers, x.astype\(float\)"),
        (X.astype(str), r"got <U32. names, x = np.unique\(x, return_inverse=True\)"),
        (X.astype("M8[s]"), r"must hold real numbers; got datetime64\[s\].$"),
    ],
)
def test_numbers_are_real_and_in_an_array(value, message):
    with pytest.raises(TypeError, match="^x .*" + message):
        check_numbers("x", value)
    for good in (X, X > 1, X.astype(np.uint8), X.astype(np.float32)):
        check_numbers("x", good)


@pytest.mark.parametrize("value", [X, X.tolist(), X.view(np.matrix), DataFrame(X), Tensor(X)])
def test_what_numpy_makes_an_array_of_becomes_a_plain_one(value):
    array = as_numbers(value, "x")
    assert type(array) is np.ndarray
    np.testing.assert_array_equal(array, X)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (masked(X), TypeError, "must be an array or a list of numbers; got MaskedArray"),
        (
            Tensor(X, requires_grad=True),
            TypeError,
            "must be an array or a list of numbers; got Tensor. Use x.numpy",
        ),
        ([[1, 2], [3]], ValueError, r"must be an array, or lists of equal lengths; got \[\[1, 2\]"),
        ({1, 2}, TypeError, "must be an array or a list of numbers; got set"),
        (None, TypeError, "must be an array or a list of numbers; got NoneType"),
        (
            (n for n in (1, 2)),
            TypeError,
            r"must be an array or a list of numbers; got generator. Use np.asarray\(list\(x\)\)",
        ),
    ],
)
def test_what_is_no_array_is_refused_with_a_conversion(value, error, message):
    with pytest.raises(error, match="^x " + message):
        as_array(value, "x")


class Broken:
    def __repr__(self):
        raise RuntimeError("no repr")


def test_a_message_shows_any_value_in_one_short_line():
    with pytest.raises(TypeError, match=r"got an object of Broken$"):
        boolean(Broken(), "it")
    with pytest.raises(TypeError, match=r"got \[0, 0, .*\.\.\.$") as caught:
        boolean([0] * 10**6, "it")
    assert len(str(caught.value)) < 120
    with pytest.raises(TypeError, match=r"got 'a\\nb'$"):
        boolean("a\nb", "it")
