"""Who signs in at a feed, in which order, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ground.identities import Nobody, Somebody
from wheelstep.destinations.feed_address import FeedAddress
from wheelstep.destinations.feed_match import matcher
from wheelstep.errors import SettingError
from wheelstep.ground.credentials import SignIn
from wheelstep.ground.feed_sign_in import Choice, FeedAsked, feed_sign_in
from wheelstep.ground.secret import Secret

FEED = "https://pkgs.dev.azure.com/Contoso/ml/_packaging/wheels/pypi/simple/"
OLDER = "https://contoso.pkgs.visualstudio.com/ml/_packaging/wheels/pypi/simple/"
SERVER = "https://tfs.corp.example/tfs/Default/_packaging/w/pypi/simple/"
PIPELINE = {"TF_BUILD": "True", "SYSTEM_COLLECTIONURI": "https://dev.azure.com/contoso/"}


def sign_in(
    url: str = FEED,
    *,
    token: str | None = None,
    job_token: str | None = None,
    environment: dict[str, str] | None = None,
    entra: Somebody | None = None,
    connection: bool = False,
    choice: Choice = "auto",
) -> SignIn:
    return feed_sign_in(
        FeedAsked(
            url=url,
            user=None,
            token=Secret(token) if token else None,
            job_token=Secret(job_token) if job_token else None,
            environment=environment or {},
            entra=entra or Somebody(),
            match=matcher(FeedAddress.parse(url)),
            connection=connection,
            choice=choice,
        )
    )


def pypirc(folder: Path, *sections: tuple[str, str, str]) -> dict[str, str]:
    """A file as TwineAuthenticate@1 writes it, and the variable that names it."""
    path = folder / ".pypirc"
    head = f"[distutils]\nindex-servers={' '.join(name for name, _, _ in sections)}"
    parts = [
        f"[{name}]\nrepository={url}\nusername=build\npassword={password}"
        for name, url, password in sections
    ]
    path.write_text("\n\n".join([head, *parts]), encoding="utf-8")
    return {"PYPIRC_PATH": str(path)}


def test_the_whole_order_one_way_after_the_other(tmp_path: Path) -> None:
    left = pypirc(tmp_path, ("wheels", FEED, "from-the-file"))
    everything = PIPELINE | left
    who = sign_in(token="pat-12345", job_token="job-12345", environment=everything, connection=True)
    assert (who.source, who.passed) == ("the token that was given", ())
    who = sign_in(job_token="job-12345", environment=everything, connection=True)
    assert who.source == "an Entra ID token of the Azure CLI"
    assert who.renew is not None
    who = sign_in(job_token="job-12345", environment=everything)
    assert who.secret == Secret("from-the-file")
    assert who.user == "build"
    assert [text.partition(":")[0] for text in who.passed] == [
        "the token that was given",
        "the service connection that is set",
    ]
    who = sign_in(job_token="job-12345", environment=PIPELINE)
    assert (who.secret, who.renew) == (Secret("job-12345"), None)
    assert "TwineAuthenticate@1: PYPIRC_PATH is not set" in who.passed
    who = sign_in()
    assert who.secret == Secret("entra-token-1")
    assert who.passed[-2:] == (
        "the pipeline job's token: this is no job of Azure Pipelines",
        "the managed identity: there is none",
    )


def test_a_given_token_asks_nobody() -> None:
    entra = Somebody()
    who = sign_in(token="pat-12345", job_token="job-12345", environment=PIPELINE, entra=entra)
    assert who.secret == Secret("pat-12345")
    assert who.user
    assert entra.asked == 0


@pytest.mark.parametrize("url", [FEED, OLDER])
def test_the_jobs_token_at_its_own_organization(url: str) -> None:
    who = sign_in(url, job_token="job-12345", environment=PIPELINE)
    assert who.secret == Secret("job-12345")


@pytest.mark.parametrize(
    "name", ["SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "ENDPOINT_URL_SYSTEMVSSCONNECTION"]
)
def test_the_other_variables_and_the_older_host_count_too(name: str) -> None:
    environment = {"TF_BUILD": "True", name: "https://contoso.visualstudio.com/"}
    assert sign_in(job_token="job-12345", environment=environment).secret == Secret("job-12345")


@pytest.mark.parametrize(
    "environment",
    [
        {"TF_BUILD": "True", "SYSTEM_COLLECTIONURI": "https://dev.azure.com/fabrikam/"},
        {"TF_BUILD": "True"},
        {"GITHUB_ACTIONS": "true"},
        # whatever somebody sets: on GitHub the job's token is GitHub's
        PIPELINE | {"GITHUB_ACTIONS": "true"},
        {"SYSTEM_COLLECTIONURI": "https://dev.azure.com/contoso/"},
    ],
)
def test_the_jobs_token_goes_nowhere_else(environment: dict[str, str]) -> None:
    who = sign_in(job_token="job-12345", environment=environment)
    assert who.secret == Secret("entra-token-1")


def test_the_error_tells_of_every_way_and_no_secret() -> None:
    environment = {"TF_BUILD": "True", "SYSTEM_COLLECTIONURI": "https://dev.azure.com/fabrikam/"}
    with pytest.raises(SettingError) as caught:
        sign_in(job_token="job-12345", environment=environment, entra=Nobody())
    said = caught.value.message
    assert "the token that was given: neither feed-token nor a token-env" in said
    assert "PYPIRC_PATH is not set" in said
    assert "it belongs to https://dev.azure.com/fabrikam/, and is not sent elsewhere" in said
    assert "; az: not here." in said
    assert said.count("the service connection that is set") == 1
    assert "job-12345" not in said
    assert caught.value.code == "feed-token-missing"


@pytest.mark.parametrize(
    ("environment", "best"),
    [
        ({"GITHUB_ACTIONS": "true"}, "Let azure/login run before this step"),
        ({"TF_BUILD": "True"}, "SYSTEM_ACCESSTOKEN: $(System.AccessToken)"),
        ({}, "Run `az login`; or set feed-token"),
    ],
)
def test_the_cure_is_of_the_host(environment: dict[str, str], best: str) -> None:
    with pytest.raises(SettingError) as caught:
        sign_in(environment=environment, entra=Nobody())
    assert best in caught.value.cure
    assert "docs/destinations.md, Who signs in" in caught.value.cure
    with pytest.raises(SettingError) as caught:
        sign_in(SERVER, environment=environment, entra=Nobody())
    assert caught.value.cure.startswith("Set feed-token to a personal access token")


@pytest.mark.parametrize(
    ("url", "collection", "goes"),
    [
        (FEED, "https://dev.azure.com/contoso/", True),
        (OLDER, "https://dev.azure.com/contoso/", True),
        (FEED, "https://dev.azure.com/fabrikam/", False),
        (SERVER, "https://dev.azure.com/contoso/", False),
        (OLDER, "https://fabrikam.visualstudio.com/", False),
        (SERVER, "https://tfs/tfs/Default/", True),  # another name of the same server
    ],
)
def test_the_jobs_token_is_not_sent_elsewhere_although_it_is_given(
    url: str, collection: str, *, goes: bool
) -> None:
    job = {"TF_BUILD": "True", "SYSTEM_COLLECTIONURI": collection}
    if goes:
        who = sign_in(url, token="job-12345", job_token="job-12345", environment=job)
        assert who.source == "the token that was given"
        return
    with pytest.raises(SettingError) as caught:
        sign_in(url, token="job-12345", job_token="job-12345", environment=job)
    assert caught.value.code == "feed-token-foreign"
    assert f"it belongs to {collection}, and is not sent elsewhere" in caught.value.message
    other = sign_in(url, token="pat-12345", job_token="job-12345", environment=job)
    assert other.secret == Secret("pat-12345")


@pytest.mark.parametrize("token", ["ghs_abcdefghij", "ghp_abcdefghij", "github_pat_abcdefghij"])
def test_github_tokens_are_not_sent_to_a_feed(token: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError) as caught:
        sign_in(token=token)
    assert caught.value.code == "feed-token-foreign"
    assert token not in caught.value.message
    who = sign_in(environment=pypirc(tmp_path, ("wheels", FEED, token)))
    assert who.secret == Secret("entra-token-1")
    assert any("holds a token of GitHub's" in text for text in who.passed)


def test_entra_tokens_go_to_azure_devops_services_only() -> None:
    entra = Somebody()
    with pytest.raises(SettingError) as caught:
        sign_in(SERVER, entra=entra, connection=True)
    assert caught.value.code == "feed-token-missing"
    assert entra.asked == 0


def test_an_identity_that_is_passed_over_is_told_of() -> None:
    entra = Somebody("the service principal of AZURE_CLIENT_ID")
    who = sign_in(job_token="job-12345", environment=PIPELINE, entra=entra)
    assert who.secret == Secret("job-12345")
    assert who.note == (
        "The service principal of AZURE_CLIENT_ID is configured here, too, and comes after the "
        "job's token; `feed-sign-in: azure` takes it."
    )
    assert not sign_in(job_token="job-12345", environment=PIPELINE).note


def test_a_choice_leaves_out_what_is_not_chosen(tmp_path: Path) -> None:
    everything = PIPELINE | pypirc(tmp_path, ("wheels", FEED, "from-the-file"))

    def chosen(choice: Choice) -> Secret:
        return sign_in(
            job_token="job-12345", environment=everything, connection=True, choice=choice
        ).secret

    assert chosen("pypirc") == Secret("from-the-file")
    assert chosen("job") == Secret("job-12345")
    assert chosen("azure") == Secret("entra-token-1")
    with pytest.raises(SettingError) as caught:
        sign_in(choice="pypirc")
    assert "an identity of Azure: feed-sign-in is pypirc" in caught.value.message


# --- what TwineAuthenticate@1 left --------------------------------------------------------------

OTHER = "https://pkgs.dev.azure.com/contoso/ml/_packaging/other/pypi/upload/"
BY_ID = (
    "https://pkgs.dev.azure.com/contoso/6e2f64a6-0d2b-4c4b-8a5c-8b1f6d2f1a77/_packaging/"
    "0f3a1f3e-5a1c-4a55-9a54-0a4f7f4be001/pypi/upload"
)


@pytest.mark.parametrize(
    "url",
    [
        FEED,
        OLDER,
        "https://pkgs.dev.azure.com/contoso/ml/_packaging/wheels/pypi/upload",
        "https://pkgs.dev.azure.com/contoso/ML/_packaging/Wheels/pypi/upload/",
        BY_ID,
    ],
)
def test_of_two_sections_the_one_of_this_feed_is_taken(url: str, tmp_path: Path) -> None:
    left = pypirc(tmp_path, ("other", OTHER, "of-another"), ("wheels", url, "of%this$(x)"))
    assert sign_in(environment=left).secret == Secret("of%this$(x)")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("password=hunter22\n", "line 1 comes before any [section]"),
        ("[wheels]\nhunter22\n", "cannot be understood: line 2"),
        ("[wheels]\n[wheels]\n", "has two sections [wheels]"),
        ("[wheels]\npassword=hunter22\npassword=hunter23\n", "has password twice in [wheels]"),
        (f"[wheels]\nrepository={OTHER}\npassword=hunter22\n", f"(it has [wheels] {OTHER})"),
        (f"[wheels]\nrepository={FEED}\nusername=build\n", "has no password in [wheels]"),
        ((f"[a]\nrepository={FEED}\npassword=hunter22\n"
         f"[b]\nrepository={OLDER}\npassword=hunter23\n"), "[a] and [b] for this feed"),
        ((f"[a]\nrepository={BY_ID}\npassword=hunter22\n"
         f"[b]\nrepository={BY_ID.replace('0f3a', '0f3b')}\npassword=hunter23\n"),
         "which of [a] and [b] is this one cannot be told"),
        ("[wheels]\nrepository=not a URL\npassword=hunter22\n", "has no section for this feed"),
        ("[distutils]\nindex-servers=\n", "has no repository"),
        ("", "has no repository"),
        ("[wheels]\nrepository=\udcff\n", "is no text in UTF-8"),
        ("#" * (2 << 20), "is too large for such a file"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_help_is_told_of_without_its_secrets(
    text: str, says: str, tmp_path: Path
) -> None:
    path = tmp_path / ".pypirc"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    who = sign_in(environment={"PYPIRC_PATH": str(path)})
    assert who.secret == Secret("entra-token-1")
    (told,) = [one for one in who.passed if one.startswith("TwineAuthenticate@1")]
    assert says in told
    assert str(path) in told
    assert "hunter" not in told


def test_a_file_that_is_not_there_or_cannot_be_read(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "gone", "does not exist"), (tmp_path, "cannot be read")):
        who = sign_in(environment={"PYPIRC_PATH": str(path)})
        assert any(says in one for one in who.passed)


def test_a_feed_of_another_organization_or_scope_is_another_feed() -> None:
    match = matcher(FeedAddress.parse(FEED))
    assert match("https://pkgs.dev.azure.com/fabrikam/ml/_packaging/wheels/pypi/upload/") == "other"
    assert match("https://pkgs.dev.azure.com/contoso/_packaging/wheels/pypi/upload/") == "other"
    assert match(BY_ID.replace("contoso", "fabrikam")) == "other"
    assert match("https://evil.example/contoso/ml/_packaging/wheels/pypi/upload/") == "other"
    assert match("http://pkgs.dev.azure.com/contoso/ml/_packaging/wheels/pypi/upload/") == "other"
    assert match(BY_ID) == "perhaps"
    assert matcher(FeedAddress.parse(BY_ID))(BY_ID) == "same"
