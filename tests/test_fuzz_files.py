"""Files that are damaged at random; `python tests/fuzz_files.py` does the same more often."""

import random
import warnings

import pytest
from fuzz_files import KINDS, Idx, PackedIdx, Parameters, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from tinynet import LoadError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module", params=KINDS.values())
def kind(request, folder):
    return request.param(folder)


@given(rng=st.randoms(use_true_random=False))
@settings(max_examples=8 * settings().max_examples)
def test_a_damaged_file_is_refused_or_read_rightly(kind, folder, rng):
    _, wrong = verdict(kind, folder, rng)
    assert wrong is None


# What the verdicts are worth


class WrongError(Idx):
    def read(self, receiver, path):
        try:
            return super().read(receiver, path)
        except ValueError as error:
            raise LoadError(str(error)) from error


class NamesNoFile(Idx):
    def read(self, receiver, path):
        try:
            return super().read(receiver, path)
        except ValueError:
            raise ValueError("it is damaged") from None


class Warns(Idx):
    def read(self, receiver, path):
        warnings.warn("odd", stacklevel=2)
        return super().read(receiver, path)


class ChangesTheFile(Idx):
    def read(self, receiver, path):
        try:
            return super().read(receiver, path)
        finally:
            path.write_bytes(path.read_bytes() + b"x")


class ChangesTheNetwork(Parameters):
    def read(self, receiver, path):
        receiver.params[...] = 1
        return super().read(receiver, path)


class ReadsBadData(Idx):
    def read(self, receiver, path):
        return *super().read(receiver, path)[:3], False


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (WrongError, "LoadError"),
        (NamesNoFile, "ValueError: it is damaged"),
        (Warns, "warned: odd"),
        (ChangesTheFile, "changed the file"),
        (ChangesTheNetwork, "changed the receiver"),
        (ReadsBadData, "bad data"),
    ],
)
def test_what_is_wrong_is_found(kind, message, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = kind(folder)
    found = [verdict(made, folder, random.Random(seed))[1] for seed in range(50)]
    assert any(message in wrong for wrong in found if wrong)


def test_other_data_than_the_checksum_says_are_found(folder):
    made = PackedIdx(folder)
    made.expected = ("other", *made.expected[1:])
    found = [verdict(made, folder, random.Random(seed)) for seed in range(300)]
    assert any("other data" in wrong for _, wrong in found if wrong)
