"""Files of ONNX, run by ONNX Runtime: tests where it is installed, reported where it is not."""

from importlib.util import find_spec
from pathlib import Path

collect_ignore_glob = [] if find_spec("onnx") and find_spec("onnxruntime") else ["test_*.py"]


def pytest_terminal_summary(terminalreporter):
    if collect_ignore_glob:
        names = sorted(path.name for path in Path(__file__).parent.glob("test_*.py"))
        terminalreporter.write_sep("-", "not run", yellow=True)
        terminalreporter.write_line(
            f"tests/with_onnx ({', '.join(names)}): they run exported networks in ONNX Runtime, "
            f"and onnx or onnxruntime is not installed here. Install both with: "
            f"pip install -e '.[onnx-test]'",
            yellow=True,
        )
