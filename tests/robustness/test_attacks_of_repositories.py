"""What a hostile record, remote or environment could try when definitions are committed, tried."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from packaging.version import Version

from wheelstep.commands.mirror import _still_named
from wheelstep.definitions.choice import choose_for
from wheelstep.lock import Lock, Locked


def test_a_record_may_name_a_version_that_is_none() -> None:
    odd, named = (
        Locked(name, version, "", "0" * 40, None, (), ())
        for name, version in (("odd", "../x"), ("acme", "1.0"))
    )
    run = SimpleNamespace(lock=Lock({"odd": odd, "acme": named}))
    refused = next(_still_named(cast("Any", run), [("odd", Version("1")), ("acme", Version("1"))]))
    assert "acme 1" in refused.message


def test_a_record_may_name_a_file_that_is_no_wheel() -> None:
    choose = choose_for("x86_64-manylinux_2_28")
    wheel = "acme-1.0-py3-none-any.whl"
    assert choose(["x.whl", "acme-a b-py3-none-any.whl", wheel], "3.11") == wheel
