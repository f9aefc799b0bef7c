"""Compile the training steps ahead, so that no training waits: python -m tinynet.training.compiled.

It needs the extra `fast` (Numba). What is compiled is kept on the disk until tinynet, Numba, NumPy
or Python change.
"""

import argparse
import sys
import time

import numpy as np

from tinynet.training.compiled.preparation import folder, kernels, prepare


def main() -> None:
    """Compile them for both float types, and say where they are kept."""
    argparse.ArgumentParser("python -m tinynet.training.compiled", description=__doc__).parse_args()
    if kernels() is None:
        sys.exit("Nothing to compile without Numba: pip install 'tinynet[fast]'")
    for kind in (np.float32, np.float64):
        started = time.perf_counter()
        if not prepare(np.dtype(kind)):
            sys.exit(1)
        print(f"{np.dtype(kind)}: ready in {time.perf_counter() - started:.1f} s")
    where = folder()
    if where is None:
        sys.exit(
            "No folder can be written into, so every process will compile them again. "
            "Set NUMBA_CACHE_DIR to a folder that you may write into."
        )
    print(f"They are kept in {where}")


if __name__ == "__main__":
    main()
