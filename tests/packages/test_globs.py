"""`exclude` and `packages`: git itself is the oracle."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packages.sample_repository import SampleRepository
from wheelstep.errors import SettingError
from wheelstep.packages.globs import ExcludeGlobs, FolderGlobs

PATHS = [
    "README.md", "docs/a.txt", "docs/deep/b.md", "src/pkg/a.py", "src/pkg/docs/c.py", "src/docs.py",
    "src/pkg/data-1.bin", "tests/test_a.py", "tests/deep/er/test_b.py", "mytests/x.py", "a[1].txt",
    "a1.txt", "b!.txt", ".hidden/x", "src/tests", "x y.md", "caf\u00e9/z.md", "a^b.txt",
    "a/b/c/d/e",
]  # fmt: skip

GLOBS = [
    "*.md", "docs", "docs/", "/docs", "/docs/", "docs/**", "tests/**", "**/tests", "**/docs/**",
    "src/*", "src/**/docs", "src/**/*.py", "*", "**", "?1.txt", "a[1].txt", "a[0-9].txt",
    "a\\[1\\].txt", "[!a]*.txt", "[^a]*.txt", "data-*", "src/pkg/data-?.bin", "*.py", "te*s",
    "x y.md",
    "a**1.txt", "caf?/*", "a[a^]b.txt", "a/**/e", "a/**/b/**/e", "**/c/*", "/*", ".*", "a[]1]b.txt",
    "nothing", "src/*/docs/", "tests/*/", "[x-z] y.md",
]  # fmt: skip


@pytest.mark.parametrize("folder", [".", "packages/o[d]d"])
def test_exclude_is_read_as_gitignore_is(tmp_path: Path, folder: str) -> None:
    repository = SampleRepository(tmp_path / "repository")
    prefix = "" if folder == "." else f"{folder}/"
    repository.commit({f"{prefix}{path}": "x" for path in PATHS})
    paths = {f"{prefix}{path}" for path in PATHS}
    for glob in GLOBS:
        repository.write({f"{prefix}.gitignore": f"{glob}\n"})
        done = repository.git.try_(
            "check-ignore", "--no-index", "-z", "--stdin", stdin="\0".join(sorted(paths)).encode()
        )
        ignored = set(done.out.decode().split("\0")) & paths
        globs = ExcludeGlobs((glob,))
        ours = {f"{prefix}{path}" for path in PATHS if globs.matches(path)}
        assert ours == ignored, glob
        listed = repository.git.records("ls-files", "-z", "--", ":(top)", *globs.pathspecs(folder))
        assert set(listed) == paths - ours, glob


@pytest.mark.parametrize(
    "glob", ["!keep.md", "", "/", "..", "../other", "a[b", "[[:alpha:]]", "[z-a]"]
)
def test_exclude_that_cannot_be_read_is_a_setting_error(glob: str) -> None:
    with pytest.raises(SettingError, match="exclude") as caught:
        ExcludeGlobs((glob,)).matches("x")
    assert caught.value.code == "bad-glob"
    assert caught.value.cure


@pytest.mark.parametrize(
    ("patterns", "taken"),
    [
        (["."], {"."}),
        (["packages/*"], {"packages/a", "packages/b"}),
        (["./packages/*/"], {"packages/a", "packages/b"}),
        (["packages\\*"], {"packages/a", "packages/b"}),
        (["packages/**"], {"packages", "packages/a", "packages/b", "packages/a/sub"}),
        (["**"], {".", "packages", "packages/a", "packages/b", "packages/a/sub", "libs/a"}),
        (["**/a"], {"packages/a", "libs/a"}),
        (["packages/[ab]"], {"packages/a", "packages/b"}),
        (["packages/**", "!packages/a"], {"packages", "packages/b"}),
        (["!packages/a", "packages/*"], {"packages/b"}),
        (["**", "!."], {"packages", "packages/a", "packages/b", "packages/a/sub", "libs/a"}),
        (["**", "!**/a"], {".", "packages", "packages/b"}),
        (["libs/a", "."], {"libs/a", "."}),
    ],
)
def test_folders_are_taken_and_left_out(patterns: list[str], taken: set[str]) -> None:
    folders = [".", "packages", "packages/a", "packages/b", "packages/a/sub", "libs/a"]
    globs = FolderGlobs(tuple(patterns))
    assert {folder for folder in folders if globs.takes(folder)} == taken


@pytest.mark.parametrize("pattern", ["../other", "!../x", "C:\\code", "", "!"])
def test_folders_outside_the_repository_are_refused(pattern: str) -> None:
    with pytest.raises(SettingError) as caught:
        FolderGlobs((pattern,)).takes(".")
    assert caught.value.code == "bad-glob"
