"""What the documentation shows runs, and what it names exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinynet

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


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


def test_every_public_name_exists_and_has_a_docstring():
    for name in tinynet.__all__:
        assert getattr(tinynet, name).__doc__, name


def test_the_version_is_the_distributions():
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'version = "{tinynet.__version__}"' in project


def test_pictures_and_gradient_checks_come_when_asked_for():
    code = "import sys, tinynet; before = set(sys.modules); tinynet.plot; tinynet.testing; "
    code += "assert not {'tinynet.plot', 'tinynet.testing', 'matplotlib', 'pytest'} & before"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tinynet.nothing  # noqa: B018  the access is what is tested
