"""A hook of mkdocs: notebooks and two files of the repository's root are pages of the site, and links lead out of it.

The pages are written for a reader of the repository: a link may name any file of it. On the site a link to a page leads
to that page, and a link to anything else to the repository's host.
"""

import json
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
TAKEN = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}  # page -> the file that it is
PAGES = {name: f"docs/{page}" for page, name in TAKEN.items()}
LINK = re.compile(r"\]\(([^)\s#:]+)(#[^)\s]*)?\)")


def text_of(notebook: Path) -> str:
    """A notebook as Markdown: its cells, and below each what it printed or drew."""
    parts = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {"text/plain": output.get("text", "")})
            if "text/html" in data:
                # The theme styles tables without a class, and lets them scroll where the window is narrow.
                table = "".join(data["text/html"]).replace(' border="1" class="dataframe"', "")
                parts.append(f'<div class="output">{table}</div>')
            elif "image/png" in data:
                parts.append(f"![What the cell draws](data:image/png;base64,{''.join(data['image/png']).strip()})")
            else:
                parts.append(f"```text\n{''.join(data['text/plain']).rstrip()}\n```")
    return "\n\n".join(parts)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The text of the page, with links as the site needs them."""
    here = PurePosixPath("docs", page.file.src_uri)
    if page.file.src_uri in TAKEN:
        here = PurePosixPath(TAKEN[page.file.src_uri])
        markdown = (ROOT / here).read_text(encoding="utf-8")
    notebook = (ROOT / here).with_suffix(".ipynb")
    if notebook.exists():
        markdown = text_of(notebook)
    up = "../" * (len(PurePosixPath(page.file.src_uri).parts) - 1)

    def led(match: re.Match[str]) -> str:
        named = (ROOT / here.parent / match[1]).resolve().relative_to(ROOT).as_posix()
        target = PurePosixPath(PAGES.get(named, named))
        anchor = match[2] or ""
        if target.parts[0] == "docs" and target.suffix in (".md", ".png"):
            return f"]({up}{target.relative_to('docs')}{anchor})"
        kind = "tree" if (ROOT / target).is_dir() else "blob"
        return f"]({config.extra['social'][0]['link']}/{kind}/main/{target}{anchor})"

    return LINK.sub(led, markdown)
