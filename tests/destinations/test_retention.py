"""Which versions a feed's retention deletes."""

from __future__ import annotations

import datetime as dt

from wheelstep.destinations.retention import Fate, Kept, fate_of

DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def kept(*versions: str, promoted: str = "", deleted: str = "") -> list[Kept]:
    """Versions, published one a day in this order."""
    return [
        Kept(
            version,
            version == deleted,
            ["Local", "Release"] if version == promoted else ["Local"],
            DAY + dt.timedelta(days=number),
        )
        for number, version in enumerate(versions)
    ]


def test_the_newest_stay_and_the_next_one_does_not() -> None:
    versions = kept("1.0", "1.1", "1.2", "1.3")
    assert fate_of("1.2", versions, 2) is None
    assert fate_of("1.1", versions, 2) == Fate(deleted=False, newer=2)
    assert fate_of("1.1.0", versions, 2) == Fate(deleted=False, newer=2)
    assert fate_of("1.0", versions, 4) is None


def test_what_a_view_shows_stays_and_local_is_no_such_view() -> None:
    versions = kept("1.0", "1.1", "1.2", promoted="1.0")
    assert fate_of("1.0", versions, 1) is None
    assert fate_of("1.1", versions, 1) == Fate(deleted=False, newer=1)


def test_a_deleted_version_is_gone_whatever_is_kept_and_counts_no_more() -> None:
    versions = kept("1.0", "1.1", "1.2", deleted="1.1")
    assert fate_of("1.1", versions, None) == Fate(deleted=True)
    assert fate_of("1.0", versions, 2) is None


def test_a_feed_that_keeps_all_and_a_version_it_never_had_are_no_concern() -> None:
    assert fate_of("1.0", kept("1.0", "1.1"), None) is None
    assert fate_of("7.0", kept("1.0", "1.1"), 1) is None


def test_by_number_and_by_date_one_order_is_enough() -> None:
    # a late repair of an old line: the newest by date, the last by number
    versions = kept("2.0", "2.1", "1.0.1")
    assert fate_of("1.0.1", versions, 2) == Fate(deleted=False, newer=2)
    assert fate_of("2.0", versions, 2) == Fate(deleted=False, newer=2)
    assert fate_of("2.1", versions, 2) is None
    undated = [Kept("1.0", False, [], None), Kept("1.1", False, [], DAY.replace(tzinfo=None))]
    assert fate_of("1.0", undated, 1) == Fate(deleted=False, newer=1)
