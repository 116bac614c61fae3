from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.feed_address import FeedAddress
from wheelstep.destinations.index import IndexDestination
from wheelstep.destinations.interface import Destination, Wanted
from wheelstep.destinations.table import destination_of, kind_of
from wheelstep.errors import SettingError
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport

SERVICES = "https://pkgs.dev.azure.com/contoso/ml/_packaging/wheels/pypi"


@pytest.fixture
def transport() -> Iterator[Transport]:
    with Transport({}) as made:
        yield made


def made(wanted: Wanted, transport: Transport, root: Path = Path()) -> Destination:
    return destination_of(wanted, root=root, environment={}, transport=transport)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("wheel-index", "folder"),
        ("./a/b", "folder"),
        ("/srv/wheels", "folder"),
        (r"C:\wheels", "folder"),
        ("file:///srv/wheels", "folder"),
        (f"{SERVICES}/simple/", "feed"),
        ("https://contoso.pkgs.visualstudio.com/_packaging/wheels/pypi/upload/", "feed"),
        ("https://tfs.corp.example/tfs/Default/_packaging/wheels/pypi/simple", "feed"),
        ("feed+http://127.0.0.1:8080/contoso/_packaging/wheels", "feed"),
        ("index+https://pypi.corp.example/root/prod", "index"),
        ("INDEX+https://pypi.corp.example/root/prod", "index"),
        ("index+http://127.0.0.1:8080/#simple=http://127.0.0.1:8080/simple/", "index"),
    ],
)
def test_kinds(url: str, kind: str, transport: Transport, tmp_path: Path) -> None:
    assert kind_of(url) == kind
    if not url.startswith(("C:", "/srv", "file:")):
        assert made(Wanted(url), transport, tmp_path).kind == kind


@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("", "destination-unknown", "index+https://"),
        ("https://pypi.corp.example/simple/", "destination-unknown", "index+"),
        ("indx+https://pypi.corp.example/", "destination-unknown", "index+https"),
        ("s3://bucket/wheels", "destination-unknown", "folder"),
        ("feed+https://pypi.corp.example/simple/", "destination-unknown", "_packaging"),
        (f"feed+{SERVICES[:-5]}/nuget/v3/index.json", "destination-unknown", "nuget"),
        ("https://pkgs.dev.azure.com/_packaging/wheels/pypi/simple/", "destination-unknown", "fit"),
        ("https://pkgs.dev.azure.com/a/b/c/_packaging/w/pypi/simple/", "destination-unknown", ""),
        ("https://pkgs.dev.azure.com/contoso/_packaging/", "destination-unknown", "FEED"),
        ("http://pkgs.dev.azure.com/contoso/_packaging/w", "destination-insecure", "https://"),
        ("blob+https://account.example/", "destination-unknown", "CONTAINER"),
        ("http://acct.blob.core.windows.net/wheels", "destination-insecure", "https://"),
        ("https://acct.z6.web.core.windows.net/", "destination-unknown", "$web"),
        ("https://acct.blob.core.windows.net/wheels?sv=1&sig=x", "credentials-in-url", "SAS"),
        ("azureml://subscriptions/1/workspaces/w", "destination-unknown", "resourcegroups/GROUP"),
        ("index+https://h.example/up#other=x", "destination-unknown", "#simple="),
        ("index+https://h.example/up#simple=simple/", "destination-unknown", "#simple="),
        ("index+https:///up", "destination-unknown", "host"),
        ("index+https://h.example:port/up", "destination-unknown", "port"),
        ("https://[::1/up", "destination-unknown", ""),
    ],
)
def test_what_is_no_destination(url: str, code: str, says: str, transport: Transport) -> None:
    with pytest.raises(SettingError) as caught:
        made(Wanted(url), transport)
    assert caught.value.code == code
    assert says in caught.value.message + caught.value.cure
    assert caught.value.cure


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:hunter2hunter2@{SERVICES.partition('://')[2]}/simple/",
        "index+https://user:hunter2hunter2@h.example/up",
        "index+https://hunter2hunter2@h.example/up",
        "index+https://h.example/up?token=hunter2hunter2",
        "index+https://h.example/up#simple=https://user:hunter2hunter2@h.example/simple/",
        "https://acct.blob.core.windows.net/wheels?sig=hunter2hunter2",
        "s3://user:hunter2hunter2@bucket",
        "file://user:hunter2hunter2@host/folder",
    ],
)
def test_credentials_in_a_url_are_refused_and_not_shown(url: str, transport: Transport) -> None:
    with pytest.raises(SettingError) as caught:
        made(Wanted(url), transport)
    assert caught.value.code == "credentials-in-url"
    shown = f"{caught.value!r} {caught.value.message} {caught.value.cure} {caught.value.__cause__}"
    assert "hunter2" not in shown


