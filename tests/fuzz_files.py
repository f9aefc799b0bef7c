"""Files that are damaged at random, and whether reading them gives an error or the right data.

`python tests/fuzz_files.py [COUNT] [KIND ...]` damages files COUNT times, 10,000 unless given, and
prints what was done wrongly; the tests do the same less often.

A file is damaged in one of two ways. Its bytes are changed: then a format with a checksum must
give an error or the very same data. Or its content is changed and packed again with the right
checksums, as somebody who means harm would do: then there is an error, or the data are well-formed.
An error is of the documented class and names the file. It comes before anything has changed.
"""

import copy
import gzip
import importlib.util
import io
import json
import random
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np
from layers import Scale

from tinynet import (
    Adam,
    BatchNorm,
    Dense,
    DivergenceError,
    Dropout,
    Frozen,
    Layer,
    LeakyReLU,
    LoadError,
    MSELoss,
    Reshape,
    Sequential,
    fit,
    load,
    load_parameters,
    load_safetensors,
    save,
    save_safetensors,
)
from tinynet.data import read_idx, read_mnist_csv

EDGES = (0, 1, 2, 3, 7, 8, 255, 256, 1 << 15, (1 << 16) - 1, 1 << 31, (1 << 32) - 1, (1 << 64) - 1)
WORDS = (
    *(b"", b"-", b"1e999", b"NaN", b"null", b"true", b'"', b"\\", b",", b"2L", b"[" * 9),
    *(b"\0", b"\n", b"\xff", b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7"),
    *(b"\x1f\x8b\x08", b"\x93NUMPY"),
)
VALUES = (
    *(None, True, False, 0, 1, 2, -1, 1 << 31, 10**30, 1.5, -0.0, 1e308, np.nan, np.inf),
    *("", "x", "\ud800", "\x1b[31m", "tinynet.Dense", "F32", [], {}, [[]], [{}], {"": 0}, [0] * 99),
    *({"tuple": [2]}, {"array": "0.W"}, {"dtype": "float32"}, {"generator": None}),
    {"float": "nan"},
)


# Damage. Each function takes the bytes and a random.Random, which Hypothesis may steer.


def span(content, rng, longest=40):
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + rng.randint(1, longest))


def flip(content, rng):
    start, stop = span(content, rng, 2)
    return (
        content[:start]
        + bytes(b ^ rng.randint(1, 255) for b in content[start:stop])
        + content[stop:]
    )


def truncate(content, rng):
    return content[: rng.randrange(len(content) + 1)]


def behead(content, rng):
    return content[rng.randint(0, min(40, len(content))) :]


def remove(content, rng):
    start, stop = span(content, rng)
    return content[:start] + content[stop:]


def duplicate(content, rng):
    start, stop = span(content, rng, len(content) + 1)
    return content[:stop] + content[start:]


def copy_over(content, rng):
    (start, stop), place = span(content, rng), span(content, rng)[0]
    return content[:place] + content[start:stop] + content[place + stop - start :]


def swap(content, rng):
    (start, stop), (first, last) = sorted([span(content, rng), span(content, rng)])
    stop = min(stop, first)
    return (
        content[:start]
        + content[first:last]
        + content[stop:first]
        + content[start:stop]
        + content[last:]
    )


def insert(content, rng):
    place, _ = span(content, rng)
    word = rng.choice([*WORDS, bytes(rng.randint(1, 40)), rng.randbytes(rng.randint(1, 8))])
    return content[:place] + word + content[place:]


def binary_number(content, rng):
    place, size = span(content, rng)[0], rng.choice((1, 2, 4, 8))
    here = int.from_bytes(content[place : place + size], "little")
    number = rng.choice([*EDGES, here + 1, here - 1]) % (1 << 8 * size)
    return (
        content[:place]
        + number.to_bytes(size, rng.choice(("little", "big")))
        + content[place + size :]
    )


def written_number(content, rng):
    """Another number in the place of digits, such as those of a shape."""
    start = next(
        (n for n in range(span(content, rng)[0], len(content)) if content[n : n + 1].isdigit()), 0
    )
    stop = start
    while content[stop : stop + 1].isdigit():
        stop += 1
    number = rng.choice([*map(str, EDGES), "-1", "1.5", "00", "1e3", "9" * 99, "9" * 5000])
    return content[:start] + number.encode() + content[stop:]


DAMAGE = (
    *(flip, truncate, behead, remove, duplicate, copy_over, swap, insert),
    *(binary_number, written_number),
)


