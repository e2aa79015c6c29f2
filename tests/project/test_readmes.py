"""The Chinese README says what the English one says: the same commands, output, figures and links."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md")}
FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


def blocks(page):
    """Fenced blocks without the comments of their commands, which are in the page's own language."""
    return [
        [re.sub(r"\s+#( .*)?$", "", line) for line in body.splitlines()] if kind == "sh" else body
        for kind, body in FENCE.findall(page)
    ]


def spoken(page):
    """The page without its blocks, the addresses of its links and the link to its twin."""
    text = re.sub(r"\[\w+\]\(\S*/README[.\w]*\)", "", FENCE.sub("", page))
    return re.sub(r"\]\([^)]*\)", "]", text)


def figures(page):
    """Numbers, and names with numbers in them, as they stand in prose and tables."""
    return Counter(re.findall(r"(?<![A-Za-z0-9])[0-9][0-9,.eE-]*[0-9]|(?<![A-Za-z0-9])[0-9]", spoken(page)))


def code(page):
    return Counter(re.findall(r"`([^`\n]+)`", spoken(page)))


def test_both_are_linked_with_each_other():
    assert "/README.zh.md)" in PAGES["README.md"]
    assert "/README.md)" in PAGES["README.zh.md"]


def test_commands_and_output_are_the_same():
    english, chinese = map(blocks, PAGES.values())

    assert len(english) >= 4
    assert chinese == english


def test_figures_are_the_same():
    english, chinese = map(figures, PAGES.values())

    assert sum(english.values()) > 25
    assert chinese == english


def test_links_pictures_and_headings_are_as_many():
    links = [
        Counter(re.findall(r"\]\(([^)]*)\)", re.sub(r"\(\S*/main/README[.\w]*\)", "", page))) for page in PAGES.values()
    ]
    headings = [len(re.findall(r"^#+ ", FENCE.sub("", page), re.MULTILINE)) for page in PAGES.values()]

    assert links[0] == links[1]
    assert headings[0] == headings[1]


@pytest.mark.parametrize("start", ["ganeval ", "--", "docs/", "fd@", "fid"])
def test_what_is_written_as_code_is_the_same(start):
    english, chinese = ({text for text in code(page) if text.startswith(start)} for page in PAGES.values())

    differing = english ^ chinese
    assert not {text for text in differing if "<" not in text}  # a placeholder is said in the page's own language


def test_the_chinese_page_is_in_chinese():
    prose = spoken(PAGES["README.zh.md"])

    assert len(re.findall(r"[\u4e00-\u9fff]", prose)) > 600
