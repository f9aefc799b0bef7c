"""Files that would take too long, load as something else, or write to the terminal."""

import json
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from tinynet import BatchNorm, Dense, Identity, LoadError, Sequential, load, load_parameters, save
from tinynet.persistence.architecture import DEEPEST_NESTING, MOST_LAYERS


def edited(path, change, arrays=None):
    """Rewrite the header of a file, and arrays as they are given by name."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(members["tinynet.json"])
    change(header)
    members["tinynet.json"] = json.dumps(header).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**members, **(arrays or {})}.items():
            archive.writestr(zipfile.ZipInfo(name), data)


@pytest.fixture
def path(tmp_path):
    save(Sequential(Dense(2, 2, rng=0), BatchNorm(2)), tmp_path / "net.npz")
    return tmp_path / "net.npz"


def test_more_layers_than_the_limit_are_refused_before_any_is_built(path):
    many = [{"layer": {"class": "tinynet.Tanh"}}] * (MOST_LAYERS + 1)
    edited(path, lambda header: header["network"].update(args=many))
    with pytest.raises(LoadError, match="more than 10,000 layers"):
        load(path)


def test_deep_nesting_is_refused_and_the_limit_itself_is_not(tmp_path):
    net = Dense(2, 2, rng=0)
    for _ in range(DEEPEST_NESTING - 1):
        net = Sequential(net)
    save(net, tmp_path / "net.npz")
    assert np.array_equal(load(tmp_path / "net.npz").params, net.params)
    with pytest.raises(ValueError, match="nested deeper than 50"):
        save(Sequential(net), tmp_path / "net.npz")


@pytest.mark.parametrize("name", ["\x1b[31mred", "bell\x07", "\ud800", "a\rb"])
def test_names_from_a_file_cannot_act_on_a_terminal(path, name):
    edited(path, lambda header: header["network"].update({"class": name}))
    with pytest.raises(LoadError) as caught:
        load(path)
    shown = str(caught.value).removeprefix(str(path))
    assert all(c.isprintable() or c == "\n" for c in shown), ascii(shown)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *((change, "which is not a description") for change in ({"args": 1}, {"args": {"0": 2}})),
        *((change, "which is not a description") for change in ({"kwargs": [1]}, {"kwargs": "x"})),
        *((change, "which is not a description") for change in ({"class": 1}, {"class": [1]})),
        ({"args": [{"layer": {}}]}, "which is not a description"),
    ],
)
def test_what_is_no_description_is_refused_also_for_an_existing_network(path, change, message):
    net = Sequential(Dense(2, 2, rng=5), BatchNorm(2))
    before = net.params.copy()
    edited(path, lambda header: header["network"].update(change))
    for read in load, lambda path: load_parameters(net, path):
        with pytest.raises(LoadError, match=message):
            read(path)
    edited(path, lambda header: header.update(network=3))
    with pytest.raises(LoadError, match="which is not a description"):
        load_parameters(net, path)
    assert np.array_equal(net.params, before)


class Keeper(Identity):
    """Keeps whatever it is given, and declares no layer."""

    def __init__(self, kept):
        self.kept = kept


def test_a_layer_where_its_class_declares_none_is_refused(tmp_path):
    path, layers = tmp_path / "net.npz", {"Keeper": Keeper}
    save(Keeper(np.ones(8)), path)
    assert load(path, layers=layers).kept.sum() == 8
    dense = {"layer": {"class": "tinynet.Dense", "args": [1, 1], "kwargs": {"bias": False}}}
    for kept in dense, [dense], {"dict": {"a": dense}}:
        edited(path, lambda header, kept=kept: header["network"].update(args=[kept]))
        with pytest.raises(LoadError, match=r"Keeper\.kept.* never declared it"):
            load(path, layers=layers)


@pytest.mark.parametrize("shape", ["(2L,)", "(02,)", "(+2,)", "(2 ,)", "2", "(1, 2L)", "(0x2,)"])
def test_an_array_header_is_not_read_as_python(path, shape, recwarn):
    """Under the warnings that a user sees, of which a file may cause none."""
    warnings.simplefilter("always")
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    array = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(16)
    edited(path, lambda header: None, {"0.b.npy": array})
    with pytest.raises(LoadError, match=r"has the header .* which is not as tinynet writes it"):
        load(path)
    assert not recwarn.list


def test_a_negative_variance_is_refused(path):
    net = load(path)
    net[1].running_var[...] = -1
    with pytest.raises(ValueError, match="running_var is a variance"):
        save(net, path)


def test_an_array_header_that_python_cannot_parse_is_a_damaged_file(path):
    text = b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"-" * 9000 + b"1,), }\n"
    array = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    edited(path, lambda header: None, {"0.b.npy": array})
    with pytest.raises(
        LoadError, match=r"0\.b\.npy has the header .* which is not as tinynet writes"
    ):
        load(path)


def test_memory_that_is_not_there_does_not_make_a_file_bad(path, monkeypatch):
    def full(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr(np, "zeros", full)
    with pytest.raises(MemoryError):
        load(path)


@pytest.mark.parametrize(
    "layer",
    [
        {"class": "tinynet.LSTM", "args": [1, 2000]},
        {"class": "tinynet.GRU", "args": [2000, 1]},
        {"class": "tinynet.RNN", "args": [1, 60_000]},
        {"class": "tinynet.SelfAttention", "args": [2000, 1]},
        {"class": "tinynet.Conv2D", "args": [2000, 2000, 5]},
        {"class": "tinynet.PositionalEncoding", "args": [60_000, 60_000]},
        {
            "class": "tinynet.PositionalEncoding",
            "args": [60_000, 60_000],
            "kwargs": {"learned": True},
        },
    ],
    ids=str,
)
def test_a_small_file_cannot_ask_for_much_memory(layer, path):
    edited(path, lambda header: header["network"].update(args=[{"layer": layer}]))
    tracemalloc.start()
    try:
        with pytest.raises(LoadError):
            load(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