def damaged(content, rng):
    """The bytes, changed one to three times."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(DAMAGE)(content, rng)
    return content


def damaged_json(text, rng):
    """The text of JSON with some values changed, or with its bytes changed."""
    if rng.random() < 0.2:
        return damaged(text, rng)
    whole = [json.loads(text)]
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = list(containers(whole))
        inside, (other, place) = rng.choice(places), rng.choice(places)
        holder, key = inside
        match rng.randrange(5):
            case 0 if len(holder) > 1:
                del holder[key]
            case 1:
                holder[key] = copy.deepcopy(other[place])
            case 2 if isinstance(holder, dict):
                holder[rng.choice(("", "x", "class", "args", "\ud800", "tinynet.sha256"))] = holder[
                    key
                ]
            case _:
                holder[key] = copy.deepcopy(rng.choice(VALUES))
    return json.dumps(whole[0]).encode()


def containers(value):
    """Each place in a value of JSON, as what holds it and its key there."""
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from containers(value[key])


# Kinds of files


def arrays_of(net):
    return {
        name: (array.dtype.str, array.shape, array.tobytes())
        for name, array in (*net.named_parameters(), *net.named_buffers())
    }


def is_finite(net):
    net.check_views()
    return all(np.isfinite(a).all() for _, a in (*net.named_parameters(), *net.named_buffers()))


class Scaled(Scale):
    """A Scale with arguments of all kinds that a file describes in a way of its own."""

    def __init__(self, gain, options, limit, dtype):
        with np.errstate(over="ignore"):  # a file may hold any number
            Layer.__init__(self, gain=np.array(gain, dtype))
        self.options, self.limit = options, limit


class Network:
    """`load` of a file of `save`."""

    error, suffix = LoadError, ".npz"

    def __init__(self, folder):
        path = folder / f"valid-{type(self).__name__}{self.suffix}"
        self.write(path)
        self.content = path.read_bytes()
        self.expected = self.read(self.receiver(), path)

    def make(self, seed=0, lr=0.1):
        rng = np.random.default_rng(seed)
        layers = Dense(2, 3, rng=rng), BatchNorm(3), LeakyReLU(0.2), Dropout(0.3, rng=rng)
        frozen = Frozen(Sequential(Dense(3, 2, bias=False, rng=rng), Reshape((2,))))
        scaled = Scaled(np.ones(2), {"a": (1, [2.5])}, float("inf"), np.float32)
        net = Sequential(*layers, frozen, scaled, Dense(2, 1, rng=rng), dtype=np.float32)
        return net, Adam(net, lr=lr), rng

    def write(self, path):
        save(self.make()[0], path)

    def receiver(self):
        """What is given to the reader, and must not change when it refuses the file."""
        return

    def state(self, receiver):
        """All of the receiver, as a value that can be compared."""
        return

    def read(self, receiver, path):
        net = load(path, layers={"Scaled": Scaled})
        return repr(net), arrays_of(net), is_finite(net)

    def is_guarded(self, content):
        """Whether a checksum guards these bytes, which were damaged."""
        return True

    def is_well_formed(self, answer):
        return answer[-1]

    def is_expected(self, event):
        """Whether a warning or error is documented for what somebody may have put into a file."""
        return False

    def packed_again(self, rng):
        """The file with its content damaged and all checksums right."""
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            members = [[name, archive.read(name)] for name in archive.namelist()]
        if rng.random() < 0.5:
            members[0][1] = damaged_json(members[0][1], rng)
        else:
            for _ in range(rng.choice((1, 1, 2))):
                self.damage_members(members, rng)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that are there twice
            for name, content in members:
                archive.writestr(zipfile.ZipInfo(name), content)
        return packed.getvalue()

    def damage_members(self, members, rng):
        chosen, other = rng.choice(members), rng.choice(members)
        match rng.randrange(7):
            case 0:
                chosen[0], other[0] = other[0], chosen[0]
            case 1:
                chosen[0] = rng.choice(("x.npy", "best/0.W.npy", "../x.npy", "x", ".npy"))
            case 2:
                members.remove(chosen)
            case 3:
                members.append([*chosen])
            case 4:
                chosen[1] = other[1]
            case _:
                chosen[1] = damaged(chosen[1], rng)


class Parameters(Network):
    """`load_parameters` from a file of `save`."""

    def receiver(self):
        return self.make(5)[0]

    def state(self, receiver):
        return arrays_of(receiver)

    def read(self, receiver, path):
        load_parameters(receiver, path)
        return arrays_of(receiver), is_finite(receiver)

    def is_expected(self, event):
        return "other arguments of layers" in str(event)


class Run(Network):
    """`fit` that goes on from a checkpoint."""

    def fit(self, receiver, path, resume):
        net, optimizer, rng = receiver
        x = np.arange(12, dtype=np.float32).reshape(6, 2) / 12
        data = {"validation": (x, x[:, :1]), "metrics": {"a\nb": lambda y, t: 1}, "patience": 3}
        options = {"epochs": 2, "batch_size": 3, "rng": rng, "progress": "off", **data}
        arguments = net, MSELoss(), optimizer, x, x[:, :1]
        # the rehearsal takes nine tenths of the time and has nothing to do with files
        with mock.patch("tinynet.training.loop.rehearse"):
            return fit(*arguments, **options, checkpoint=path, resume=resume)

    def write(self, path):
        self.fit(self.make(), path, resume=False)

    def receiver(self):
        return self.make(5)

    def state(self, receiver):
        net, optimizer, rng = receiver
        memory = [vector.tobytes() for _, vector in optimizer.named_state()]
        return arrays_of(net), memory, optimizer.steps, str(rng.bit_generator.state)

    def read(self, receiver, path):
        history = self.fit(receiver, path, resume=True)
        return self.state(receiver), repr(history), is_finite(receiver[0])

    def is_expected(self, event):
        """An error after the file was read, because more or fewer epochs are behind it."""
        return isinstance(event, DivergenceError) or "epochs behind it" in str(event)


class Checkpoint(Run):
    """`load` of a checkpoint."""

    receiver, state, read = Network.receiver, Network.state, Network.read
    is_expected = Network.is_expected


class Safetensors(Parameters):
    """`load_safetensors` of a file that `save_safetensors` wrote."""

    suffix = ".safetensors"

    def write(self, path):
        save_safetensors(self.make()[0], path)

    def read(self, receiver, path):
        load_safetensors(receiver, path)
        return arrays_of(receiver), is_finite(receiver)

    def is_guarded(self, content):
        return b'"tinynet.sha256":"' in content  # which only the file of another program lacks

    def is_expected(self, event):
        return False

    def packed_again(self, rng):
        length = int.from_bytes(self.content[:8], "little")
        header, data = self.content[8 : 8 + length], self.content[8 + length :]
        header = header.replace(b"tinynet.sha256", b"another")
        if rng.random() < 0.7:
            header = damaged_json(header, rng)
        if rng.random() < 0.4:
            data = damaged(data, rng)
        return len(header).to_bytes(8, "little") + header + data


class Idx(Network):
    """`read_idx`."""

    error, suffix = ValueError, "-idx3-ubyte"

    def write(self, path):
        path.write_bytes(bytes([0, 0, 0x0C, 3, *(0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1), *range(24)]))

    def read(self, receiver, path):
        array = read_idx(path)
        return array.dtype.str, array.shape, array.tobytes(), array.dtype.isnative

    def is_guarded(self, content):
        return content[:2] == b"\x1f\x8b"

    def packed_again(self, rng):
        return damaged(self.content, rng)


class Csv(Idx):
    """`read_mnist_csv`."""

    suffix = ".csv"

    def write(self, path):
        path.write_bytes(b"label,1x1,1x2,1x3\n7,0,128,255\r\n3, 1,2,03\n\n")

    def read(self, receiver, path):
        pixels, labels = read_mnist_csv(path, pixels=3)
        good = pixels.dtype == labels.dtype == np.uint8 and pixels.shape == (len(labels), 3)
        return pixels.tobytes(), labels.tobytes(), good


class Packed:
    """The same, compressed with gzip."""

    def write(self, path):
        super().write(path)
        path.write_bytes(gzip.compress(path.read_bytes(), mtime=0))

    def packed_again(self, rng):
        return gzip.compress(damaged(gzip.decompress(self.content), rng), mtime=0)


class PackedIdx(Packed, Idx):
    """`read_idx` of a file that is compressed with gzip."""


class PackedCsv(Packed, Csv):
    """`read_mnist_csv` of a file that is compressed with gzip."""


KINDS = {
    cls.__name__: cls
    for cls in (Network, Parameters, Run, Checkpoint, Idx, PackedIdx, Csv, PackedCsv)
}
if importlib.util.find_spec("safetensors") is not None:  # it is an extra
    KINDS["Safetensors"] = Safetensors


# Verdicts


def verdict(kind, folder, rng):
    """What happened when a damaged file was read, and what is wrong with that, or None."""
    harmful = rng.random() < 0.5
    content = kind.packed_again(rng) if harmful else damaged(kind.content, rng)
    path = folder / f"damaged{kind.suffix}"
    path.write_bytes(content)
    receiver = kind.receiver()
    before = kind.state(receiver)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        what, wrong = outcome(kind, receiver, before, path, content, harmful)
    others = [w for w in warned if not (harmful and kind.is_expected(w.message))]
    if others and not wrong:
        wrong = f"warned: {others[0].message}"
    if path.read_bytes() != content and not (harmful and type(kind) is Run):  # which may go on
        wrong = "changed the file"
    return what, wrong


def outcome(kind, receiver, before, path, content, harmful):
    try:
        answer = kind.read(receiver, path)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        if harmful and kind.is_expected(error):
            return "refused", None
        if type(error) is not kind.error or str(path) not in str(error):
            return "refused", text
        if not all(c.isprintable() or c == "\n" for c in str(error)):
            return "refused", f"unprintable: {text}"
        if kind.state(receiver) != before:
            return "refused", f"changed the receiver: {text}"
        return "refused", None
    if not harmful and kind.is_guarded(content):
        return "the same", None if answer == kind.expected else f"other data: {answer}"
    return "read", None if kind.is_well_formed(answer) else f"bad data: {answer}"


def main(count, names):
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            kind, start, counts = KINDS[name](Path(folder)), time.perf_counter(), Counter()
            for seed in range(count // len(names)):
                what, wrong = verdict(kind, Path(folder), random.Random(seed))
                counts[what if wrong is None else "WRONG"] += 1
                if wrong is not None:
                    print(f"{name}, seed {seed}, {what}: {wrong[:600]}", flush=True)
            seconds = time.perf_counter() - start
            print(f"{name}: {dict(sorted(counts.items()))}, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10_000, sys.argv[2:] or [*KINDS])
