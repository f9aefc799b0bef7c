"""Call everything public with bad arguments, one at a time, and count what is not refused well.

A bad argument is refused well by a ValueError or a TypeError that names the argument and shows
what it got, before anything has changed: no parameter, no generator, no file.
`python tests/arguments.py` prints the counts; with `-v` also each call that is not refused well.
"""

import contextlib
import os
import pathlib
import re
import sys
import tempfile
import types
import warnings
from collections import Counter
from collections.abc import Iterator

import numpy as np
from bad_calls import ROWS, prepare
from bad_values import bad_values

CLEAR = (ValueError, TypeError, IndexError, KeyError)
ACCEPTED, UNCLEAR, CHANGED = "accepted wrongly", "refused unclearly", "changed something first"


def attempts(row):
    """Call a row with one bad argument after another: what is wrong with each answer, or None.

    The good arguments are made once, and again after a call that may have changed them.
    """
    world = before = None
    for name, (kind, _) in row.arguments.items():
        for label, bad in bad_values(kind, row.good()[name]):
            if world is None:
                world = row.owner() if row.owner else None, row.good()
                before = frozen(world), surroundings()
            wrong, answer = verdict(row, world, before, name, bad)
            if wrong in (ACCEPTED, CHANGED):
                world = None
            yield name, label, wrong, answer


def verdict(row, world, before, name, bad):
    """What is wrong with the answer to a bad argument, or None; and the answer."""
    owner, good = world
    try:
        answer = repr(outcome(row, owner, {**good, name: bad}))
    except Exception as error:
        notes = getattr(error, "__notes__", ())
        answer = f"{type(error).__name__}: " + " ".join([str(error), *notes])
        if (frozen(world), surroundings()) != before:
            return CHANGED, answer
        returns = row.arguments[name][0] == "init" and callable(bad)  # the message shows what
        clear = isinstance(error, CLEAR) and names(answer, name) and (returns or shows(answer, bad))
        return None if clear else UNCLEAR, answer
    return ACCEPTED, answer


def outcome(row, owner, arguments):
    """The result of a call; of a context manager, what it does when it is entered."""
    result = row(owner, arguments)
    if isinstance(result, contextlib.AbstractContextManager):
        with result:
            return result
    if isinstance(result, Iterator):
        return list(result)
    return result


def names(message, name):
    """Whether a message names the argument, in words or as a name; one of many, in the singular."""
    name = name.lstrip("*")
    forms = {name, name.replace("_", " "), name.removesuffix("s"), name.split("_or_")[0]}
    return any(re.search(rf"(?<!\w){form}s?(?!\w)", message, re.I) for form in forms)


def shows(message, value):
    """Whether a message shows a value, or a part of it: its type, its text, its shape or dtype."""
    parts = [value]
    if isinstance(value, dict):
        parts += [*value, *value.values()]
    elif isinstance(value, tuple | list | set):
        parts += value
    return any(form and form in message for part in parts for form in forms(part))


def forms(value):
    """How a message may show a value."""
    yield from (type(value).__name__, repr(value)[:20], str(value)[:20])
    yield from (str(getattr(value, name)) for name in ("shape", "dtype") if hasattr(value, name))
    yield getattr(value, "__name__", "")
    if isinstance(value, np.ndarray):
        yield f"np.array({value.tolist()})"
    with contextlib.suppress(Exception):
        yield f"got {np.shape(value)}"
        yield f"got {len(value)}"
    if isinstance(value, list | tuple):
        yield from (repr(tuple(value)), f" {len(value)} ")
        with contextlib.suppress(Exception):
            yield str(np.asarray(value).dtype)


def frozen(value, seen=None):
    """A value that compares equal as long as nothing in the object changes."""
    seen = {} if seen is None else seen
    if id(value) in seen:
        return seen[id(value)][0]
    seen[id(value)] = len(seen), value  # which keeps it alive, and so its id
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, np.random.Generator):
        return str(value.bit_generator.state)
    if isinstance(value, dict):
        return [(key, frozen(inner, seen)) for key, inner in value.items()]
    if isinstance(value, list | tuple):
        return [frozen(inner, seen) for inner in value]
    if isinstance(value, type | types.ModuleType | types.FunctionType):
        return id(value)
    if fields := getattr(value, "__dict__", None):
        kept = {k: v for k, v in fields.items() if k != "_owner"}
        return type(value).__name__, frozen(kept, seen)
    return repr(value)


def surroundings():
    """What is around a call: files, NumPy's global state, figures."""
    figures = (
        sys.modules["matplotlib.pyplot"].get_fignums() if "matplotlib.pyplot" in sys.modules else []
    )
    files = [
        (entry.path, entry.stat().st_size, entry.stat().st_mtime_ns)
        for folder in (".", "files")
        for entry in os.scandir(folder)
        if entry.is_file()
    ]
    state = np.random.get_state()  # noqa: NPY002  which nothing may use
    return sorted(files), np.geterr(), state[1][:4].tobytes(), state[2], figures


@contextlib.contextmanager
def prepared():
    """A directory of its own, with the files that calls read; nothing is printed or warned of."""
    here = pathlib.Path.cwd()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.chdir(folder)
        try:
            prepare()
            yield
        finally:
            os.chdir(here)


def main(verbose, patterns):
    counts = Counter()
    with prepared():
        for key, row in ROWS.items():
            if row.target() is None or (patterns and not any(p in key for p in patterns)):
                continue
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
                answers = [*attempts(row)]
            for name, label, wrong, answer in answers:
                counts["calls"] += 1
                counts[wrong] += 1
                if wrong and verbose:
                    print(f"{wrong}: {key}({name}={label}): {answer[:300]}", flush=True)
    for what in ("calls", ACCEPTED, UNCLEAR, CHANGED):
        print(f"{what:24}{counts[what]:>7,}")


if __name__ == "__main__":
    main("-v" in sys.argv, [a for a in sys.argv[1:] if a != "-v"])
