"""The REST half of the feed's stand-in, kept honest by the published descriptions and the vendor's
client; and our own calls, compared with what that client was recorded to send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.destinations.made import make_wheel
from tests.destinations.test_feed_service import publish, service
from tests.destinations.waiting import quick_transport
from tests.servers.arm_specs import SPECS
from tests.servers.feed import FeedServer, feed_server
from tests.servers.feed_specs import ARE_THERE, answer_violations, violations
from wheelstep.ground.azure_devops import import_clients

RECORDED = SPECS / "azure-devops-7.1.0b4-recorded.jsonl"
HEADERS = {"Accept": "application/json;api-version=7.1-preview.1"}
FEED = "/contoso/ml/_apis/packaging/feeds/wheels"


@pytest.fixture
def described() -> None:
    if not ARE_THERE:
        pytest.skip("the published descriptions are not beside this clone")


def asked_all(server: FeedServer, folder: Path) -> None:
    """Let our client make each of its calls."""
    with quick_transport() as (transport, _):
        publish(server, transport, folder, "acme-core", "acme-more")
        server.public_upstream = True
        server.retention = {"countLimit": 100, "daysToKeepRecentlyDownloadedPackages": 30}
        server.recycled.add(("acme-core", "0.9"))
        next(iter(server.files.values())).source = "PyPI"
        asked = service(server, transport, server.job_token)
        asked.feed()
        asked.views()
        asked.retention()
        asked.version("acme-core", "1.0.0")
        asked.version("acme-core", "0.9")
        asked.recycled("acme-core", "0.9")
        asked.versions("acme-core")
        asked.upstreaming("acme-core")
        asked.promote_together([("acme-core", "1.0.0"), ("acme-more", "1.0.0")], "Prerelease")
        asked.promote("acme-core", "1.0.0", "Release")


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize("project", ["ml", None])
def test_our_calls_and_the_answers_are_as_described(project: str | None, tmp_path: Path) -> None:
    with feed_server(project=project) as server:
        asked_all(server, tmp_path)
        held = [(asked, answer) for asked, answer in server.exchanges if asked.feed_path]
    assert len({asked.path for asked, _ in held}) >= 8
    for asked, answer in held:
        request = (asked.method, asked.target, asked.headers, asked.body)
        assert violations(*request) == [], asked
        assert answer.refused is None
        if answer.value is not None:
            assert answer_violations(request, answer.status, answer.value) == [], asked


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        ("GET", f"{FEED}/views", {}, b""),
        ("POST", f"{FEED}/pypi/packagesbatch", HEADERS, b'{"operation": "promoted"}'),
        ("PATCH", f"{FEED}/pypi/packages/a/versions/1", HEADERS, b'{"views": {"op": "put"}}'),
        ("PUT", f"{FEED}/views", HEADERS, b"{}"),
    ],
)
def test_the_descriptions_refuse_what_is_wrong(
    method: str, target: str, headers: Mapping[str, str], body: bytes
) -> None:
    assert violations(method, target, headers, body)
    wrong = {"count": 1, "value": [{"id": 7, "name": "Local"}]}
    assert answer_violations(("GET", f"{FEED}/views", HEADERS, b""), 200, wrong)


@pytest.mark.usefixtures("described")
def test_a_version_is_asked_for_as_the_client_was_recorded_to(tmp_path: Path) -> None:
    recorded = [json.loads(line) for line in RECORDED.read_text("utf-8").splitlines()]
    (theirs,) = [one for one in recorded if "/pypi/packages/" in one["p"]]
    with feed_server() as server:
        asked_all(server, tmp_path)
        ours = next(asked for asked, _ in server.exchanges if "/pypi/packages/" in asked.path)
    places = {"pkgs/org/proj": "contoso/ml", "/feed/": "/wheels/", "/pkg/": "/acme-core/",
              "1.0": "1.0.0"}  # fmt: skip
    path = theirs["p"]
    for old, new in places.items():
        path = path.replace(old, new)
    assert (ours.method, ours.path) == (theirs["m"], path)
    kept = {name: value for name, value in theirs["h"].items() if name.startswith(("X-", "Acc"))}
    assert {name: ours.headers.get(name) for name in kept} == kept


def client(server: FeedServer, token: str, area: str) -> Any:
    """The vendor's own client, made the vendor's own way: it finds the hosts by itself."""
    import_clients()  # its files of routes stay in memory
    from azure.devops.connection import Connection
    from msrest.authentication import BasicAuthentication

    connection = Connection(f"{server.base}/contoso", BasicAuthentication("", token))
    return getattr(connection.clients_v7_1, f"get_{area}_client")()


def test_the_vendors_client_drives_the_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with feed_server(two_hosts=True) as server, quick_transport() as (transport, _):
        publish(server, transport, tmp_path, "acme-core")
        feeds, pypi = (client(server, server.owner_token, area) for area in ("feed", "py_pi_api"))
        assert feeds.get_feed("wheels", "ml").id == server.feed_id
        assert [view.name for view in feeds.get_feed_views("wheels", "ml")] == list(server.views)
        assert "reader" in {one.role for one in feeds.get_feed_permissions("wheels", "ml")}
        (package,) = feeds.get_packages("wheels", "ml", include_all_versions=True)
        assert feeds.get_package("wheels", package.id, "ml").name == "acme-core"
        assert [one.version for one in feeds.get_package_versions("wheels", package.id, "ml")] == [
            "1.0.0"
        ]
        from azure.devops.v7_1.py_pi_api import models

        behavior = models.UpstreamingBehavior("allowExternalVersions")
        pypi.set_upstreaming_behavior("wheels", "acme-core", behavior, "ml")
        found = pypi.get_upstreaming_behavior("wheels", "acme-core", "ml")
        assert found.versions_from_external_upstreams == "allowExternalVersions"
        content = b"".join(
            pypi.download_package(
                "wheels", "acme-core", "1.0.0", "acme_core-1.0.0-py3-none-any.whl", "ml"
            )
        )
        wheel = make_wheel(tmp_path, "acme-core")
        assert wheel.path is not None
        assert content == wheel.path.read_bytes()
        pypi.delete_package_version("wheels", "acme-core", "1.0.0", "ml")
        with pytest.raises(Exception, match="Cannot find the package"):
            pypi.get_package_version("wheels", "acme-core", "1.0.0", "ml")
        gone = pypi.get_package_version("wheels", "acme-core", "1.0.0", "ml", show_deleted=True)
        assert gone.deleted_date is not None
        assert len(server.seen("OPTIONS")) == 2
