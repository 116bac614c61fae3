"""One remote of the user's repository, spoken to under a name of our own.

git learns that name from its environment alone. So a fetch or push of ours moves none of the
user's tracking branches, obeys none of their refspecs, and no URL (it may hold a password) is
among git's arguments.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, final

from wheelstep.errors import CannotHere, ServiceUnavailable, SettingError
from wheelstep.ground.clock import Clock, backoff
from wheelstep.ground.git import Git, with_config
from wheelstep.ground.process import Finished
from wheelstep.ground.proxies import CA_VARIABLES
from wheelstep.ground.secret import Secret, password_in, without_credentials
from wheelstep.repositories.answers import error_for
from wheelstep.repositories.credentials import (
    header_settings,
    helper_variables,
    hide_password,
    is_http,
    need_config_by_environment,
)
from wheelstep.repositories.next_branch import is_abandoned, passing_name
from wheelstep.repositories.urls import usual_remote

__all__ = ["Remote"]

OURS: Final = "wheelstep-private"
"""Nobody's own remote: git would take two URLs of one name for a remote with two places."""
COPIED: Final = ("url", "pushurl", "proxy", "proxyauthmethod", "uploadpack", "receivepack",
                 "promisor", "partialclonefilter")  # fmt: skip
PRIVATE: Final = "refs/wheelstep/"
"""Where what is fetched has a name for a moment: no branch, tag or tracking branch of the user."""
LISTS: Final = frozenset({"url", "pushurl"})
BUSY: Final = re.compile(r"shallow file has changed|shallow\.lock': File exists")
LOCAL_ATTEMPTS: Final = 20
TOGETHER: Final = 200
"""Refs that are asked for by one command; Windows takes 32,767 characters of one."""
ASKED: Final = 4
"""How often a remote is asked that gives no answer, or no real one."""
QUIET: Final = (
    ("http.lowSpeedLimit", "1"),  # bytes a second
    ("http.lowSpeedTime", "60"),  # seconds
    ("push.followTags", "false"),
    ("push.recurseSubmodules", "no"),
    ("push.useForceIfIncludes", "false"),
    ("fetch.prune", "false"),
    ("fetch.pruneTags", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.writeCommitGraph", "false"),
    ("fetch.unpackLimit", "1000"),  # few objects stay loose: no pack that our reads would pile up
)


@final
class Remote:
    """A remote: its heads, its objects, a push to it."""

    def __init__(
        self,
        git: Git,
        *,
        name: str | None,
        branch: str,
        user: str | None,
        token: Secret | None,
        environment: Mapping[str, str],
        wait: float,
        clock: Clock,
        sparing: bool = False,
    ) -> None:
        """Find the remote; nothing is asked over the network yet.

        Args:
            git: In the user's repository.
            name: A remote's name, or a URL or folder; None for the branch's upstream, else origin.
            branch: Short name of the branch that is meant.
            user: For basic authentication.
            token: What to authenticate with; None for what the checkout or the user has set up.
            environment: This process's environment.
            wait: How long one exchange may take, seconds.
            clock: What waits while another git holds a lock.
            sparing: The repository is ours alone, and gets no more history than is asked for.

        Raises:
            SettingError: There is no such remote, or its URL is given with a password inside.
            CannotHere: git is too old to be given a token.
        """
        self._git = git
        self._branch = branch
        self._wait = wait
        self._clock = clock
        self._sparing = sparing
        self.name = name or usual_remote(git, branch)
        self._settings = [*QUIET, *_trusted(git, environment), *_own_settings(git, self.name)]
        fetched = self._url()
        pushed = self._url("--push")
        for url in (fetched, pushed):
            hide_password(url)
        self.shown = without_credentials(pushed) if is_http(pushed) else pushed
        self.url = pushed
        self._more: dict[str, str] = {}
        if token is None:
            self._more = helper_variables(environment)
        elif is_http(pushed) or is_http(fetched):
            need_config_by_environment(git)
            # no program that asks a person for a password either: the token is the answer
            self._more = {"GIT_ASKPASS": "", "SSH_ASKPASS": ""}
            for url in dict.fromkeys(url for url in (fetched, pushed) if is_http(url)):
                self._settings += header_settings(url, user, token)

    @property
    def extra(self) -> dict[str, str]:
        """Environment for a git that speaks to this remote."""
        return self._environment() | self._more

    def _environment(self) -> dict[str, str]:
        return with_config(self._git.environment, self._settings)

    def _url(self, *how: str) -> str:
        """Return the URL after git's rewriting (url.*.insteadOf): keys of settings match that."""
        done = self._git.try_("remote", "get-url", *how, self.name)
        if done.code != 0:
            done = self._git.try_("ls-remote", "--get-url", OURS, extra=self._environment())
        return done.out.decode("utf-8", "surrogateescape").partition("\n")[0]

    def run(
        self, *arguments: str, extra: Mapping[str, str] | None = None, stdin: bytes | None = None
    ) -> Finished:
        """Run git with this remote's settings.

        Raises:
            ServiceUnavailable: It took longer than the wait.
        """
        try:
            return self._git.try_(
                *arguments,
                extra=self.extra | dict(extra or {}),
                stdin=stdin,
                timeout=self._wait,
            )
        except subprocess.TimeoutExpired:
            raise ServiceUnavailable(
                f"{self.shown} did not answer within {self._wait:g} seconds.",
                code="remote-timeout",
                cure="Run it again later; check the network and the proxy if it stays so.",
            ) from None

    def ask(self, *arguments: str, stdin: bytes | None = None) -> Finished:
        """Run git as `run` does, again where the remote could not answer just now: git itself gives
        up at the first answer that is none. For what changes nothing there.

        Raises:
            ServiceUnavailable: It took longer than the wait.
        """
        attempt = 1
        while True:
            done = self.run(*arguments, stdin=stdin)
            if done.code == 0 or attempt == ASKED:
                return done
            trouble = error_for(done.error_text, remote=self.shown, branch=self._branch)
            if not isinstance(trouble, ServiceUnavailable):
                return done
            self._clock.sleep(backoff(attempt, first=0.5, most=8.0))
            attempt += 1

    def head(self) -> str:
        """Ask the remote where the branch is; return the full commit id.

        Raises:
            SettingError: It has no such branch.
            ServiceRefused: No right to read, no such repository.
            ServiceUnavailable: It does not answer.
        """
        return self.need(self.look(self._branch), self._branch)

    def main_branch(self) -> str:
        """Ask the remote for the branch that its HEAD is; return its short name.

        Raises:
            SettingError: It has none.
            ServiceRefused, ServiceUnavailable: As `refs`.
        """
        done = self.ask("ls-remote", "--symref", OURS, "HEAD")
        if done.code != 0:
            raise error_for(done.error_text, remote=self.shown, branch=self._branch)
        found = re.search(r"^ref: refs/heads/(.+)\tHEAD$", done.text, re.MULTILINE)
        if found is None:
            raise SettingError(
                f"{self.shown} names no branch as its main one.",
                code="no-branch",
                cure="Set `branch`.",
            )
        return found[1]

    def need(self, heads: Mapping[str, str], branch: str) -> str:
        """Return where a branch is that has to be there.

        Args:
            heads: What `look` returned.
            branch: Short name.

        Raises:
            SettingError: It is not there.
        """
        if branch in heads:
            return heads[branch]
        raise SettingError(
            f"{self.shown} has no branch {branch!r} to commit to.",
            code="no-branch",
            cure="Push the branch first, or set `branch` to one that is there.",
        )

    def look(self, *branches: str) -> Mapping[str, str]:
        """Ask the remote where branches are, all at one moment; those that it has not are left out.

        Raises:
            ServiceRefused: No right to read, no such repository.
            ServiceUnavailable: It does not answer.
        """
        found = self.refs(*(f"refs/heads/{branch}" for branch in branches))
        return {ref.removeprefix("refs/heads/"): oid for ref, oid in found.items()}

    def refs(self, *refs: str) -> Mapping[str, str]:
        """Return the ids of those of `refs`, full names, that the remote has.

        Raises:
            ServiceRefused: No right to read, no such repository.
            ServiceUnavailable: It does not answer.
        """
        found, wanted = {}, frozenset(refs)
        for at in range(0, len(refs), TOGETHER):
            done = self.ask("ls-remote", OURS, *refs[at : at + TOGETHER])
            if done.code != 0:
                raise error_for(done.error_text, remote=self.shown, branch=self._branch)
            # a name may have what Python takes for an end of a line, too
            for line in done.out.decode("utf-8", "surrogateescape").split("\n"):
                oid, _, name = line.partition("\t")
                if name in wanted:  # ls-remote takes what it is given for the end of a name
                    found[name] = oid
        return found

    def here(self, commit: str) -> bool:
        """Tell whether this repository has a commit with its tree, without asking the network: a
        partial clone would fetch the commit, and its history with it."""
        extra = {"GIT_NO_LAZY_FETCH": "1"}
        return self._git.try_("cat-file", "-e", f"{commit}^{{tree}}", extra=extra).code == 0

    def bring(self, ids: Sequence[str]) -> None:
        """Fetch those of some objects that a partial clone lacks; all at once, where git itself
        would ask for one after the other.

        Raises:
            ServiceRefused, ServiceUnavailable: As `refs`.
        """
        asked = "".join(f"{oid}\n" for oid in ids).encode()
        extra = {"GIT_NO_LAZY_FETCH": "1"}
        done = self._git.try_("cat-file", "--batch-check", stdin=asked, extra=extra)
        lacking = [
            line.split(" ")[0] for line in done.text.splitlines() if line.endswith("missing")
        ]
        if not lacking:
            return
        command = (
            *("-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags"),
            *("--no-write-fetch-head", "--no-auto-maintenance", "--filter=blob:none", "--stdin"),
            OURS,
        )
        done = self.ask(*command, stdin="".join(f"{oid}\n" for oid in lacking).encode())
        if done.code != 0:
            raise error_for(done.error_text, remote=self.shown, branch=self._branch)

    def fetch(self, branch: str | None = None, *, depth: int = 1) -> str:
        """Fetch a branch's head and return its id.

        The user's branches, tags, tracking branches and FETCH_HEAD stay as they are. A full clone
        gets the missing history. A shallow one gets this commit alone, because the history behind
        it may be the whole repository; it stays as shallow as it was.

        Args:
            branch: Short name; None for the branch that is meant.
            depth: How many commits a shallow clone gets.

        Raises:
            SettingError, ServiceRefused, ServiceUnavailable: As `head`.
        """
        name = branch or self._branch
        self._sweep()
        attempt = 0
        while True:
            attempt += 1
            before = self._cuts()
            private = passing_name(PRIVATE, self._clock)
            done = self.ask(
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-auto-maintenance",
                *([f"--depth={depth}"] if before or self._sparing else []),
                OURS,
                f"+refs/heads/{name}:{private}",
            )
            if done.code == 0:
                head = self._git.text("rev-parse", "--verify", private)
                mine = {head}
                if before and depth > 1 and not self._sparing:
                    listed = self._git.text("rev-list", f"--max-count={depth}", private)
                    mine |= set(listed.split())
                # without a ref the objects stay for weeks (gc.pruneExpire): longer than needed
                self._git.output("update-ref", "-d", private)
                if not self._sparing:
                    self._forget_cut(self._cuts() - before & mine)
                return head
            # another git at work in the same shallow clone: git gives up at once, we try again
            if not BUSY.search(done.error_text) or attempt == LOCAL_ATTEMPTS:
                break
            self._clock.sleep(backoff(attempt, first=0.1, most=2.0))
        if "couldn't find remote ref" in done.error_text:
            self.need(self.look(name), name)  # says so
        raise error_for(done.error_text, remote=self.shown, branch=name)

    def _sweep(self) -> None:
        """Remove the refs of runs that were killed: they would keep what they fetched for ever."""
        for ref in self._git.text("for-each-ref", "--format=%(refname)", PRIVATE).split("\n"):
            if is_abandoned(ref, self._clock, prefix=PRIVATE):
                # what it may stand for is the user's
                self._git.try_("update-ref", "--no-deref", "-d", ref)

    @contextlib.contextmanager
    def cut_at(self, commit: str) -> Iterator[Mapping[str, str]]:
        """Give the environment in which a shallow clone's history ends at a commit of `fetch`.

        Only for git's peace of mind: it complains about parents that it has not got. The variable
        is what git sets for its own children (environment.h, GIT_SHALLOW_FILE_ENVIRONMENT).
        """
        cuts = self._cuts()
        if not cuts:
            yield {}
            return
        with tempfile.TemporaryDirectory(prefix="wheelstep-") as scratch:
            place = Path(scratch) / "shallow"
            text = "".join(f"{each}\n" for each in sorted(cuts | {commit}))
            place.write_text(text, newline="\n")
            yield {"GIT_SHALLOW_FILE": str(place)}

    def _forget_cut(self, cuts: frozenset[str]) -> None:
        """Take what our fetch noted in git's file `shallow` out again.

        With it a later `git pull` in this clone takes the history for an unrelated one; without it
        that pull fetches what is missing. Done as git does it, under shallow.lock.
        """
        path = self._shallow_file()
        lock = path.with_name("shallow.lock")
        for attempt in range(1, LOCAL_ATTEMPTS + 1 if cuts else 1):
            try:
                lock.touch(exist_ok=False)
            except FileExistsError:
                self._clock.sleep(backoff(attempt, first=0.1, most=2.0))
                continue
            except OSError as error:
                raise CannotHere.from_os_error(error, "writing the repository") from error
            try:
                kept = [line for line in path.read_text().split() if line not in cuts]
                lock.write_text("".join(f"{line}\n" for line in kept), newline="\n")
                lock.replace(path)
            except BaseException as error:
                lock.unlink(missing_ok=True)  # no git could fetch here any more
                if isinstance(error, FileNotFoundError):
                    return  # somebody has fetched the whole history meanwhile
                if isinstance(error, OSError):
                    raise CannotHere.from_os_error(error, "writing the repository") from error
                raise
            return

    def _shallow_file(self) -> Path:
        return self._git.directory / self._git.text("rev-parse", "--git-path", "shallow")

    def _cuts(self) -> frozenset[str]:
        """Return where the history of a shallow clone ends; nothing for a full one."""
        path = self._shallow_file()
        return frozenset(path.read_text().split()) if path.exists() else frozenset()


def _trusted(git: Git, environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the authority that everything else of ours trusts, where git is told of none."""
    named = next((environment[name] for name in CA_VARIABLES if environment.get(name)), None)
    if named is None or environment.get("GIT_SSL_CAINFO") or not Path(named).is_file():
        return []
    own = git.try_("config", "--get-regexp", r"^http\..*ssl(cainfo|capath)$")
    return [] if own.out.strip() else [("http.sslCAInfo", named)]


def _own_settings(git: Git, name: str) -> list[tuple[str, str]]:
    """Return what makes our name mean the same as the user's, or as the URL given."""
    own: dict[str, str] = {}
    for record in git.records("config", "-z", "--list"):
        key, _, value = record.partition("\n")
        section, _, part = key.rpartition(".")
        if section == f"remote.{name}" and part in COPIED:
            # the first of several URLs: a commit cannot be compared and swapped in two places at
            # once; of all else git takes what is said last, the nearest to the repository
            own[part] = own.get(part, value) if part in LISTS else value
    found = [(f"remote.{OURS}.{part}", value) for part, value in own.items()]
    if own.get("url"):
        return found
    if "url" in own:
        raise SettingError(
            f"The remote {name} of this repository has an empty URL.",
            code="no-remote",
            cure=f"Set it with `git remote set-url {name} URL`.",
        )
    if "://" in name or "/" in name or ":" in name or Path(name).exists():
        if password_in(name):
            raise SettingError(
                f"The URL {without_credentials(name)} is given with a password inside.",
                code="secret-in-url",
                cure="Give the URL alone, and the password as `repository-token`.",
            )
        return [(f"remote.{OURS}.url", name)]
    raise SettingError(
        f"This repository has no remote named {name!r}.",
        code="no-remote",
        cure=f"Add it with `git remote add {name} URL`.",
    )
