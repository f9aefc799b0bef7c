"""What the documentation shows runs, and what it names exists."""

import pkgutil
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

import tinynet

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CURRENT_PAGES = [page for page in PAGES if page.name != "changelog.md"]  # that one has old names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs_from_top_to_bottom(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    namespace = {"__name__": "page"}
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
        if ">>>" not in block:  # those are doctests, which pytest collects itself
            exec(compile(block, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_between_files_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


def code(page):
    """All that a page sets as code, in blocks and in lines."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^```\w+\n(.*?)^```", text, re.M | re.S)
    return "\n".join(blocks + re.findall(r"`([^`\n]+)`", text))


def test_every_public_name_exists_and_has_a_docstring():
    for name in tinynet.__all__:
        assert getattr(tinynet, name).__doc__, name


def test_every_public_name_is_in_the_documentation():
    words = {word for page in CURRENT_PAGES for word in re.findall(r"\w+", code(page))}
    assert set(tinynet.__all__) <= words
    for module in ("data", "initializers", "interop", "metrics", "plot", "schedules", "testing"):
        assert f"`tinynet.{module}`" in (ROOT / "docs" / "index.md").read_text("utf-8")


@pytest.mark.parametrize("page", CURRENT_PAGES, ids=lambda page: page.name)
def test_every_name_that_a_page_gives_with_its_module_exists(page):
    for path in re.findall(r"\btinynet(?:\.[a-zA-Z_]\w*)+", code(page)):
        if find_spec("sklearn") or not path.startswith("tinynet.interop.sklearn"):
            pkgutil.resolve_name(path)


def test_the_public_names_are_those_of_the_rooms():
    """Whatever the packages of layers, losses and optimizers export can be imported from here."""
    exported = {*tinynet.layers.__all__, *tinynet.losses.__all__, *tinynet.optimizers.__all__}
    assert exported <= set(tinynet.__all__)
    modules = {name for name in tinynet.__all__ if isinstance(getattr(tinynet, name), ModuleType)}
    assert len(set(tinynet.__all__) - modules) < 90


def test_the_version_is_the_distributions():
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'version = "{tinynet.__version__}"' in project


def test_pictures_and_gradient_checks_come_when_asked_for():
    code = "import sys, tinynet; before = set(sys.modules); tinynet.plot; tinynet.testing; "
    code += "assert not {'tinynet.plot', 'tinynet.testing', 'matplotlib', 'pytest'} & before"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tinynet.nothing  # noqa: B018  the access is what is tested
