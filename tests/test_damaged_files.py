"""Files that are damaged or made to do harm: refused, or loaded as what was saved."""

import contextlib
import errno
import io
import json
import os
import re
import struct
import subprocess
import sys
import textwrap
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tinynet import Dense, LoadError, Sequential, Sigmoid
from tinynet.persistence import load, load_parameters, save
from tinynet.persistence.archive import MOST_MEMBERS, read_archive, write_archive
from tinynet.persistence.arrays import named_arrays


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A small network, its file's content, and a path to write variants to."""
    net = Sequential(Dense(2, 2, rng=0), Sigmoid(), Dense(2, 1, bias=False, rng=1))
    path = tmp_path_factory.mktemp("damaged") / "net.npz"
    save(net, path)
    return net, path.read_bytes(), path


def facts(net):
    arrays = {name: (a.dtype, a.shape, a.tobytes()) for name, a in named_arrays(net).items()}
    return repr(net), net.params.dtype, arrays


def is_refused(path, expected):
    """Whether `load` refuses the file; what it loads instead must be the network that was saved."""
    try:
        net = load(path)
    except LoadError:
        return True
    assert facts(net) == expected
    return False


def flips(thorough):
    """Every byte with all its bits changed; thoroughly also with each bit changed alone."""
    return [0xFF, *(1 << bit for bit in range(8))] if thorough else [0xFF]


def test_every_flipped_byte_is_refused_or_harmless(saved, thorough, capsys):
    net, content, path = saved
    expected, read = facts(net), set()
    for place in range(len(content)):
        for flip in flips(thorough):
            damaged = bytearray(content)
            damaged[place] ^= flip
            path.write_bytes(damaged)
            if is_refused(path, expected):
                read.add(place)
    # What numpy, JSON and the arrays are made of is all under checksums.
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            start = info.header_offset + 30 + len(info.filename)
            assert set(range(start, start + info.file_size)) <= read
    with capsys.disabled() if thorough else contextlib.nullcontext():
        print(
            f"\n{len(content)} bytes flipped in {len(flips(thorough))} ways each: "
            f"{len(read)} refused, {len(content) - len(read)} never read, 0 wrong networks"
        )


def test_a_flipped_byte_changes_no_existing_network(saved):
    net, content, path = saved
    other = Sequential(Dense(2, 2, rng=5), Sigmoid(), Dense(2, 1, bias=False, rng=6))
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        before = facts(other)[2]
        try:
            load_parameters(other, path)
        except LoadError:
            assert facts(other)[2] == before
        else:
            assert facts(other)[2] == facts(net)[2]
            other.params[...] = 0.5


def test_every_truncation_is_refused(saved):
    net, content, path = saved
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert is_refused(path, facts(net)), f"the first {length} bytes"


def test_what_stands_before_or_behind_does_no_harm(saved):
    net, content, path = saved
    for damaged in (content + b"x", b"x" + content, content + content, content + bytes(70000)):
        path.write_bytes(damaged)
        is_refused(path, facts(net))


def test_bytes_behind_the_end_are_told_from_damage(saved):
    _, content, path = saved
    path.write_bytes(content)
    with zipfile.ZipFile(path, "a") as file:
        file.comment = b"from my backup"
    for changed in (path.read_bytes(), content + b"x"):
        path.write_bytes(changed)
        with pytest.raises(LoadError, match="bytes behind the end of its archive, such as a comm"):
            load(path)


def failing(number):
    """A file whose reads fail after the first ones, as on a broken disk or network."""

    class Failing(io.BufferedReader):
        reads = 0

        def read(self, size=-1, /):
            Failing.reads += 1
            if Failing.reads > 3:
                raise OSError(number, os.strerror(number))
            return super().read(size)

    return Failing


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_a_failure_of_the_disk_is_not_called_damage(saved, monkeypatch, number):
    _, content, path = saved
    path.write_bytes(content)
    monkeypatch.setattr(
        "tinynet.persistence.archive.open_regular", lambda path: failing(number)(io.FileIO(path))
    )
    with pytest.raises(OSError, match=re.escape(os.strerror(number))) as info:
        load(path)
    assert info.value.errno == number


# Hostile files: each must be refused, and take no more memory than a small multiple of its size.


def npy(shape, dtype="<f8", data=b"", fortran=False):
    header = f"{{'descr': {dtype!r}, 'fortran_order': {fortran}, 'shape': {shape!r}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def archive(path, header, members=(), compression=zipfile.ZIP_STORED):
    if not isinstance(header, bytes):
        header = json.dumps({"format": "tinynet", "version": 1, **header}).encode()
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("tinynet.json", header)
        for name, content in members:
            file.writestr(name, content)


def network(cls, *args, **kwargs):
    described = {"class": f"tinynet.{cls}", "args": list(args), "kwargs": kwargs}
    return {"network": described, "dtype": "float64"}


