"""A release with a view, killed just before and just after the promotion, which nothing undoes."""

from __future__ import annotations

from pathlib import Path

from tests.robustness.kit import LOCK, Hosted, killed_at, watched

AT_THE_VIEW = r"http\.client\.send b'(GET [^ ]*@Release/|POST [^ ]*/packagesbatch)"


def shown(hosted: Hosted) -> dict[str, set[str]]:
    return {stored.name: stored.views for stored in hosted.feed.files.values()}


def test_killed_before_and_after_a_promotion(unreleased: Hosted, tmp_path: Path) -> None:
    settings = unreleased.settings(WHEELSTEP_VIEW="Release")
    start = unreleased.git("rev-parse", "main")
    log = tmp_path / "undisturbed.log"
    unreleased.clone("undisturbed").release(extra=settings | watched(log, 0, match=AT_THE_VIEW))
    deeds = log.read_text().splitlines()
    (promotion,) = [number for number, deed in enumerate(deeds, 1) if "packagesbatch" in deed]
    assert promotion < len(deeds), "what a view shows is read after the promotion"
    want = unreleased.result()
    assert "@release/pypi/simple/" in unreleased.file(LOCK)
    for name, number, views in (
        ("before", promotion, set[str]()),
        ("after", promotion + 1, {"release"}),
    ):
        unreleased.git("update-ref", "refs/heads/main", start)
        unreleased.feed.files.clear()
        unreleased.feed.requests.clear()
        killed = unreleased.clone(name)
        killed_at(killed, number, tmp_path / f"{name}.log", match=AT_THE_VIEW, extra=settings)
        assert shown(unreleased) == {"acme-one": views, "acme-two": views}
        assert unreleased.git("rev-parse", "main") == start
        # by another clone: nothing of the killed one is needed
        again = unreleased.clone(f"{name}-again").release(extra=settings)
        assert again.status == "done", again.said
        assert shown(unreleased) == {"acme-one": {"release"}, "acme-two": {"release"}}
        assert unreleased.result() == want
        promotions = unreleased.feed.seen("POST", "packagesbatch")
        assert len(promotions) == 1, "what is promoted already is not promoted again"
        uploads = unreleased.feed.seen("POST", "/upload/")
        assert len(uploads) == 2
