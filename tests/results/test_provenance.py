"""The commit of a project is read from its repository's files as git itself says it."""

import os
import subprocess

import pytest

from ganeval.results.provenance import commit, provenance

SHA = "0123456789abcdef0123456789abcdef01234567"


def git(folder, *arguments):
    alone = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    person = ["-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *person, *arguments], cwd=folder, env=alone, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    return tmp_path


def test_the_commit_is_that_of_git_on_a_branch_packed_detached_and_in_a_worktree(repository):
    (repository / "deep").mkdir()
    head = git(repository, "rev-parse", "HEAD")
    assert commit(repository / "deep") == head

    git(repository, "pack-refs", "--all")
    assert commit(repository) == head

    git(repository, "worktree", "add", "-q", "-b", "side/branch", "beside")
    git(repository / "beside", "commit", "-q", "--allow-empty", "-m", "second")
    assert commit(repository / "beside") == git(repository / "beside", "rev-parse", "HEAD") != head

    git(repository, "checkout", "-q", "--detach", "side/branch")
    assert commit(repository) == git(repository, "rev-parse", "side/branch")


@pytest.mark.parametrize("head", ["", "ref: refs/heads/none", "ref: ../../secret", "x" * 40, b"\xff\xfe"])
def test_a_repository_without_a_commit_or_damaged_has_none(tmp_path, head):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_bytes(head if isinstance(head, bytes) else head.encode())

    assert commit(tmp_path) is None


def test_provenance_holds_the_commit_of_the_project_that_one_stands_in(tmp_path, monkeypatch):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(f"{SHA}\n")
    monkeypatch.chdir(tmp_path)
    assert provenance("cpu")["commit"] == SHA

    (tmp_path / ".git" / "HEAD").unlink()
    assert "commit" not in provenance("cpu")