def layers(description, count):
    one = {"layer": description["network"]}
    return network("Sequential", *[one] * count)


def huge_declared_array(path):
    archive(path, network("Dense", 2, 2), [("W.npy", npy((100_000, 100_000)))])


def huge_product_that_wraps_to_nothing(path):
    archive(path, network("Dense", 2, 2), [("W.npy", npy((2**31, 2**31, 4)))])


def two_negative_sides(path):
    archive(path, network("Dense", 2, 2), [("W.npy", npy((-2, -2), data=bytes(32)))])


def empty_and_huge_sides(path):
    archive(path, network("Dense", 2, 2), [("W.npy", npy((0, 2**70)))])


def huge_layer(path):
    archive(path, network("Dense", 30_000, 30_000))


def huge_wide_layer(path):
    archive(path, network("Dense", 1, 10**9, bias=True))


def layer_as_wide_as_there_are_bools(path):
    data = npy((1 << 24,), "|b1", bytes(1 << 24))
    archive(path, network("BatchNorm", 1 << 24), [("best/x.npy", data)])


def huge_number(path):
    archive(path, network("Dense", 10**30, 1))


def many_middling_layers(path):
    data = npy((256, 256), data=bytes(8 * 256 * 256))
    archive(path, layers(network("Dense", 256, 256), 20_000), [("0.W.npy", data)])


def deflated_bomb(path):
    content = npy((1 << 25,), data=bytes(1 << 28))
    archive(path, network("Dense", 2, 2), [("W.npy", content)], zipfile.ZIP_DEFLATED)


def deflated_header(path):
    archive(path, b"[" + b" " * (1 << 27) + b"]", compression=zipfile.ZIP_DEFLATED)


def deep_header(path):
    archive(path, b'{"a":' * 100_000 + b"1" + b"}" * 100_000)


def deep_network(path, depth=900):
    start, end = '{"class": "tinynet.Sequential", "args": [{"layer": ', "}]}"
    text = start * depth + '{"class": "tinynet.Sigmoid"}' + end * depth
    outer = '{"format": "tinynet", "version": 1, "dtype": "float64", "network": '
    archive(path, f"{outer}{text}}}".encode())


def deeper_network(path):
    deep_network(path, 20_000)


def long_header(path):
    archive(path, b"[" + b"[]," * (1 << 24) + b"[]]")


def with_entries(path, name, entries):
    """An archive with these entries in its table of contents, made from that of one array."""
    array = npy((1 << 16,), data=bytes(1 << 19))
    archive(path, network("Dense", 2, 2), [(name, array)])
    content = path.read_bytes()
    central, end = content.rindex(b"PK\x01\x02"), content.rindex(b"PK\x05\x06")
    added = entries(content[central:end])
    tail = bytearray(content[end:])
    count, size = struct.unpack("<HI", tail[10:16])
    count += added.count(b"PK\x01\x02")
    tail[10:16] = struct.pack("<HI", min(count, 0xFFFF), size + len(added))
    path.write_bytes(content[:end] + added + tail)


def overlapping_members(path):
    names = [b"%d.npy" % number for number in range(9)]
    with_entries(
        path, "W.npy", lambda entry: b"".join(entry.replace(b"W.npy", name) for name in names)
    )


def fewer_members_than_its_end_says(path):
    archive(path, network("Dense", 2, 2), [("W.npy", npy((2, 2), data=bytes(32)))])
    content = path.read_bytes()
    path.write_bytes(content[:-12] + struct.pack("<H", 3) + content[-10:])


def more_members_than_the_limit(path):
    with_entries(path, "W.npy", lambda entry: entry * (MOST_MEMBERS - 1))


def table_of_contents_larger_than_the_limit(path):
    with_entries(path, "W" * 60_000 + ".npy", lambda entry: entry * 299)


def member_beyond_the_end(path):
    archive(path, network("Dense", 2, 2), [("W.npy", npy((2,), data=bytes(16)))])
    content = bytearray(path.read_bytes())
    central = content.rindex(b"PK\x01\x02")
    content[central + 20 : central + 28] = struct.pack("<II", 0xFFFFFFF0, 0xFFFFFFF0)
    path.write_bytes(content)


def pickled_array(path):
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], object), allow_pickle=True)
    archive(path, network("Dense", 2, 2), [("W.npy", buffer.getvalue())])


def structured_array(path):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(2, [("a", "f8")]))
    archive(path, network("Dense", 2, 2), [("W.npy", buffer.getvalue())])


def wide_float(path):
    archive(path, network("Dense", 2, 2), [("W.npy", npy((2,), "<f16", bytes(32)))])


def no_array(path):
    archive(path, network("Dense", 2, 2), [("W.npy", b"not an array")])


