"""What names no feed is told the right form, what may mean something else is told that, and no
password is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.feed_forms import items_of
from wheelstep.destinations.interface import Wanted
from wheelstep.destinations.table import destination_of
from wheelstep.errors import SettingError, StepError
from wheelstep.ground.credentials import EntraToken
from wheelstep.ground.entra import EntraTokens, Surroundings
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport

NEWER = "https://pkgs.dev.azure.com"
OLDER = "https://contoso.pkgs.visualstudio.com"
SERVER = "https://tfs.corp.example"
PROJECT = f"{NEWER}/contoso/ml/_packaging/wheels"


@pytest.fixture
def transport() -> Iterator[Transport]:
    with Transport({}) as made:
        yield made


def made(text: str, transport: Transport) -> FeedDestination:
    wanted = Wanted(text, token=Secret("pat-12345"))
    found = destination_of(wanted, root=Path(), environment={}, transport=transport)
    assert isinstance(found, FeedDestination)
    return found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{PROJECT}/nuget/v3/index.json", f"{PROJECT}/pypi/simple/"),
        (f"{PROJECT}/npm/registry/", f"{PROJECT}/pypi/simple/"),
        (f"{OLDER}/ml/_packaging/wheels/maven/v1", f"{OLDER}/ml/_packaging/wheels/pypi/simple/"),
        (
            f"{SERVER}/tfs/Main/_packaging/w/nuget/v2",
            f"{SERVER}/tfs/Main/_packaging/w/pypi/simple/",
        ),
        ("https://dev.azure.com/contoso", f"{NEWER}/contoso[/PROJECT]/_packaging/FEED/"),
        ("https://dev.azure.com/contoso/ml", f"{NEWER}/contoso/ml/_packaging/FEED/"),
        (
            "https://dev.azure.com/contoso/My%20ML/_git/x",
            f"{NEWER}/contoso/My%20ML/_packaging/FEED/",
        ),
        ("https://dev.azure.com/contoso/ml/_artifacts", f"{NEWER}/contoso/ml/_packaging/FEED/"),
        ("https://dev.azure.com/contoso/ml/_packaging", f"{NEWER}/contoso/ml/_packaging/FEED/"),
        ("https://contoso.visualstudio.com/ml", f"{NEWER}/contoso/ml/_packaging/FEED/"),
        (f"{NEWER}/contoso/ml/wheels/pypi/simple/", f"{PROJECT}/pypi/simple/"),
        (f"{NEWER}/contoso/ml/_packaging/", f"{NEWER}/contoso/ml/_packaging/FEED/pypi/simple/"),
        (f"{NEWER}/_packaging/wheels/", f"{NEWER}/ORG[/PROJECT]/_packaging/wheels/pypi/simple/"),
        (f"{NEWER}/a/b/c/_packaging/w/pypi/simple/", f"{NEWER}/a/b/_packaging/w/pypi/simple/"),
        (f"feed+{SERVER}/simple/", f"{NEWER}/ORG[/PROJECT]/_packaging/FEED/pypi/simple/"),
        ("feed:contoso", "feed:ORG/PROJECT/FEED"),
        ("feed:contoso/ml/wheels/more", "feed:ORG/FEED"),
        ("feed:", "feed:ORG/PROJECT/FEED"),
        (f"http://{PROJECT.partition('://')[2]}", "https://"),
        (f"feed+http://{PROJECT.partition('://')[2]}", "https://"),
        ("http://dev.azure.com/contoso/ml/_artifacts/feed/wheels", "https://"),
    ],
)
def test_what_names_no_feed_is_told_the_right_form(
    text: str, says: str, transport: Transport
) -> None:
    with pytest.raises(SettingError) as caught:
        made(text, transport)
    assert caught.value.code in {"destination-unknown", "destination-insecure"}
    assert says in caught.value.cure


COPIED = "copy it from Azure DevOps: Artifacts, the feed, Connect to feed, pip."
NO_FEED = "is not the URL of an Azure Artifacts Python feed:"


@pytest.mark.parametrize(
    ("text", "says", "cure"),
    [
        (
            f"{PROJECT}/nuget/v3/index.json",
            f"{NO_FEED} `nuget/v3/index.json` is not the end of a Python feed's URL.",
            f"It reads {PROJECT}/pypi/simple/; {COPIED}",
        ),
        (
            f"{NEWER}/a/b/c/_packaging/w/pypi/simple/",
            f"{NO_FEED} the parts before `_packaging` do not fit this host.",
            f"It reads {NEWER}/a/b/_packaging/w/pypi/simple/; {COPIED}",
        ),
        (
            f"feed+{SERVER}/simple/",
            f"{NO_FEED} it has no `/_packaging/FEED/` in it.",
            f"It reads {NEWER}/ORG[/PROJECT]/_packaging/FEED/pypi/simple/; {COPIED}",
        ),
        (
            "https://dev.azure.com/contoso/ml/_git/repo",
            "is a place in Azure DevOps, and names no feed.",
            f"A feed's URL reads {NEWER}/contoso/ml/_packaging/FEED/pypi/simple/; {COPIED}",
        ),
        (
            "feed:contoso",
            "is no feed in short.",
            "Write feed:ORG/PROJECT/FEED, or feed:ORG/FEED for a feed of the organization.",
        ),
    ],
)
def test_the_words_of_an_error(text: str, says: str, cure: str, transport: Transport) -> None:
    with pytest.raises(SettingError) as caught:
        made(text, transport)
    shown = text.removeprefix("feed+")
    assert (caught.value.message, caught.value.cure) == (f"{shown} {says}", cure)


PASSWORD = "hunter2hunter2"
TOKEN = "q" * 52


@pytest.mark.parametrize(
    "text",
    [
        PROJECT.replace("//", f"//contoso:{PASSWORD}@"),
        PROJECT.replace("//", f"//{TOKEN}@"),
        f"feed+{PROJECT}".replace("//", f"//:{PASSWORD}@"),
        f"index-url={PROJECT.replace('//', f'//contoso:{PASSWORD}@')}/pypi/simple/",
        f"pip install acme --index-url {PROJECT.replace('//', f'//contoso:{PASSWORD}@')}",
        f"https://contoso:{PASSWORD}@dev.azure.com/contoso/ml/_artifacts/feed/wheels",
        f"https://{TOKEN}@dev.azure.com/contoso/ml/_artifacts/feed/wheels",
        f"{PROJECT}/pypi/simple/?sig={PASSWORD}",
    ],
)
def test_a_password_in_any_form_is_refused_and_not_shown(text: str, transport: Transport) -> None:
    with pytest.raises(SettingError) as caught:
        made(text, transport)
    assert caught.value.code == "credentials-in-url"
    shown = f"{caught.value!r} {caught.value.message} {caught.value.cure}"
    assert PASSWORD not in shown
    assert TOKEN not in shown


def test_a_password_in_a_piece_of_a_configuration_file_is_refused_and_not_shown() -> None:
    piece = f"[wheels]\nrepository = {PROJECT}\nusername = contoso\npassword = {PASSWORD}\n"
    with pytest.raises(SettingError) as caught:
        items_of(piece)
    assert caught.value.code == "credentials-in-url"
    assert PASSWORD not in f"{caught.value.message} {caught.value.cure}"


def test_a_feed_in_short_that_is_not_found_may_be_a_folder(transport: Transport) -> None:
    cure = made("wheels/out/simple", transport).reader().place_cure
    assert cure.endswith("If the folder wheels/out/simple is meant, write ./wheels/out/simple.")
    assert "folder" not in made("feed:wheels/out/simple", transport).reader().place_cure
    assert "folder" not in made(PROJECT, transport).reader().place_cure


def test_who_has_no_token_for_three_parts_is_told_of_the_folder(transport: Transport) -> None:
    class Nobody(EntraTokens):
        def known(self) -> EntraToken:
            raise SettingError("Nobody is signed in.", code="not-signed-in", cure="Sign in.")

    feed = destination_of(
        Wanted("wheels/out/simple"),
        root=Path(),
        environment={},
        transport=transport,
        entra=Nobody(Surroundings({}, None), transport),
    )
    with pytest.raises(StepError) as caught:
        feed.look(["acme"])
    assert "./wheels/out/simple" in caught.value.cure


def test_a_page_that_is_not_found_may_be_one_of_a_feed_of_the_organization(
    transport: Transport,
) -> None:
    page = "https://dev.azure.com/contoso/ml/_artifacts/feed/wheels"
    assert (
        f"{NEWER}/contoso/_packaging/wheels/pypi/simple/"
        in made(page, transport).reader().place_cure
    )
