"""The settings of connections: how they authenticate, until when, and who may use them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tests.settings_kit import file, read, refused
from wheelstep.ground.secret import Secret

END = dt.datetime(2027, 3, 1, 23, 59, 59, tzinfo=dt.UTC)
TARGET = 'connection-target = "https://h.example/"\n'


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-03-01", END),
        ("20270301", END),
        ("2027-03-01T12:00:00Z", END.replace(hour=12, minute=0, second=0)),
        ("2027-03-01T12:00:00.75+02:00", END.replace(hour=10, minute=0, second=0)),
        ("2027-03-01T12:00", END.replace(hour=12, minute=0, second=0)),
    ],
)
def test_until_when(tmp_path: Path, text: str, moment: dt.datetime) -> None:
    environment = {
        "WHEELSTEP_CONNECTION_TARGET": "https://h.example/",
        "WHEELSTEP_CONNECTION_EXPIRES": text,
    }
    assert read(tmp_path, environment=environment).connections[0].expires == moment


@pytest.mark.parametrize("text", ["soon", "2027-02-30", "01.03.2027", "2027-03", "99999-01-01"])
def test_no_day(tmp_path: Path, text: str) -> None:
    error = refused(
        tmp_path,
        WHEELSTEP_CONNECTION_TARGET="https://h.example/",
        WHEELSTEP_CONNECTION_EXPIRES=text,
    )
    assert text in error.message
    assert "YYYY-MM-DD" in error.cure


def test_toml_has_days_of_its_own(tmp_path: Path) -> None:
    file(tmp_path, f"{TARGET}connection-expires = 2027-03-01\nconnection-shared = false\n")
    (one,) = read(tmp_path).connections
    assert (one.expires, one.shared) == (END, False)
    file(tmp_path, '[[connection]]\ntarget = "https://h/"\nexpires = 2027-03-01\nshared = false\n')
    (one,) = read(tmp_path).connections
    assert (one.expires, one.shared) == (END, False)


def test_how_it_authenticates(tmp_path: Path) -> None:
    def one(**more: str) -> tuple[str, str | None, Secret | None]:
        environment = {"WHEELSTEP_CONNECTION_TARGET": "https://h.example/", **more}
        (found,) = read(tmp_path, environment=environment).connections
        return found.auth_type, found.user, found.secret

    token = {"WHEELSTEP_CONNECTION_TOKEN": "made-up-token"}
    assert one(**token) == ("PAT", None, Secret("made-up-token"))
    assert one(**token, WHEELSTEP_CONNECTION_USER="ada")[:2] == ("UsernamePassword", "ada")
    assert one(WHEELSTEP_CONNECTION_AUTH_TYPE="none") == ("None", None, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'{TARGET}connection-auth-type = "sas"', "none of pat, username_password, none"),
        (f'{TARGET}connection-auth-type = "PAT"', "none of pat"),
        (f'{TARGET}connection-auth-type = "username_password"', "no user name"),
        (f'{TARGET}connection-auth-type = "pat"\nconnection-user = "ada"', "without a user name"),
        (f'{TARGET}connection-auth-type = "none"\nconnection-user = "ada"', "no credentials"),
        ('[[connection]]\ntarget = "https://h/"\nshared = "yes"', "switch"),
        ('[[connection]]\ntarget = "https://h/"\nexpires = "later"', "no day"),
        ('[[connection]]\ntarget = "https://h/"\nexpires = 7', "text"),
        ('connection-shared = "perhaps"', "neither true nor false"),
        ('api-version = "latest"', "no api-version"),
        ('connection = [{target = "https://h/"}]\nconnection-shared = true', "tables of them"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, text: str, said: str) -> None:
    file(tmp_path, f"{text}\n")
    error = refused(tmp_path)
    assert said in error.message + error.cure
    assert error.file == "wheelstep.toml"


def test_no_credentials_and_a_token(tmp_path: Path) -> None:
    error = refused(
        tmp_path,
        WHEELSTEP_CONNECTION_TARGET="https://h.example/",
        WHEELSTEP_CONNECTION_AUTH_TYPE="none",
        WHEELSTEP_CONNECTION_TOKEN="made-up-token",
    )
    assert "no credentials" in error.message
    assert "made-up-token" not in error.message


def test_exceptions_for_connections_have_their_names(tmp_path: Path) -> None:
    lines = "connection-made-by-hand Ml_Feed ours now\nconnection-unproven * not reached from here"
    found = read(tmp_path, environment={"WHEELSTEP_ALLOW": lines}).allow
    assert [(one.code, one.name) for one in found] == [
        ("connection-made-by-hand", "Ml_Feed"),
        ("connection-unproven", "*"),
    ]
    error = refused(tmp_path, WHEELSTEP_ALLOW="connection-unproven a.b we know")
    assert "name of a connection" in error.message


def test_registering_and_the_api_version(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert (settings.register, settings.api_version) == (False, None)
    file(tmp_path, 'register = true\napi-version = "2024-04-01-preview"\n')
    settings = read(tmp_path)
    assert (settings.register, settings.api_version) == (True, "2024-04-01-preview")
