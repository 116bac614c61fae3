"""A feed at its real name, signed in at by tokens of Entra ID that end in the middle of a run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.destinations.made import make_wheel
from tests.ground.web import InstantClock
from tests.servers.azure_world import CONNECTION, azure_world
from tests.servers.entra import JOB_TOKEN, Entra
from tests.servers.feed import FeedServer
from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.interface import Wanted
from wheelstep.destinations.table import destination_of
from wheelstep.errors import ServiceRefused
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport


@dataclass
class Scene:
    """The services, and a feed that asks them."""

    server: FeedServer
    entra: Entra
    clock: InstantClock
    feed: FeedDestination


@pytest.fixture
def scene(names: Path) -> Iterator[Scene]:
    with azure_world(names) as world:
        environment = world.job() | {
            "AZURESUBSCRIPTION_CLIENT_ID": world.entra.client,
            "AZURESUBSCRIPTION_TENANT_ID": world.entra.tenant,
            "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": CONNECTION,
        }
        clock = InstantClock(time.time())
        with Transport(environment, clock=clock) as transport:
            made = destination_of(
                Wanted(world.feed.simple_url),
                root=Path(),
                environment=environment,
                transport=transport,
                job_token=Secret(JOB_TOKEN),
            )
            assert isinstance(made, FeedDestination)
            yield Scene(world.feed, world.entra, clock, made)


def end_the_token(scene: Scene) -> None:
    """From now on the feed takes only the next token that Entra ID gives."""
    scene.server.token = scene.entra.next_token()
    scene.clock.now += 60


def test_a_token_that_ends_between_two_requests_is_replaced_once(
    scene: Scene, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path)
    end_the_token(scene)  # the first one
    assert scene.feed.look([wheel.name]) == {wheel.name: []}
    end_the_token(scene)
    assert scene.feed.put(wheel) is True
    end_the_token(scene)
    (listed,) = scene.feed.look([wheel.name])[wheel.name]
    end_the_token(scene)
    scene.feed.fetch(listed, tmp_path / "back.whl")
    assert len(scene.entra.given) == 4
    # each with an assertion of its own
    assert len(scene.entra.assertions) == len(scene.entra.spent) == 4
    assert len(scene.server.seen("POST")) == 2
    # it is of another organization: it asks for assertions there, and goes nowhere else
    assert JOB_TOKEN not in {one.password for one in scene.server.requests}


def test_many_threads_replace_a_token_once(scene: Scene) -> None:
    end_the_token(scene)
    scene.feed.look(["acme-core"])
    end_the_token(scene)
    found = scene.feed.look([f"acme-{number}" for number in range(12)])
    assert len(found) == 12
    assert len(scene.entra.given) == 2


def test_an_identity_that_the_feed_does_not_know_is_refused_after_one_fresh_token(
    scene: Scene,
) -> None:
    with pytest.raises(ServiceRefused) as caught:
        scene.feed.look([f"acme-{number}" for number in range(12)])
    assert caught.value.code == "not-authenticated"
    assert "an Entra ID token of the service connection of AzureCLI@2, which expires at" in (
        caught.value.message
    )
    assert len(scene.entra.given) == 2


def test_the_way_is_told_with_what_came_before(scene: Scene) -> None:
    end_the_token(scene)
    who = scene.feed.signed_in()
    assert who is not None
    assert who.source == "an Entra ID token of the service connection of AzureCLI@2"
    assert (
        "the pipeline job's token: it belongs to https://dev.azure.com/fabrikam/, and is not sent "
        "elsewhere" in who.passed
    )
