"""The documentation site: each page has its place in it, and what it is made with is pinned."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def placed(entry):
    """The pages below an entry of the site's navigation."""
    if isinstance(entry, str):
        return [entry]
    return [page for below in (entry.values() if isinstance(entry, dict) else entry) for page in placed(below)]


def test_each_page_has_one_place():
    folder = ROOT / "docs"
    pages = [path.relative_to(folder).as_posix() for path in folder.rglob("*.md")]
    cards = {page for page in pages if re.fullmatch(r"recipes/.+\..+\.md|metrics/(?!README).+\.md", page)}
    translations = {page for page in pages if page.endswith(".zh.md")}

    assert sorted(placed(SITE["nav"])) == sorted({*pages} - cards - translations)


def test_each_translation_is_of_a_page_that_is_there():
    for path in (ROOT / "docs").rglob("*.zh.md"):
        text = path.read_text(encoding="utf-8")

        assert path.with_name(path.name.replace(".zh.md", ".md")).exists()
        assert len(re.findall(r"[\u4e00-\u9fff]", text)) > 100


def test_every_name_in_the_navigation_is_translated():
    (chinese,) = (language for language in SITE["plugins"][1]["i18n"]["languages"] if language["locale"] == "zh")

    def names(entry):
        if isinstance(entry, dict):
            for name, below in entry.items():
                yield name
                yield from names(below)
        elif isinstance(entry, list):
            for below in entry:
                yield from names(below)

    assert set(names(SITE["nav"])) == set(chinese["nav_translations"])


def test_a_warning_stops_the_build_and_its_tools_are_pinned():
    pins = (ROOT / "docs" / "requirements.txt").read_text(encoding="utf-8").splitlines()

    assert SITE["strict"]
    assert SITE["extra"]["social"][0]["link"] in (ROOT / "pyproject.toml").read_text()
    assert SITE["site_url"] in (ROOT / "pyproject.toml").read_text()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    assert any(pin.startswith("mkdocs-material==") for pin in pins)
