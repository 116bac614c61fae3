"""A connection as it is written, read, recognised and compared; pure."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from tests.servers.arm_specs import SPECS
from wheelstep.ground.connections import Connection
from wheelstep.ground.secret import Secret
from wheelstep.model import Workspace
from wheelstep.workspaces.connection import (
    FINGERPRINT,
    MADE_BY,
    OURS,
    Login,
    Stored,
    body_of,
    connection_id,
    fingerprint,
    in_use,
    login_of,
    parsed,
    same_login,
)
from wheelstep.workspaces.decide import (
    Create,
    Leave,
    TakeOver,
    Update,
    decide,
    expiry_of,
    metadata_of,
    named,
)

TARGET = "https://pkgs.dev.azure.com/contoso"
TOKEN = "p4t-of-the-tests-" + "x" * 35
DAY = dt.datetime(2027, 3, 1, 23, 59, 59, tzinfo=dt.UTC)
TRAIN = Workspace("5f3b6a0e-0000-4000-8000-000000000001", "ml", "train")
ID = connection_id(TRAIN, "feed")


def wanted(**more: Any) -> Connection:
    given: dict[str, Any] = {"name": "feed", "target": TARGET, "secret": Secret(TOKEN)}
    return Connection(**given | more)


# --- what is sent ---------------------------------------------------------------------------------


def recorded() -> list[dict[str, Any]]:
    path = SPECS / "azure-ai-ml-1.35.2-recorded.jsonl"
    if not path.exists():
        pytest.skip("what Microsoft's SDK sends is not recorded beside this repository")
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [json.loads(line["b"]) for line in lines if line["m"] == "PUT"]


def sent(one: Connection) -> Any:
    """What is put on the wire."""
    body = body_of(one, login_of(one), {}, None)
    return json.loads(json.dumps(body, default=lambda secret: secret.reveal()))


def test_the_body_is_what_microsofts_sdk_sends() -> None:
    pat, login = recorded()
    url = pat["properties"]["target"]
    token = wanted(target=url, secret=Secret("SECRETPAT"))
    assert sent(token) == pat
    both = wanted(target=url, auth_type="UsernamePassword", user="u", secret=Secret("p"))
    assert sent(both) == login


def test_a_connection_without_credentials_sends_none() -> None:
    one = wanted(auth_type="None", secret=None, category="Git", shared=False)
    assert body_of(one, login_of(one), {"a": "b"}, DAY) == {
        "properties": {
            "category": "Git",
            "target": TARGET,
            "authType": "None",
            "isSharedToAll": False,
            "metadata": {"a": "b"},
            "expiryTime": "2027-03-01T23:59:59Z",
        }
    }


def test_user_and_password_are_url_encoded_and_used_as_they_are() -> None:
    one = wanted(auth_type="UsernamePassword", user="a@b.c", secret=Secret("p/w:d &é"))
    assert sent(one)["properties"]["credentials"] == {
        "username": "a%40b.c",
        "password": "p%2Fw%3Ad%20%26%C3%A9",
    }
    assert in_use(login_of(one)) == ("a@b.c", Secret("p/w:d &é"))


# --- recognising a token --------------------------------------------------------------------------


def test_the_fingerprint_is_of_this_token_at_this_connection() -> None:
    login = login_of(wanted())
    mark = fingerprint(login, ID)
    assert mark is not None
    assert TOKEN not in mark
    assert mark == fingerprint(login, ID.upper())
    assert mark != fingerprint(login, connection_id(TRAIN, "other"))
    assert mark != fingerprint(login_of(wanted(secret=Secret(f"{TOKEN}y"))), ID)


def test_what_could_be_guessed_gets_no_fingerprint() -> None:
    assert fingerprint(Login("u", Secret(TOKEN)), ID) is None
    assert fingerprint(Login(None, Secret("short-token")), ID) is None
    assert fingerprint(Login(None, None), ID) is None


def test_logins_are_compared_whole() -> None:
    one = Login("u", Secret("p-of-u"))
    assert same_login(one, Login("u", Secret("p-of-u")))
    assert not same_login(one, Login("v", Secret("p-of-u")))
    assert not same_login(one, Login(None, Secret("p-of-u")))
    assert not same_login(one, Login("u", None))
    assert same_login(Login(None, None), Login(None, None))


# --- reading --------------------------------------------------------------------------------------


def test_an_answer_is_read() -> None:
    item = {
        "id": ID,
        "name": "feed",
        "properties": {
            "category": "PythonFeed",
            "target": TARGET,
            "authType": "PAT",
            "isSharedToAll": False,
            "expiryTime": "2027-03-01T23:59:59.0000000Z",
            "metadata": {MADE_BY: OURS},
            "error": None,
        },
    }
    assert parsed(item) == Stored(
        "feed", ID, "PythonFeed", TARGET, "PAT", False, DAY, {MADE_BY: OURS}
    )
    assert parsed(item).ours


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"properties": None},
        {"name": None, "properties": []},
        {"properties": {"metadata": "x", "expiryTime": 7, "target": None}},
        {"properties": {"expiryTime": "yesterday"}},
        {"properties": {"expiryTime": "9999-12-31T23:59:59Z"}},
        {"properties": {"expiryTime": "0001-01-01T00:00:00Z"}},
        {"properties": {"expiryTime": "0001-01-01T00:00:00+14:00"}},
    ],
)
def test_what_is_missing_or_strange_is_not_stated(item: dict[str, Any]) -> None:
    assert parsed(item) == Stored("", "", "", "", "")


# --- deciding -------------------------------------------------------------------------------------


def stored(**more: Any) -> Stored:
    given: dict[str, Any] = {
        "name": "feed",
        "id": ID,
        "category": "PythonFeed",
        "target": TARGET,
        "auth_type": "PAT",
        "metadata": {MADE_BY: OURS},
    }
    return Stored(**given | more)


LOGIN = login_of(wanted())
MARK = fingerprint(LOGIN, ID)
OTHER = Login(None, Secret("another-token-of-the-tests"))


def test_what_is_not_there_is_created() -> None:
    assert decide(wanted(), LOGIN, None, None, MARK) == Create()


def test_what_is_right_is_left() -> None:
    assert decide(wanted(), LOGIN, stored(), LOGIN, MARK) == Leave(stored())
    # without the right to see the token, its fingerprint tells
    marked = stored(metadata={MADE_BY: OURS, FINGERPRINT: MARK})
    assert decide(wanted(), LOGIN, marked, None, MARK) == Leave(marked)
    # a slash at the end is no other target, a day that is not said is no other day
    told = stored(target=f"{TARGET}/", expires=DAY)
    assert decide(wanted(), LOGIN, told, LOGIN, MARK) == Leave(told)
    # nor does it matter who made it
    by_hand = stored(metadata={})
    assert decide(wanted(), LOGIN, by_hand, LOGIN, MARK) == Leave(by_hand)


@pytest.mark.parametrize(
    ("want", "have", "known", "word", "renewed"),
    [
        ({}, {}, OTHER, "the token", True),
        ({}, {}, None, "which cannot be compared here", True),
        ({}, {"metadata": {MADE_BY: OURS, FINGERPRINT: "scrypt-1"}}, None, "the token", True),
        ({"target": f"{TARGET}/ml"}, {}, LOGIN, "the target", False),
        ({"shared": False}, {}, LOGIN, "who may use it", False),
        ({"category": "Git"}, {}, LOGIN, "the category", False),
        ({"expires": DAY}, {}, LOGIN, "when it expires", False),
        ({}, {"auth_type": "None"}, None, "the authentication (None)", True),
        ({"auth_type": "None", "secret": None}, {}, None, "the authentication (PAT)", False),
    ],
)
def test_what_differs_is_named_and_updated(
    want: dict[str, Any], have: dict[str, Any], known: Login | None, word: str, renewed: bool
) -> None:
    there, one = stored(**have), wanted(**want)
    login = login_of(one)
    decision = decide(one, login, there, known, fingerprint(login, ID))
    assert isinstance(decision, Update)
    assert word in ", ".join(decision.reasons)
    assert decision.renewed is renewed
    # by hand it takes consent
    by_hand = stored(**have | {"metadata": {}})
    taken = decide(one, login, by_hand, known, fingerprint(login, ID))
    assert isinstance(taken, TakeOver)


def test_a_password_that_cannot_be_seen_is_written_again() -> None:
    one = wanted(auth_type="UsernamePassword", user="u")
    there = stored(auth_type="UsernamePassword")
    decision = decide(one, login_of(one), there, None, None)
    assert isinstance(decision, Update)
    assert decision.reasons == ("the password, which cannot be compared here",)
    assert decide(one, login_of(one), there, login_of(one), None) == Leave(there)


def test_the_expiry_goes_with_the_token() -> None:
    before = stored(expires=DAY)
    new = decide(wanted(), LOGIN, before, OTHER, MARK)
    assert expiry_of(wanted(), new) is None
    same = decide(wanted(shared=False), LOGIN, before, LOGIN, MARK)
    assert expiry_of(wanted(shared=False), same) == DAY
    later = DAY + dt.timedelta(days=90)
    assert expiry_of(wanted(expires=later), new) == later
    assert expiry_of(wanted(expires=later), Create()) == later


def test_what_others_wrote_into_the_metadata_stays() -> None:
    there = stored(metadata={"team": "ml", FINGERPRINT: "old"})
    assert metadata_of(there, "new") == {"team": "ml", MADE_BY: OURS, FINGERPRINT: "new"}
    assert metadata_of(there, None) == {"team": "ml", MADE_BY: OURS}
    assert metadata_of(None, None) == {MADE_BY: OURS}


def test_names_are_compared_without_case() -> None:
    assert named("FEED", [stored()]) == stored()
    assert named("fee", [stored()]) is None