def fortran_order(path):
    archive(path, network("Dense", 2, 2), [("W.npy", npy((2, 2), data=bytes(32), fortran=True))])


def old_python_header(path):
    content = npy((2, 2), data=bytes(32)).replace(b"(2, 2), }   ", b"(2L, 2L), }")
    archive(path, network("Dense", 2, 2), [("W.npy", content)])


def header_of_four_gigabytes(path):
    content = b"\x93NUMPY\x02\x00" + struct.pack("<I", 0xFFFFFFF0) + b"{}"
    archive(path, network("Dense", 2, 2), [("W.npy", content)])


def later_npy_version(path):
    content = npy((2,), data=bytes(16)).replace(b"\x01\x00", b"\x03\x00", 1)
    archive(path, network("Dense", 2, 2), [("W.npy", content)])


def stranger_among_the_members(path):
    archive(path, network("Dense", 2, 2), [("setup.py", b"print()")])


def twice_the_same_name(path):
    members = ("W.npy", npy((2, 2), data=bytes(32))), ("b.npy", npy((2,), data=bytes(16)))
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive(path, network("Dense", 2, 2), [*members, members[0]])


def header_that_is_a_list(path):
    archive(path, b"[1, 2]")


def header_that_is_no_json(path):
    archive(path, b"{")


def unknown_float_type(path):
    archive(path, {**network("Sigmoid"), "dtype": "object"})


def builtin_as_class(path):
    archive(path, {"network": {"class": "builtins.eval", "args": ["1"]}, "dtype": "float64"})


def layer_without_class(path):
    archive(path, {"network": {"args": []}, "dtype": "float64"})


def layer_with_arguments_of_the_wrong_kind(path):
    archive(path, {"network": {"class": "tinynet.Dense", "args": {"a": 1}}, "dtype": "float64"})


def network_that_is_a_number(path):
    archive(path, {"network": 3, "dtype": "float64"})


def argument_of_no_meaning(path):
    archive(path, network("Dense", {"pickle": "x"}, 2))


def array_that_is_not_there(path):
    archive(path, network("Dense", {"array": "arguments/7"}, 2))


def function_outside_the_registry(path):
    archive(path, network("Dense", 2, 2, init={"function": "system"}))


def type_that_is_none(path):
    archive(path, network("Dense", 2, 2, dtype={"dtype": "complicated"}))


def type_that_numpy_parses_as_python(path):
    archive(path, network("Dense", 2, 2, dtype={"dtype": "i4,(2"}))


def type_of_records(path):
    archive(path, network("Dense", 2, 2, dtype={"dtype": "f8,f8"}))


def layers_in_a_string(path):
    archive(path, network("Sequential", "Dense"))


def nothing_in_the_network(path):
    archive(path, network("Sequential"))


def much_that_is_wrong(path):
    archive(path, network("Dense", 2, 2), [(f"{n}" * 900, b"") for n in range(100)])


OTHER_HEADER = ", which is not as tinynet writes it"

