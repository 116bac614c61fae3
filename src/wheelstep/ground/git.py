"""The git command, run without prompts, without the user's hooks and with plain output.

Credentials reach git by environment only (GIT_CONFIG_COUNT, observed with git 2.39): never by
argument, never in a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from wheelstep.errors import CannotHere, SettingError
from wheelstep.ground.process import Finished, child_environment, run

__all__ = ["Git", "with_config"]

PLAIN: Final = {
    "GIT_TERMINAL_PROMPT": "0",
    "GCM_INTERACTIVE": "never",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "0",
    # what is read and committed are the objects that have those ids, not local replacements
    "GIT_NO_REPLACE_OBJECTS": "1",
    # a trace that the user turned on never shows the Authorization header
    "GIT_TRACE_REDACT": "1",
    "LC_ALL": "C",
    "LANGUAGE": "",
}

LOCATING: Final = frozenset({
    "GIT_COMMON_DIR", "GIT_DIR", "GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_WORK_TREE",
})  # fmt: skip
"""Set where the step is started from a git hook: they would point git at another repository or
index than the folder given does."""

OURS: Final = (
    ("core.hooksPath", "/dev/null"),  # git knows this name on Windows too
    ("commit.gpgSign", "false"),
    ("push.gpgSign", "false"),
    ("tag.gpgSign", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("i18n.commitEncoding", "UTF-8"),
    # it runs gpg for each commit that is listed, and its words are among what is listed
    ("log.showSignature", "false"),
    ("submodule.recurse", "false"),
)
"""No hook, no question for a passphrase, no clean-up in the background, no other repository."""


def with_config(
    environment: Mapping[str, str], settings: Sequence[tuple[str, str]]
) -> dict[str, str]:
    """Return the variables that give git `settings` for one call, after those set that way already.

    The way is GIT_CONFIG_COUNT (git 2.31 and newer), which no list of processes shows.

    Args:
        environment: What the call's environment holds.
        settings: (key, value); an empty value resets a key that holds a list.
    """
    count = environment.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isdecimal() else 0
    added = {"GIT_CONFIG_COUNT": str(first + len(settings))}
    for number, (key, value) in enumerate(settings, first):
        added |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return added


class Git:
    """git in one repository."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        """Prepare; nothing is run yet.

        Args:
            directory: A folder of the work tree, or a bare repository.
            environment: This process's environment.
        """
        self.directory = directory
        handed = {
            name: value for name, value in environment.items() if name.startswith("GIT_CONFIG_")
        }
        plain = child_environment(environment, handed)
        self.environment = {
            name: value for name, value in plain.items() if name not in LOCATING
        } | PLAIN
        self.environment |= with_config(self.environment, OURS)

    def try_(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        extra: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float | None = None,
    ) -> Finished:
        """Run git and return however it ended.

        Args:
            arguments: Without "git" and without any secret.
            stdin: What it reads.
            extra: Environment added for this call: credentials, GIT_INDEX_FILE.
            cwd: Another folder than `directory`.
            timeout: Seconds.

        Raises:
            CannotHere: When git is not installed.
            subprocess.TimeoutExpired: After `timeout`.
        """
        return run(
            ["git", *arguments],
            environment=self.environment | dict(extra or {}),
            cwd=cwd or self.directory,
            stdin=stdin,
            timeout=timeout,
        )

    def output(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        extra: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> bytes:
        """Run git and return its standard output.

        Raises:
            CannotHere: When git is not installed, or fails for a reason of this machine.
        """
        done = self.try_(*arguments, stdin=stdin, extra=extra, cwd=cwd)
        if done.code != 0:
            raise _failed(arguments, done)
        return done.out

    def text(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        extra: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> str:
        """Run git and return its standard output, decoded, without the last line end."""
        out = self.output(*arguments, stdin=stdin, extra=extra, cwd=cwd)
        return out.decode("utf-8", "surrogateescape").removesuffix("\n")

    def records(self, *arguments: str) -> list[str]:
        """Run git with `-z` among its arguments; return the NUL-separated records."""
        out = self.output(*arguments).decode("utf-8", "surrogateescape")
        return [record for record in out.split("\0") if record]

    @classmethod
    def open(cls, directory: Path, environment: Mapping[str, str]) -> Git:
        """Return git at the root of the work tree that `directory` lies in.

        Raises:
            SettingError: When it is no git repository, is bare, or has no commit yet.
            CannotHere: When git is not installed or does not trust the folder.
        """
        if not directory.is_dir():
            raise SettingError(
                f"The repository {directory} is not a folder.",
                code="no-repository",
                cure="Point `repository` at a checkout.",
            )
        git = cls(directory, environment)
        done = git.try_("rev-parse", "--show-toplevel")
        if done.code != 0:
            if b"dubious ownership" in done.error:
                raise CannotHere(
                    f"git does not trust {directory}: it belongs to another user.",
                    code="dubious-ownership",
                    cure="Run `git config --global --add safe.directory` with that folder first.",
                )
            raise SettingError(
                f"{directory} is not inside a git work tree. ({done.error_text.strip()})",
                code="no-repository",
                cure="Check the repository out first, or point `repository` at the checkout.",
            )
        root = Path(done.out.decode("utf-8", "surrogateescape").removesuffix("\n"))
        git = cls(root, environment)
        if git.try_("rev-parse", "--verify", "--quiet", "HEAD^{commit}").code != 0:
            raise SettingError(
                f"The repository {root} has no commit yet; what is released is what is committed.",
                code="no-commit",
                cure="Commit the packages first.",
            )
        return git


def _failed(arguments: Sequence[str], done: Finished) -> CannotHere:
    verb = next((part for part in arguments if not part.startswith("-")), "")
    reason = done.error_text.strip() or f"exit code {done.code}"
    full = "No space left on device" in reason
    return CannotHere(
        f"`git {verb}` failed: {reason}",
        code="disk-full" if full else "git-failed",
        cure="Free some disk space." if full else "Run the same git command by hand to see more.",
    )
