"""The azure-devops client under our policy."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from wheelstep.errors import ServiceRefused
from wheelstep.ground.azure_devops import client_for
from wheelstep.ground.transport import Response


def test_a_call_that_a_host_does_not_list_is_not_looked_for_elsewhere() -> None:
    asked = []

    def send(method: str, url: str, _: Mapping[str, str], __: bytes | None) -> Response:
        asked.append((method, url))
        return Response(200, {"Content-Type": "application/json"}, b'{"count":0,"value":[]}', url)

    client = client_for("feed", "https://tfs.example.org/tfs/Older", send)
    with pytest.raises(ServiceRefused, match="does not list the call that is needed") as raised:
        client.get_feed_views("wheels")
    assert raised.value.code == "call-missing"
    assert asked == [("OPTIONS", "https://tfs.example.org/tfs/older/_apis")]
