"""A program that kills its children while they write files, and looks at what they left.

`python tests/killed.py save KILLS FOLDER` or `... train KILLS FOLDER`; prints one line of JSON.
Children are forked, which costs a thousandth of a new interpreter.
"""

import functools
import json
import mmap
import os
import random
import signal
import struct
import sys
import time
from pathlib import Path

import numpy as np
from layers import network

from tinynet import SGD, MSELoss, fit, load, save


def small():
    return network(30, 40, 3)


def save_forever(path, first, shared):
    """Write networks whose parameters are all 1, all 2, ...; note the last begun and finished."""
    net = small()
    for number in range(first, 10**9):
        net.params[...] = number
        shared[:8] = struct.pack("q", number)
        save(net, path)
        shared[8:16] = struct.pack("q", number)


def killed_while_saving(kills, folder):
    """After each kill the file holds what was there last, or what was being written."""
    path, shared = folder / "net.npz", mmap.mmap(-1, 16)
    shared[:] = struct.pack("qq", 0, 0)
    net = small()
    net.params[...] = 0
    save(net, path)
    old = new = 0
    for _ in range(kills):
        first = struct.unpack("qq", shared[:])[0] + 1
        kill_a_child(functools.partial(save_forever, path, first, shared), 0.03)
        begun, finished = struct.unpack("qq", shared[:])
        values = np.unique(load(path).params)  # raises if the file is not whole
        if len(values) != 1 or values[0] not in (begun, finished):
            raise AssertionError(f"{values} after {finished} was there and {begun} begun")
        old, new = old + (values[0] < begun), new + (values[0] == begun)
        shared[8:] = struct.pack("q", int(values[0]))
    return {"kills": kills, "unreadable": 0, "old": int(old), "new": int(new)}


def train(path, resume, epochs=40):
    rng = np.random.default_rng(3)
    x, t = rng.normal(size=(60, 30)), rng.uniform(size=(60, 3))
    net = small()
    optimizer = SGD(net, lr=0.1)
    options = {"checkpoint": path, "resume": resume, "progress": "off"}
    fit(net, MSELoss(), optimizer, x, t, epochs=epochs, batch_size=7, rng=5, **options)
    return net.params.tobytes()


def killed_while_training(kills, folder):
    """Kill a run, resume it, kill it again; whenever one ends, compare it and begin another."""
    whole = train(folder / "whole.npz", resume=False)
    path, finished, differing = folder / "run.npz", 0, 0
    for _ in range(kills):
        ended = kill_a_child(functools.partial(train, path, path.exists()), 0.05)
        if path.exists():
            load(path)  # raises if the file is not whole
        if ended:
            finished += 1
            differing += load(path).params.tobytes() != whole
            path.unlink()
    if path.exists():
        finished += 1
        differing += train(path, resume=True) != whole
    return {"kills": kills, "unreadable": 0, "finished": finished, "differing": differing}


def kill_a_child(work, longest):
    """Whether the child came to its end before it was killed."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 1)
    time.sleep(random.uniform(0, longest))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise AssertionError("the child failed")
    return os.WIFEXITED(status)


if __name__ == "__main__":
    what = {"save": killed_while_saving, "train": killed_while_training}[sys.argv[1]]
    random.seed(0)
    print(json.dumps(what(int(sys.argv[2]), Path(sys.argv[3]))))
