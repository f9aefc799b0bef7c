"""The design names every module, imports point one way, and README says how long the code is."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tinynet"
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix(): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py"
}
FOUNDATION = {
    "checks",
    "declared",
    "errors",
    "foreign_names",
    "held",
    "kept",
    "option",
    "text",
    "types",
    "zip_files",
}  # every module may import these
MAY_IMPORT = {  # besides those and its own folder; a module that is not here imports nothing else
    "interop": {"initializers", "layers", "losses", "optimizers", "persistence", "training"},
    "layers": {"initializers", "parameter_checks", "parameters"},
    "optimizers": {"parameter_checks", "parameters"},
    "parameters": {"parameter_checks"},
    "persistence": {"initializers", "layers"},
    "plot": {"layers", "metrics", "training"},
    "schedules": {"optimizers"},
    "testing": {"layers", "losses", "optimizers"},
    "training": {"data", "layers", "losses", "optimizers", "persistence"},
}


def test_the_design_says_what_each_module_does():
    table = (ROOT / "docs/design.md").read_text("utf-8").partition("## Modules")[2]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]
    assert sorted(named) == list(MODULES)


def imported_modules(node):
    """What code imports from tinynet when it runs, in functions too, but not for type checkers."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (name.name for name in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module == "tinynet":
            yield from (f"tinynet.{name.name}" for name in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield child.module
        yield from imported_modules(child)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    names = imported_modules(ast.parse(MODULES[module].read_text("utf-8")))
    rooms = {name.split(".")[1] for name in names if name.startswith("tinynet.")}
    own = module.partition("/")[0]
    assert rooms - FOUNDATION <= MAY_IMPORT.get(own, set()) | {own}


def test_the_code_keeps_to_the_limits_that_contributing_states():
    text = " ".join((ROOT / "docs/contributing.md").read_text("utf-8").split())
    limit = int(re.search(r"`tinynet/testing` at most ([\d,]+)", text)[1].replace(",", ""))
    files = (path.read_text("utf-8") for path in (ROOT / "tinynet/testing").glob("*.py"))
    assert sum(len(file.splitlines()) for file in files) <= limit


def test_the_readme_says_how_long_the_code_is():
    section = (ROOT / "README.md").read_text("utf-8").partition("## Read the code")[2]
    claimed = [int(n.replace(",", "")) for n in re.findall(r"about ([\d,]+) lines", section)]
    command = re.search(r"^```sh\n(.*?)^```", section, re.M | re.S)[1]
    counted = subprocess.run(["bash", "-c", command], capture_output=True, cwd=ROOT, check=True)
    for said, lines in zip(claimed, counted.stdout.split(), strict=True):
        assert abs(said - int(lines)) < 0.05 * said