HOSTILE = {
    huge_declared_array: "declares float64 (100000, 100000), 80,000,000,000 bytes, and 0 are there",
    huge_product_that_wraps_to_nothing: "147,573,952,589,676,412,928 bytes, and 0 are there",
    two_negative_sides: OTHER_HEADER,
    empty_and_huge_sides: "damaged",
    huge_layer: "more parameters than there are numbers",
    huge_wide_layer: "the argument 1000000000, more than",
    layer_as_wide_as_there_are_bools: "more than there are numbers",
    huge_number: "more than there are numbers",
    many_middling_layers: "more than 10,000 layers",
    deflated_bomb: "W.npy is compressed",
    deflated_header: "tinynet.json is compressed",
    deep_header: "nested too deeply",
    deep_network: "nested too deeply",
    deeper_network: "nested too deeply",
    long_header: "larger than 4,194,304 bytes",
    overlapping_members: "its members overlap",
    member_beyond_the_end: "beyond the end of the file",
    pickled_array: OTHER_HEADER,
    structured_array: OTHER_HEADER,
    wide_float: "W.npy holds float128",
    no_array: "W.npy has the header b'not an array', which is not as tinynet writes it",
    fortran_order: OTHER_HEADER,
    old_python_header: OTHER_HEADER,
    header_of_four_gigabytes: OTHER_HEADER,
    later_npy_version: OTHER_HEADER,
    stranger_among_the_members: "tinynet does not write setup.py",
    twice_the_same_name: "W.npy is there twice",
    header_that_is_a_list: "not that of a tinynet file",
    header_that_is_no_json: "damaged",
    unknown_float_type: "its float type is 'object'",
    builtin_as_class: "class builtins.eval, which is not tinynet's own",
    layer_without_class: "is not a description",
    layer_with_arguments_of_the_wrong_kind: "is not a description",
    network_that_is_a_number: "3, which is not a description",
    argument_of_no_meaning: "is not a description",
    array_that_is_not_there: "is not a description",
    function_outside_the_registry: "is not a description",
    type_that_is_none: "'complicated'}, which is not a description",
    type_that_numpy_parses_as_python: "is not a description",
    type_of_records: "is not a description",
    layers_in_a_string: "takes layers; number 0 is 'Dense'",
    nothing_in_the_network: "needs at least one layer",
    much_that_is_wrong: "and 80 more",
    fewer_members_than_its_end_says: "damaged: 2 members are found, and its end says 3",
    more_members_than_the_limit: "it has 100,001 members and may have 100,000",
    table_of_contents_larger_than_the_limit: "18,015,058 bytes and may have 16,777,216",
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A folder with one file of each kind."""
    folder = tmp_path_factory.mktemp("hostile")
    for make in HOSTILE:
        make(folder / f"{make.__name__}.npz")
    return folder


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_a_hostile_file_is_refused_for_what_is_wrong_with_it(hostile, make):
    path = hostile / f"{make.__name__}.npz"
    with pytest.raises(LoadError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert HOSTILE[make] in str(caught.value)
    assert len(str(caught.value)) < 20_000


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_a_hostile_file_changes_no_existing_network(hostile, make):
    net = Dense(2, 2, rng=5)
    before = facts(net)
    with pytest.raises(LoadError, match=make.__name__):
        load_parameters(net, hostile / f"{make.__name__}.npz")
    assert facts(net) == before


def test_hostile_files_take_little_memory(hostile, thorough, capsys):
    """All of them in a process that may take 256 MiB more than it has after importing tinynet."""
    program = textwrap.dedent("""
        import pathlib, re, resource, sys
        import tinynet

        def status(field):  # of this process alone, unlike what getrusage tells of a child
            text = pathlib.Path("/proc/self/status").read_text()
            return int(re.search(field + r":\\s+(\\d+) kB", text)[1]) / 1024

        limit = int(status("VmSize") + 256) << 20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        start = status("VmHWM")
        for path in sorted(pathlib.Path(sys.argv[1]).glob("*.npz")):
            before = status("VmHWM")
            try:
                tinynet.load(path)
            except tinynet.LoadError as error:
                while error := error.__cause__ or error.__context__:
                    assert not isinstance(error, MemoryError), path
            print(round(status("VmHWM") - before), path.name, file=sys.stderr)
        print(status("VmHWM") - start)
    """)
    done = subprocess.run(
        [sys.executable, "-c", program, str(hostile)],
        capture_output=True,
        text=True,
        check=False,
        env={"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    peak = float(done.stdout)
    with capsys.disabled() if thorough else contextlib.nullcontext():
        print(f"\nloading {len(HOSTILE)} hostile files raised the peak by {peak:.0f} MiB")
    assert peak < 150, done.stderr


def test_an_honest_file_takes_a_few_times_its_size(tmp_path):
    net = Sequential(Dense(1000, 1000, rng=0))
    save(net, tmp_path / "net.npz")
    tracemalloc.start()  # NumPy reports to it
    load(tmp_path / "net.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * (tmp_path / "net.npz").stat().st_size


def test_the_largest_json_that_is_read_has_a_limit_when_writing_too(tmp_path):
    with pytest.raises(ValueError, match="too long"):
        write_archive(tmp_path / "net.npz", {"text": "x" * (1 << 22)}, {})


def test_no_entry_is_parsed_of_a_table_of_contents_that_is_too_long(hostile, monkeypatch):
    monkeypatch.setattr(zipfile, "ZipInfo", None)
    for make in more_members_than_the_limit, table_of_contents_larger_than_the_limit:
        with pytest.raises(LoadError, match=re.escape(HOSTILE[make])):
            load(hostile / f"{make.__name__}.npz")


def test_what_is_written_keeps_to_the_limit_of_members(tmp_path, monkeypatch):
    monkeypatch.setattr("tinynet.persistence.archive.MOST_MEMBERS", 4)
    arrays = dict.fromkeys("abc", np.ones(1))
    write_archive(tmp_path / "net.npz", {}, arrays)
    assert read_archive(tmp_path / "net.npz")[1].keys() == arrays.keys()
    refusal = r"at most 3 arrays, with a table of .* got [34] arrays and .* in files of their own"
    with pytest.raises(ValueError, match=refusal):
        write_archive(tmp_path / "net.npz", {}, {**arrays, "more": np.ones(1)})
    monkeypatch.setattr("tinynet.persistence.archive.LARGEST_CONTENTS", 300)
    with pytest.raises(ValueError, match=refusal):
        write_archive(tmp_path / "net.npz", {}, arrays)
