"""Tests of compiled steps: they run where Numba is installed, and are reported where it is not."""

from importlib.util import find_spec
from pathlib import Path

collect_ignore_glob = [] if find_spec("numba") else ["test_*.py"]


def pytest_terminal_summary(terminalreporter):
    if collect_ignore_glob:
        names = sorted(path.name for path in Path(__file__).parent.glob("test_*.py"))
        terminalreporter.write_sep("-", "not run", yellow=True)
        terminalreporter.write_line(
            f"tests/with_numba ({', '.join(names)}): they compare the compiled steps with NumPy's, "
            f"and Numba is not installed here. Install it with: pip install -e '.[fast]'",
            yellow=True,
        )
