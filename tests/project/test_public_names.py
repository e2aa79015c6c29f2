"""What `import ganeval` promises: every public name is there, loads when first asked for, and its examples run."""

import ast
import doctest
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ganeval

ROOT = Path(__file__).parents[2]
KINDS = [
    kind["directory"] for kind in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
]


@pytest.mark.parametrize("module", ["ganeval", "ganeval.leaderboard"])
def test_every_public_name_is_there_and_no_other_is_lazy(module):
    found = importlib.import_module(module)

    assert found.__all__ == sorted(found.__all__)
    assert all(getattr(found, name) is not None for name in found.__all__)
    assert set(found.__all__) <= set(dir(found))
    assert set(getattr(found, "_LAZY", found.__all__)) <= set(found.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = found.nonsense


def test_type_checkers_see_what_loads_lazily():
    tree = ast.parse(Path(ganeval.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}

    assert imported == set(ganeval.__all__) - {"__version__"}


def test_importing_it_loads_neither_torch_nor_numpy():
    code = "import ganeval, sys; dir(ganeval); print(*{'torch', 'numpy', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


EXAMPLES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in ("ganeval", "reference_models")
    for path in sorted((ROOT / package).rglob("*.py"))
    if re.search(r"^\s*>>> ", path.read_text(), re.MULTILINE)
]


@pytest.mark.parametrize("module", EXAMPLES)
def test_examples_in_docstrings_print_what_they_say(module):
    done = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)

    assert done.attempted > 0
    assert done.failed == 0


def test_every_change_is_a_file_of_a_known_kind():
    for path in (ROOT / "changes").iterdir():
        if path.name not in ("README.md", "template.md.jinja"):
            assert re.fullmatch(rf"[a-z0-9-]+\.({'|'.join(KINDS)})\.md", path.name), path.name
            assert path.read_text().strip()
    assert all(f"| `{kind}` |" in (ROOT / "changes" / "README.md").read_text() for kind in KINDS)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("fid", '; write ganeval.score(images, reference=real, metrics="fid")'),
        ("psnr", '; write ganeval.score(images, paired=originals, metrics="psnr")'),
        ("evaluate", ""),
        ("_fid", ""),
    ],
)
def test_a_metric_that_is_looked_for_as_a_function_is_answered_with_the_call(name, hint):
    with pytest.raises(AttributeError) as error:
        getattr(ganeval, name)
    assert str(error.value) == f"module 'ganeval' has no attribute '{name}'{hint}"
