"""Comparisons with PyTorch and scikit-learn, where these are installed; others are reported."""

from importlib.util import find_spec
from pathlib import Path

collect_ignore_glob = [
    pattern
    for module, pattern in (("torch", "test_*_against_torch.py"), ("sklearn", "test_*_sklearn.py"))
    if not find_spec(module)
]


def pytest_terminal_summary(terminalreporter):
    if collect_ignore_glob:
        folder = Path(__file__).parent
        names = sorted(path.name for glob in collect_ignore_glob for path in folder.glob(glob))
        terminalreporter.write_sep("-", "not run", yellow=True)
        terminalreporter.write_line(
            f"tests/oracle ({', '.join(names)}): they compare tinynet with PyTorch or "
            f"scikit-learn, which is not installed here. Install both with: "
            f"pip install -e '.[oracle]'",
            yellow=True,
        )
