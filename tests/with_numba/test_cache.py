"""The compiled functions on a real disk, with processes of their own."""

import os
import subprocess
import sys

JOB = """
import numpy as np, tinynet as tn
rng = np.random.default_rng(0)
x, t = rng.normal(size=(64, 3)).astype("f"), rng.normal(size=(64, 2)).astype("f")
ends = []
for engine in ("numpy", "compiled"):
    net = tn.Sequential(tn.Dense(3, 5, rng=0), tn.Tanh(), tn.Dense(5, 2, rng=1), dtype="f")
    list(tn.train(net, tn.MSELoss(), tn.Adam(net), x, t, epochs=3, rng=0, engine=engine))
    ends.append(net.params)
np.testing.assert_allclose(*ends, rtol=1e-4, atol=1e-5)
from tinynet.training.compiled import preparation
print("trained", preparation.is_prepared(np.dtype("f")), preparation.folder())
"""
NO_FOLDER = """
import tempfile
def refuse(*args, **kwargs):
    raise OSError("a read-only file system")
tempfile.TemporaryFile = refuse  # by which Numba finds out where it may write
"""


def start(code, folder):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes)


def ended(process):
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out, err


def test_two_processes_at_once_a_read_only_disk_and_damaged_files(tmp_path):
    together = [start(JOB, tmp_path) for _ in range(2)]
    read_only = start(NO_FOLDER + JOB, tmp_path / "other")
    for process in together:
        out, err = ended(process)
        assert out.startswith(f"trained True {tmp_path}")
        assert "compiles its training steps for float32" in err
    assert ended(read_only)[0] == "trained False None\n"
    out, err = ended(start(JOB, tmp_path))  # finds what they have left
    assert out.startswith("trained True")
    assert not err
    for path in tmp_path.rglob("*.nbi"):
        path.write_bytes(b"no index")
    assert ended(start(JOB, tmp_path))[0].startswith("trained True")
