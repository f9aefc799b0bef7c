"""Bad arguments, over everything public: refused by name and value before anything has changed."""

import inspect

import arguments
import pytest
from bad_calls import EXEMPT, ROWS

import tinynet
from tinynet import Layer, Loss, Optimizer, data, initializers, metrics, plot, schedules, testing
from tinynet.interop import onnx
from tinynet.testing import strategies

PLACES = {
    "": tinynet,
    "data.": data,
    "initializers.": initializers,
    "interop.onnx.": onnx,
    "metrics.": metrics,
    "plot.": plot,
    "schedules.": schedules,
    "testing.": testing,
    "testing.strategies.": strategies,
}


@pytest.fixture(scope="module", autouse=True)
def directory():
    with arguments.prepared():
        yield


@pytest.mark.parametrize("key", ROWS)
def test_a_good_call_is_accepted(key):
    row = ROWS[key]
    arguments.outcome(row, row.owner and row.owner(), row.good())


@pytest.mark.parametrize("key", ROWS)
def test_each_bad_argument_is_refused_by_name_before_anything_changes(key, capsys):
    answers = arguments.attempts(ROWS[key])
    wrong = [f"{wrong}: {n}={label}: {text[:200]}" for n, label, wrong, text in answers if wrong]
    assert not wrong, "\n".join(wrong)


def public():
    """Every public function, class and method that takes arguments, by its dotted name."""
    for prefix, place in PLACES.items():
        for name in place.__all__:
            thing = getattr(place, name)
            if inspect.isfunction(thing):
                yield prefix + name, thing
            if inspect.isclass(thing) and not issubclass(thing, BaseException):
                if thing is Layer or thing.__init__ is not Layer.__init__:
                    yield prefix + name, thing.__init__
                for method in dir(thing):
                    function = inspect.getattr_static(thing, method)
                    if not method.startswith("_") and inspect.isfunction(function):
                        yield f"{prefix}{name}.{method}", function


def parameters(function):
    """The names of what a function takes, with the stars, and without self."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    taken = inspect.signature(function).parameters.values()
    return {stars.get(each.kind, "") + each.name for each in taken} - {"self"}


@pytest.mark.parametrize(("name", "function"), [*public()])
def test_every_public_function_and_argument_has_its_row(name, function):
    if function is object.__init__:
        return
    rows = [row for row in ROWS.values() if row.name == name or row.target() is function]
    last = name.rpartition(".")[2]
    reason = EXEMPT.get(name) or EXEMPT.get(last)
    missing = parameters(function) - set().union(*(row.arguments for row in rows))
    assert reason or not missing, f"tests/bad_calls.py has no row for {name}({', '.join(missing)})"


def test_what_is_exempt_exists():
    names = {name for name, _ in public()} | {name.rpartition(".")[2] for name, _ in public()}
    assert EXEMPT.keys() <= names
    assert {Layer, Loss, Optimizer} <= {getattr(tinynet, name) for name in tinynet.__all__}
