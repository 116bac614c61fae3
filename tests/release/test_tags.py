"""Tags of released packages: made once, where the commits go, and never moved."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast
from unittest.mock import Mock

import pytest

from tests.release.kit import Ran, Repo, everything
from wheelstep.errors import ServiceRefused
from wheelstep.repositories.answers import meaning
from wheelstep.repositories.way import Way
from wheelstep.stages.tagging import tag_at

PATTERN = {"WHEELSTEP_TAG": "{name}-v{version}"}


def tags(repo: Repo) -> dict[str, str]:
    lines = repo.git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/tags")
    return dict(line.split(" ") for line in lines.splitlines())


def rows(ran: Ran) -> dict[str, str]:
    return {row["name"]: row["status"] for row in ran.report["tags"]}


@pytest.fixture
def checkout(monorepo: Repo) -> Repo:
    monorepo.clone("origin.git", "--bare")
    return replace(monorepo, name="origin.git").clone("checkout")


@pytest.fixture
def origin(checkout: Repo) -> Repo:
    return replace(checkout, name="origin.git")


def test_each_package_is_tagged_where_it_was_released_from(checkout: Repo, origin: Repo) -> None:
    push = PATTERN | {"WHEELSTEP_COMMIT": "push"}
    before = checkout.head
    checkout.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    after = checkout.commit()
    checkout.git("push", "--quiet")
    planned = checkout.wheelstep("plan", extra=push)
    names = ["acme-core-v1.1.0", "acme-features-v2.0.0", "acme-models-v3.0.0"]
    assert rows(planned) == dict.fromkeys(names, "planned")
    assert tags(origin) == {}
    ran = checkout.release(extra=push)
    first = next(iter(set(tags(origin).values()) - {after}))
    assert tags(origin) == {
        "acme-core-v1.1.0": after, "acme-features-v2.0.0": first, "acme-models-v3.0.0": first,
    }  # fmt: skip
    assert checkout.git("merge-base", first, before) == first
    assert set(rows(ran).values()) == {"created"}
    again = checkout.release(extra=push)
    assert (again.status, set(rows(again).values())) == ("nothing-to-do", {"unchanged"})


def test_a_tag_that_is_there_never_moves(checkout: Repo, origin: Repo) -> None:
    checkout.git("tag", "--annotate", "--message", "By hand", "acme-core-v1.0.0", "HEAD")
    checkout.git("push", "--quiet", "origin", "acme-core-v1.0.0")
    there = tags(origin)["acme-core-v1.0.0"]
    ran = checkout.release(extra=PATTERN | {"WHEELSTEP_COMMIT": "push"})
    assert tags(origin)["acme-core-v1.0.0"] == there
    assert rows(ran)["acme-core-v1.0.0"] == "unchanged"
    assert "is never moved" in ran.problem("tag-elsewhere")["message"]


def test_a_commit_that_stays_here_has_its_tags_here(checkout: Repo, origin: Repo) -> None:
    checkout.git("config", "tag.gpgSign", "true")
    checkout.release(extra=PATTERN | {"WHEELSTEP_COMMIT": "local"})
    assert set(tags(checkout)) == {
        "acme-core-v1.0.0", "acme-features-v2.0.0", "acme-models-v3.0.0"
    }  # fmt: skip
    assert tags(origin) == {}


def test_a_shallow_clone_says_what_it_cannot_tag(checkout: Repo, origin: Repo) -> None:
    checkout.commit()
    checkout.git("push", "--quiet")
    shallow = origin.clone("shallow", "--depth=1")
    ran = shallow.release(extra=PATTERN | {"WHEELSTEP_COMMIT": "push"})
    assert set(ran.codes) == {"folder-not-served", "tag-not-made"}
    assert tags(origin) == {}


def test_a_rule_for_tags_is_not_mended_by_a_pull_request() -> None:
    def refused(code: str) -> ServiceRefused:
        error = meaning(code, quote="GH013", remote="https://x", branch="the tag v1")
        way = cast("Way", SimpleNamespace(tag=Mock(side_effect=error)))
        with pytest.raises(ServiceRefused, match="https://x") as caught:
            tag_at(way, "v1", "c" * 40)
        return caught.value

    protected = refused("branch-protected")
    assert protected.code == "tag-protected"
    assert "the tag v1 at https://x is protected" in protected.message
    assert "pull-request" not in protected.cure
    assert refused("push-forbidden").code == "push-forbidden"


@pytest.mark.parametrize("pattern", ["v{version}", "{name} {version}", "{name}-{when}-{version}"])
def test_patterns_that_are_none(checkout: Repo, pattern: str) -> None:
    checkout.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.1.0"')
    checkout.commit()
    before = everything(checkout)
    ran = checkout.wheelstep("release", extra={"WHEELSTEP_TAG": pattern})
    assert ran.code == 2, ran.said
    assert everything(checkout) == before
