"""Tags of released packages: made once, never moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wheelstep.errors import ServiceRefused, SettingError
from wheelstep.ground.secret import redact
from wheelstep.report import TagRow
from wheelstep.repositories.way import Way
from wheelstep.stages.committing import source_hosting, source_remote
from wheelstep.stages.run import REMOTE, Run
from wheelstep.stages.wording import run_url

__all__ = ["Release", "check_tags", "note_planned_tags", "tag_at", "tag_releases"]


@dataclass(frozen=True, slots=True)
class Release:
    """A package as it was released."""

    name: str
    version: str
    commit: str
    """Full id of the commit that it was built from."""


def tag_releases(run: Run, releases: Sequence[Release]) -> None:
    """Make the tags that are not there yet: on the remote where commits go to one, else here.

    A package that was released earlier is tagged, too, where a run was killed before it came to
    that, or where the setting is new.

    Raises:
        SettingError: A tag's name is none.
        ServiceRefused: No right to make tags.
        ServiceUnavailable: The remote does not answer.
    """
    wanted = _names(run, releases)
    if not wanted:
        return
    remote = run.settings.commit in REMOTE
    there = _there(run, wanted)
    way = source_hosting(run).way() if remote and wanted.keys() - there.keys() else None
    for name, release in wanted.items():
        commit = there.get(name)
        if commit is None and not _has(run, release.commit):
            run.warn(
                "tag-not-made",
                f"{name} is not made: the commit {release.commit[:12]} that {release.name} "
                f"{release.version} was released from is not in this clone.",
                cure="Check out the whole history once (`fetch-depth: 0`), and run it again.",
            )
            continue
        status = "unchanged" if commit else "created"
        if commit is None and way is not None:
            commit = tag_at(way, name, release.commit)
        elif commit is None:
            run.git.output("tag", name, release.commit)
            commit = release.commit
        if commit != release.commit:
            run.warn(
                "tag-elsewhere",
                f"The tag {name} is at {commit[:12]}, and {release.name} {release.version} was "
                f"released from {release.commit[:12]}. A tag that is there is never moved.",
                severity="notice",
            )
        run.report.tags.append(TagRow(name, commit, status))
    if run.settings.committing.release and remote:
        _release(run, {row.name: wanted[row.name] for row in run.report.tags})


def tag_at(way: Way, name: str, commit: str) -> str:
    """Make a tag on the remote; return the commit that it is at.

    Args:
        way: How the remote is changed.
        name: The tag's.
        commit: Full id.

    Raises:
        ServiceRefused: No right to make it; "tag-protected" where a rule for tags forbids it.
        StepError: As `Way.tag`.
    """
    try:
        return way.tag(name, commit)
    except ServiceRefused as error:
        if error.code != "branch-protected":
            raise
        raise ServiceRefused(
            error.message,
            code="tag-protected",
            cure="Let the account that pushes bypass the rule for tags, or set `tag` to names that"
            " no rule restricts, and run it again. What is published and committed stays.",
        ) from error


def _release(run: Run, tagged: Mapping[str, Release]) -> None:
    """Make the releases on GitHub that are not there yet."""
    releases = source_hosting(run).releases()
    missing = sorted(tagged.keys() - releases.there(frozenset(tagged)))
    for name in missing:
        one = tagged[name]
        body = f"Built from {one.commit}.\n\n{run_url(run.environment)}".strip()
        releases.make(name, f"{one.name} {one.version}", redact(body))


def check_tags(run: Run) -> None:
    """Refuse early what could not be tagged, or have a release.

    Raises:
        SettingError: A `tag` that makes no names of tags, `github-release` without `tag`, or where
            there is no GitHub.
    """
    _names(run, [Release("name", "1.0", "")])
    if not run.settings.committing.release or run.settings.commit not in REMOTE:
        return
    if run.settings.committing.tag is None:
        raise SettingError(
            "`github-release` is on, and there is no tag that a release could be of.",
            code="bad-setting",
            cure='Set `tag`, for instance to "{name}-v{version}".',
        )
    if not run.trigger.pull_request:
        source_hosting(run).releases()


def note_planned_tags(run: Run, releases: Sequence[Release]) -> None:
    """Put into the report which tags a release would make, and which are there already.

    Raises:
        SettingError: A tag's name is none.
        StepError: The remote does not answer.
    """
    wanted = _names(run, releases)
    there = _there(run, wanted) if wanted else {}
    run.report.tags = [
        TagRow(name, there.get(name, release.commit), "unchanged" if name in there else "planned")
        for name, release in wanted.items()
        if name in there or _has(run, release.commit)
    ]


def _has(run: Run, commit: str) -> bool:
    return run.git.try_("cat-file", "-e", f"{commit}^{{commit}}").code == 0


def _there(run: Run, wanted: Mapping[str, Release]) -> dict[str, str]:
    """Return the tags that are there with their commits; on a pull request those of this clone."""
    remote = run.settings.commit in REMOTE and not run.trigger.pull_request
    return _on_remote(run, wanted) if remote else _here(run, wanted)


def _names(run: Run, releases: Sequence[Release]) -> dict[str, Release]:
    pattern = run.settings.committing.tag
    if pattern is None:
        return {}
    named = {pattern.format(name=one.name, version=one.version): one for one in releases}
    for name in named:
        if run.git.try_("check-ref-format", f"refs/tags/{name}").code != 0 or name.startswith("-"):
            raise SettingError(
                f"{name!r} cannot be the name of a tag.",
                code="bad-tag",
                cure="Set `tag` to something like {name}-v{version}, without blanks.",
            )
    return named


def _on_remote(run: Run, wanted: Mapping[str, Release]) -> dict[str, str]:
    refs = {f"refs/tags/{name}": name for name in wanted}
    asked = [ref + more for ref in refs for more in ("", "^{}")]  # ^{}: of one that has a text
    found = source_remote(run).refs(*asked)
    return {
        name: found.get(f"{ref}^{{}}") or found[ref] for ref, name in refs.items() if ref in found
    }


def _here(run: Run, wanted: Mapping[str, Release]) -> dict[str, str]:
    found = {}
    for name in wanted:
        done = run.git.try_("rev-parse", "--verify", "--quiet", f"refs/tags/{name}^{{commit}}")
        if done.code == 0:
            found[name] = done.text.strip()
    return found
