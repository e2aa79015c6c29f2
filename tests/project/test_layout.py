"""The tests lie in the folders of the code that they test."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
# Folders of tests that mirror no folder of `ganeval`.
OTHERS = {
    "fuzz": "tests of the fuzzer",
    "gpu": "tests of the command for machines with CUDA",
    "hostile": "inputs of attackers",
    "mutation": "tests of the mutation run",
    "project": "pages, packaging, and the public names of ganeval itself",
    "reference_models": "the second package",
}


def folders_of_code(root):
    package = root / "ganeval"
    return {file.parent.relative_to(package).as_posix() for file in package.rglob("__init__.py")} - {"."}


def misplaced(root):
    """Test files outside a folder of the code."""
    known = folders_of_code(root) | set(OTHERS)
    files = sorted((root / "tests").rglob("test_*.py"))
    return [file.relative_to(root).as_posix() for file in files if folder_of(file, root) not in known]


def folder_of(file, root):
    return file.parent.relative_to(root / "tests").as_posix()


def test_tests_mirror_the_folders_of_the_code():
    wrong = misplaced(ROOT)

    assert not wrong, (
        f"Move {', '.join(wrong)} into tests/<folder>/, where ganeval/<folder>/ is the code under test "
        f"(or into one of {', '.join(f'tests/{name}' for name in OTHERS)})."
    )


def test_every_folder_of_tests_is_a_package():
    """Otherwise a test that imports another one gets a second copy of it."""
    folders = {file.parent for file in (ROOT / "tests").rglob("test_*.py")}

    assert not [str(folder) for folder in folders if not (folder / "__init__.py").is_file()]


def test_every_top_folder_of_the_code_has_tests():
    tested = {folder_of(file, ROOT).split("/")[0] for file in (ROOT / "tests").rglob("test_*.py")}

    assert not {folder for folder in folders_of_code(ROOT) if "/" not in folder} - tested


def test_a_flat_test_and_one_in_an_unknown_folder_are_found(tmp_path):
    for name in (
        "ganeval/stats/__init__.py",
        "tests/test_flat.py",
        "tests/stats/test_x.py",
        "tests/statistics/test_y.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    assert misplaced(tmp_path) == ["tests/statistics/test_y.py", "tests/test_flat.py"]