def test_a_serve_url_has_no_credentials_either(transport: Transport) -> None:
    wanted = Wanted(f"{SERVICES}/simple/", serve_url="https://u:hunter2hunter2@h.example/simple/")
    with pytest.raises(SettingError) as caught:
        made(wanted, transport)
    assert "hunter2" not in caught.value.message


def test_urls_of_an_index(transport: Transport) -> None:
    base = made(Wanted("index+https://h.example/root/prod"), transport)
    assert isinstance(base, IndexDestination)
    assert base.upload_url == "https://h.example/root/prod"
    assert base.simple_url == "https://h.example/root/prod/simple/"
    both = made(Wanted("index+https://h.example/up#simple=https://r.example/+simple"), transport)
    assert isinstance(both, IndexDestination)
    assert (both.upload_url, both.simple_url) == (
        "https://h.example/up",
        "https://r.example/+simple/",
    )
    served = made(
        Wanted("index+https://h.example/", name="prod", serve_url="https://r.example/simple"),
        transport,
    )
    assert served.name == "prod"
    assert served.index().url == "https://r.example/simple/"


def test_a_token_of_an_index_goes_to_its_own_hosts(transport: Transport) -> None:
    index = made(
        Wanted("index+https://h.example/up#simple=https://r.example/s/", token=Secret("tok-12345")),
        transport,
    )
    assert isinstance(index, IndexDestination)
    assert index.credentials_for("https://h.example/files/a.whl") is not None
    assert index.credentials_for("https://r.example/files/a.whl") is not None
    for url in (
        "https://x.example/a.whl",
        "http://h.example/a.whl",
        "https://h.example:8443/a.whl",
        "https://h.example.evil.example/a.whl",
    ):
        credentials = index.credentials_for(url)
        assert credentials is None or credentials.header_for(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://pkgs.dev.azure.com/contoso/ml/_packaging/wheels/pypi/simple/",
        "https://pkgs.dev.azure.com/contoso/ml/_packaging/wheels/pypi/simple",
        "https://pkgs.dev.azure.com/contoso/ml/_packaging/wheels/pypi/upload/",
        "https://pkgs.dev.azure.com/contoso/ml/_packaging/wheels/pypi",
        "https://pkgs.dev.azure.com/contoso/ml/_packaging/wheels/",
        "https://PKGS.dev.azure.com/contoso/ml/_packaging/wheels@Release/pypi/simple/",
    ],
)
def test_every_url_of_a_feed_means_the_feed(url: str) -> None:
    address = FeedAddress.parse(url)
    assert address.upload_url == f"{SERVICES}/upload/"
    assert address.simple_url == address.place == f"{SERVICES}/simple/"
    assert address.collection == ("https://pkgs.dev.azure.com/contoso/", "ml")
    assert address.rest_url == "https://feeds.dev.azure.com/contoso"


def test_views() -> None:
    address = FeedAddress.parse(f"{SERVICES.replace('wheels', 'wheels@Release')}/simple/")
    assert address.view == "Release"
    assert address.consumer_url == f"{SERVICES.replace('wheels', 'wheels@Release')}/simple/"
    assert address.simple_url == f"{SERVICES}/simple/"


def test_the_older_host_is_kept_for_urls_and_one_place_in_the_lock() -> None:
    older = "https://contoso.pkgs.visualstudio.com"
    for before in ("/ml", "/DefaultCollection/ml"):
        address = FeedAddress.parse(f"{older}{before}/_packaging/wheels/pypi/simple/")
        assert address.upload_url == f"{older}/ml/_packaging/wheels/pypi/upload/"
        assert address.place == f"{SERVICES}/simple/"
        assert address.collection == (f"{older}/", "ml")
    organization = FeedAddress.parse(f"{older}/_packaging/wheels/pypi/simple/")
    assert organization.simple_url == f"{older}/_packaging/wheels/pypi/simple/"
    assert organization.place == "https://pkgs.dev.azure.com/contoso/_packaging/wheels/pypi/simple/"
    assert organization.collection == (f"{older}/", None)


