"""What a repository holds beside plain files stays as it is: submodules, LFS, links, odd names."""

from __future__ import annotations

import pytest

from tests.repositories.conftest import Hosted
from tests.repositories.support import NoWait, pin
from wheelstep.repositories.attributes import kept_by_lfs
from wheelstep.repositories.land import land

POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


def commit_on_server(hosted: Hosted, entries: dict[str, tuple[str, str]]) -> None:
    """Add entries to main: path -> (mode, content; of a submodule its commit)."""
    git, bare = hosted.world.git, hosted.bare
    for path, (mode, text) in entries.items():
        oid = text
        if mode != "160000":
            oid = git(bare, "hash-object", "-w", "--stdin", stdin=text.encode())
        git(bare, "read-tree", "main")
        git(bare, "update-index", "--add", "--cacheinfo", f"{mode},{oid},{path}")
        tree = git(bare, "write-tree")
        commit = git(bare, "commit-tree", tree, "-p", "main", "-m", f"Add {path}")
        git(bare, "update-ref", "refs/heads/main", commit)


def tree(hosted: Hosted) -> set[str]:
    return set(hosted.world.git(hosted.bare, "ls-tree", "-r", "main").splitlines())


def test_everything_else_is_committed_as_it_was(hosted: Hosted) -> None:
    commit_on_server(
        hosted,
        {
            "vendor/lib": ("160000", "1234567890123456789012345678901234567890"),
            ".gitmodules": ("100644", '[submodule "lib"]\n\tpath = vendor/lib\n\turl = ../lib\n'),
            ".gitattributes": ("100644", "*.bin filter=lfs diff=lfs merge=lfs -text\n"),
            "model.bin": ("100644", POINTER),
            "Readme.md": ("100644", "one"),
            "README.md": ("100644", "two"),
            "a link": ("120000", "README.md"),
            "run it": ("100755", "#!/bin/sh\n"),
        },
    )
    before = tree(hosted)
    for number, options in enumerate(((), ("--depth=1",))):
        clone = hosted.clone(f"clone-{number}", *options)
        done = land(
            hosted.push_repository(clone), pin(version=f"{number + 2}"), "Pin", clock=NoWait()
        )
        assert done.status == "pushed"
    changed = {line.split("\t")[1] for line in tree(hosted) ^ before}
    assert changed == {"conda.yml"}


@pytest.mark.parametrize("where", [".gitattributes", "docker/.gitattributes"])
def test_files_that_lfs_keeps_are_known(hosted: Hosted, where: str) -> None:
    rules = "*.whl filter=lfs\n*plain*.whl -filter\n"
    commit_on_server(hosted, {where: ("100644", rules)})
    clone = hosted.clone("clone")
    head = hosted.push_repository(clone).snapshot()
    paths = ["docker/acme-1.whl", "docker/plain.whl", "docker/Dockerfile"]
    assert kept_by_lfs(hosted.world.open(clone), head, paths) == ["docker/acme-1.whl"]
    assert kept_by_lfs(hosted.world.open(clone), head, []) == []
