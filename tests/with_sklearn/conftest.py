"""Tests of the estimators for scikit-learn: they run where it is installed, else are reported."""

from importlib.util import find_spec
from pathlib import Path

MISSING = [name for name in ("sklearn", "pandas") if find_spec(name) is None]
collect_ignore_glob = ["test_*.py"] if MISSING else []


def pytest_terminal_summary(terminalreporter):
    if MISSING:
        names = sorted(path.name for path in Path(__file__).parent.glob("test_*.py"))
        terminalreporter.write_sep("-", "not run", yellow=True)
        terminalreporter.write_line(
            f"tests/with_sklearn ({', '.join(names)}): they need scikit-learn and pandas, and "
            f"{' and '.join(MISSING)} cannot be imported here. Install them with: "
            f"pip install -e '.[sklearn]' pandas",
            yellow=True,
        )