def test_blanks_in_a_project_have_one_spelling() -> None:
    urls = {
        FeedAddress.parse(url).simple_url
        for url in (
            "https://pkgs.dev.azure.com/contoso/My Project/_packaging/w/pypi/simple/",
            "https://pkgs.dev.azure.com/contoso/My%20Project/_packaging/w/pypi/simple/",
        )
    }
    assert urls == {"https://pkgs.dev.azure.com/contoso/My%20Project/_packaging/w/pypi/simple/"}


def test_a_feeds_token_follows_its_organization(transport: Transport) -> None:
    feed = made(Wanted(f"{SERVICES}/simple/", token=Secret("pat-12345")), transport)
    assert isinstance(feed, FeedDestination)
    for url in (
        "https://pkgs.dev.azure.com/contoso/guid/_packaging/guid/pypi/download/a/1/a.whl",
        "https://pkgs.dev.azure.com/Contoso/_packaging/guid/pypi/download/a/1/a.whl",
        "https://contoso.pkgs.visualstudio.com/guid/_packaging/guid/pypi/download/a/1/a.whl",
    ):
        credentials = feed.credentials_for(url)
        assert credentials is not None
        assert credentials.header_for(url) is not None
        assert credentials.header_for(url.replace("ontoso", "ontoso2")) is None
    for url in (
        "https://pkgs.dev.azure.com/fabrikam/_packaging/f/pypi/download/a/1/a.whl",
        "https://example.blob.core.windows.net/a.whl",
        "http://pkgs.dev.azure.com/contoso/_packaging/f/a.whl",
    ):
        assert feed.credentials_for(url) is None


def test_an_index_is_signed_in_at_by_what_twine_authenticate_left(
    transport: Transport, tmp_path: Path
) -> None:
    upload = "https://nexus.corp.example/repository/wheels/"
    left = tmp_path / ".pypirc"
    left.write_text(
        f"[nexus]\nrepository={upload.rstrip('/')}\nusername=ada\npassword=of-the-nexus-4711\n",
        encoding="utf-8",
    )

    def at(wanted: Wanted) -> Destination:
        environment = {"PYPIRC_PATH": str(left)}
        return destination_of(wanted, root=tmp_path, environment=environment, transport=transport)

    one = at(Wanted(f"index+{upload}"))
    assert isinstance(one, IndexDestination)
    who = one.signed_in()
    assert who is not None
    assert (who.user, who.secret) == ("ada", Secret("of-the-nexus-4711"))
    given = at(Wanted(f"index+{upload}", token=Secret("given-0815")))
    assert isinstance(given, IndexDestination)
    assert (who := given.signed_in()) is not None
    assert who.secret == Secret("given-0815")
    for other in (
        Wanted("index+https://nexus.corp.example/repository/other/"),
        Wanted("index+https://evil.example/repository/wheels/"),
        Wanted(f"index+{upload}", anonymous=True),
    ):
        made = at(other)
        assert isinstance(made, IndexDestination)
        assert made.signed_in() is None


def test_the_jobs_token_goes_to_no_index_elsewhere(transport: Transport) -> None:
    job = {"TF_BUILD": "True", "SYSTEM_COLLECTIONURI": "https://dev.azure.com/contoso/"}

    def index(url: str, token: str) -> Destination:
        return destination_of(
            Wanted(url, token=Secret(token)),
            root=Path(),
            environment=job,
            transport=transport,
            job_token=Secret("job-12345"),
        )

    with pytest.raises(SettingError) as caught:
        index("index+https://pypi.corp.example/up", "job-12345")
    assert caught.value.code == "feed-token-foreign"
    assert "job-12345" not in caught.value.message
    assert index("index+https://pypi.corp.example/up", "another-12345").kind == "index"
    assert index(f"index+{SERVICES}/upload/#simple={SERVICES}/simple/", "job-12345").kind == "index"
