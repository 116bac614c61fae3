"""What a feed's upstreams mean for a name of ours, case by case."""

from __future__ import annotations

import pytest

from wheelstep.destinations.upstreams import FINDINGS, Name, judge

MINE = ["1.0.0"]
THEIRS = frozenset({"0.1", "9.9"})
FREE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        # published, and nothing is taken from elsewhere: whatever the public has
        (Name("acme", THEIRS, False, MINE, []), "safe"),
        (Name("acme", None, False, MINE, []), "safe"),
        # allowed
        (Name("acme", THEIRS, True, MINE, []), "dependency-confusion"),
        (Name("acme", THEIRS, True, [], [], "1.0.0"), "dependency-confusion"),
        (Name("acme", FREE, True, MINE, []), "upstream-open"),
        (Name("acme", None, True, MINE, []), "upstream-open"),
        # saved before: the setting changes nothing of that
        (Name("acme", THEIRS, False, MINE, ["9.9"]), "dependency-confusion"),
        (Name("acme", None, None, [], ["9.9"]), "dependency-confusion"),
        # not published yet
        (Name("acme", THEIRS, False, [], [], "1.0.0"), "safe"),
        (Name("acme", THEIRS, False, [], [], "9.9"), "version-at-upstream"),
        (Name("acme", FREE, False, [], [], "1.0.0"), "safe"),
        (Name("acme", None, False, [], [], "1.0.0"), "unknown"),
        # what could not be read is never safe
        (Name("acme", FREE, None, MINE, []), "unknown"),
        (Name("acme", THEIRS, None, MINE, []), "unknown"),
    ],
)
def test_a_name_is_judged_by_what_is_known_of_it(name: Name, kind: str) -> None:
    found = judge(name, "PyPI")
    assert found.kind == kind
    assert "acme" in found.message
    assert bool(found.cure) == (kind in FINDINGS)


def test_a_feed_without_upstream_serves_what_it_saved_before() -> None:
    assert judge(Name("acme", None, None, MINE, []), "PyPI", active=False).kind == "safe"
    found = judge(Name("acme", None, None, MINE, ["9.9"]), "PyPI", active=False)
    assert found.kind == "dependency-confusion"
    assert "9.9" in found.message


def test_a_version_of_ours_that_the_public_has_too_was_published_in_time() -> None:
    assert judge(Name("acme", THEIRS, False, ["9.9"], [], "9.9"), "PyPI").kind == "safe"
