"""A hook of mkdocs: two pages of the site are files of the repository's root, and links lead out of the site.

The pages are written for a reader of the repository: a link may name any file of it. On the site a link to a page leads
to that page, and a link to anything else to the repository's host.
"""

import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
TAKEN = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}  # page -> the file that it is
PAGES = {name: f"docs/{page}" for page, name in TAKEN.items()}
LINK = re.compile(r"\]\(([^)\s#:]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The text of the page, with links as the site needs them."""
    here = PurePosixPath("docs", page.file.src_uri)
    if page.file.src_uri in TAKEN:
        here = PurePosixPath(TAKEN[page.file.src_uri])
        markdown = (ROOT / here).read_text(encoding="utf-8")
    up = "../" * (len(PurePosixPath(page.file.src_uri).parts) - 1)

    def led(match: re.Match[str]) -> str:
        named = (ROOT / here.parent / match[1]).resolve().relative_to(ROOT).as_posix()
        target = PurePosixPath(PAGES.get(named, named))
        anchor = match[2] or ""
        if target.parts[0] == "docs" and target.suffix in (".md", ".png"):
            return f"]({up}{target.relative_to('docs')}{anchor})"
        kind = "tree" if (ROOT / target).is_dir() else "blob"
        return f"]({config.repo_url.rstrip('/')}/{kind}/main/{target}{anchor})"

    return LINK.sub(led, markdown)
