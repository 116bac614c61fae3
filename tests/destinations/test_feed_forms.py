"""Every form in which a feed is named means the feed; what names none is told the right form."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.examine import each_once
from wheelstep.destinations.feed_address import FeedAddress
from wheelstep.destinations.feed_forms import items_of, plain
from wheelstep.destinations.interface import Wanted
from wheelstep.destinations.table import destination_of, kind_of
from wheelstep.errors import SettingError
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import Transport

NEWER = "https://pkgs.dev.azure.com"
OLDER = "https://contoso.pkgs.visualstudio.com"
SERVER = "https://tfs.corp.example"


class Feed(NamedTuple):
    """What a feed is known by: the path of its URL, its collection, its project, its place."""

    base: str
    collection: str
    project: str | None
    place: str
    view: str | None = None


ORGANIZATION = Feed(
    f"{NEWER}/contoso/_packaging/wheels",
    f"{NEWER}/contoso/",
    None,
    f"{NEWER}/contoso/_packaging/wheels/pypi/simple/",
)
PROJECT = Feed(
    f"{NEWER}/contoso/ml/_packaging/wheels",
    f"{NEWER}/contoso/",
    "ml",
    f"{NEWER}/contoso/ml/_packaging/wheels/pypi/simple/",
)
RELEASE = PROJECT._replace(view="Release")
OLD_ORGANIZATION = Feed(f"{OLDER}/_packaging/wheels", f"{OLDER}/", None, ORGANIZATION.place)
OLD_PROJECT = Feed(f"{OLDER}/ml/_packaging/wheels", f"{OLDER}/", "ml", PROJECT.place)
SPACED = Feed(
    f"{NEWER}/contoso/Machine%20Learning/_packaging/Acme.Wheels",
    f"{NEWER}/contoso/",
    "Machine Learning",
    f"{NEWER}/contoso/machine%20learning/_packaging/acme.wheels/pypi/simple/",
)


def on_server(*scope: str, collection: int, project: str | None) -> Feed:
    path = "/".join(scope)
    return Feed(
        f"{SERVER}/{path}/_packaging/wheels",
        f"{SERVER}/{'/'.join(scope[:collection])}/",
        project,
        f"{SERVER}/{path.lower()}/_packaging/wheels/pypi/simple/",
    )


FORMS: list[tuple[str, Feed]] = [
    # any URL of the feed
    (f"{NEWER}/contoso/ml/_packaging/wheels/pypi/simple/", PROJECT),
    (f"{NEWER}/contoso/ml/_packaging/wheels/pypi/simple", PROJECT),
    (f"{NEWER}/contoso/ml/_packaging/wheels/pypi/upload/", PROJECT),
    (f"{NEWER}/contoso/ml/_packaging/wheels/pypi/upload", PROJECT),
    (f"{NEWER}/contoso/ml/_packaging/wheels/pypi", PROJECT),
    (f"{NEWER}/contoso/ml/_packaging/wheels/", PROJECT),
    (f"{NEWER}/contoso/ml/_packaging/wheels", PROJECT),
    (f"{NEWER}/contoso/ml/_packaging/wheels/pypi/simple/acme-core/", PROJECT),
    (f"{NEWER}/contoso/ml/_packaging/wheels/PyPI/Simple/", PROJECT),
    (f"{NEWER}:443//contoso//ml/_packaging/wheels/pypi/simple/", PROJECT),
    ("HTTPS://PKGS.Dev.Azure.com/contoso/ml/_packaging/wheels/pypi/simple/", PROJECT),
    (f"{NEWER}/contoso/_packaging/wheels/pypi/simple/", ORGANIZATION),
    (f"{NEWER}/contoso/ml/_packaging/wheels@Release/pypi/simple/", RELEASE),
    (f"{NEWER}/contoso/ml/_packaging/wheels%40Release/pypi/simple/", RELEASE),
    (f"{OLDER}/ml/_packaging/wheels/pypi/simple/", OLD_PROJECT),
    (f"{OLDER}/DefaultCollection/ml/_packaging/wheels/pypi/upload/", OLD_PROJECT),
    (f"{OLDER}/_packaging/wheels/pypi/simple/", OLD_ORGANIZATION),
    (f"{OLDER}/DefaultCollection/_packaging/wheels/", OLD_ORGANIZATION),
    # the host of the portal in place of that of packages
    ("https://dev.azure.com/contoso/ml/_packaging/wheels/pypi/simple/", PROJECT),
    ("https://contoso.visualstudio.com/ml/_packaging/wheels/pypi/simple/", OLD_PROJECT),
    # names with blanks and dots
    (f"{NEWER}/contoso/Machine Learning/_packaging/Acme.Wheels/pypi/simple/", SPACED),
    (f"{NEWER}/contoso/Machine%20Learning/_packaging/Acme.Wheels/pypi/simple/", SPACED),
    ("contoso/Machine Learning/Acme.Wheels", SPACED),
    # Azure DevOps Server
    (
        f"{SERVER}/tfs/Main/ml/_packaging/wheels/pypi/simple/",
        on_server("tfs", "Main", "ml", collection=2, project="ml"),
    ),
    (
        f"{SERVER}/tfs/Main/_packaging/wheels/pypi/upload/",
        on_server("tfs", "Main", collection=2, project=None),
    ),
    (
        f"{SERVER}/ado/DefaultCollection/_packaging/wheels/",
        on_server("ado", "DefaultCollection", collection=2, project=None),
    ),
    (
        f"{SERVER}/ado/Main/ml/_packaging/wheels/pypi/simple",
        on_server("ado", "Main", "ml", collection=2, project="ml"),
    ),
    (
        f"{SERVER}/Main/ml/_packaging/wheels/pypi/simple/",
        on_server("Main", "ml", collection=1, project="ml"),
    ),
    (f"{SERVER}/Main/_packaging/wheels", on_server("Main", collection=1, project=None)),
    (
        f"feed+{SERVER}/DefaultCollection/_packaging/wheels",
        on_server("DefaultCollection", collection=1, project=None),
    ),
    (
        f"{SERVER}/tfs/Main/ml/_artifacts/feed/wheels",
        on_server("tfs", "Main", "ml", collection=2, project="ml"),
    ),
    (
        f"{SERVER}/Main/ml/_packaging?_a=feed&feed=wheels",
        on_server("Main", "ml", collection=1, project="ml"),
    ),
    # the pages of the portal
    ("https://dev.azure.com/contoso/ml/_artifacts/feed/wheels", PROJECT),
    ("https://dev.azure.com/contoso/ml/_artifacts/feed/wheels/", PROJECT),
    ("https://dev.azure.com/contoso/ml/_artifacts/feed/wheels@Local", PROJECT),
    ("https://dev.azure.com/contoso/ml/_artifacts/feed/wheels%40Local/connect/pip", PROJECT),
    ("https://dev.azure.com/contoso/ml/_artifacts/feed/wheels/connect", PROJECT),
    ("https://dev.azure.com/contoso/ml/_artifacts/feed/wheels/PyPI/acme/overview/1.0", PROJECT),
    ("https://dev.azure.com/contoso/ml/_artifacts/feed/wheels/Npm/acme?view=versions", PROJECT),
    ("https://dev.azure.com/contoso/ml/_artifacts/feed/wheels@Release", RELEASE),
    ("https://dev.azure.com/contoso/_artifacts/feed/wheels", ORGANIZATION),
    ("https://dev.azure.com/contoso/Machine%20Learning/_artifacts/feed/Acme.Wheels", SPACED),
    ("https://dev.azure.com/contoso/ml/_packaging?_a=feed&feed=wheels", PROJECT),
    ("https://dev.azure.com/contoso/ml/_packaging?feed=wheels%40Local&_a=feed", PROJECT),
    ("https://contoso.visualstudio.com/ml/_artifacts/feed/wheels@Local", PROJECT),
    ("https://contoso.visualstudio.com/DefaultCollection/ml/_artifacts/feed/wheels", PROJECT),
    ("https://contoso.visualstudio.com/_packaging?_a=feed&feed=wheels", ORGANIZATION),
    # what "Connect to feed" shows
    (f"index-url={PROJECT.base}/pypi/simple/", PROJECT),
    (f"extra-index-url = {PROJECT.base}/pypi/simple/", PROJECT),
    (f"Repository: {PROJECT.base}/pypi/upload/", PROJECT),
    (f'repository="{PROJECT.base}/pypi/upload/"', PROJECT),
    (f"index-url={NEWER}/contoso/Machine Learning/_packaging/Acme.Wheels/pypi/simple/", SPACED),
    (f"--index-url {PROJECT.base}/pypi/simple/", PROJECT),
    (f"--extra-index-url={PROJECT.base}/pypi/simple/", PROJECT),
    (f"-i {PROJECT.base}/pypi/simple/", PROJECT),
    (f"pip install acme --index-url {PROJECT.base}/pypi/simple/", PROJECT),
    (
        f"pip install acme -i {SERVER}/simple/ --extra-index-url '{PROJECT.base}/pypi/simple/'",
        PROJECT,
    ),
    (f"pip config set global.index-url {PROJECT.base}/pypi/simple/", PROJECT),
    (f"twine upload --repository-url {PROJECT.base}/pypi/upload/ dist/*", PROJECT),
    (f"export PIP_INDEX_URL={PROJECT.base}/pypi/simple/", PROJECT),
    # the user that the portal puts into it
    (PROJECT.base.replace("//", "//contoso@") + "/pypi/simple/", PROJECT),
    (PROJECT.base.replace("//", "//build@") + "/pypi/simple/", PROJECT),
    (PROJECT.base.replace("//", "//contoso:@") + "/pypi/simple/", PROJECT),
    ("https://contoso@dev.azure.com/contoso/ml/_artifacts/feed/wheels", PROJECT),
    (f"index-url={PROJECT.base.replace('//', '//contoso@')}/pypi/simple/", PROJECT),
    # what was copied with it
    (f"  {PROJECT.base}/pypi/simple/ \t", PROJECT),
    (f'"{PROJECT.base}/pypi/simple/"', PROJECT),
    (f"<{PROJECT.base}/pypi/simple/>", PROJECT),
    (f"` '{PROJECT.base}/pypi/simple/' `", PROJECT),
    # in short
    ("contoso/ml/wheels", PROJECT),
    ("contoso/ml/wheels/", PROJECT),
    ("contoso/ml/wheels@Release", RELEASE),
    ("contoso/Machine%20Learning/Acme.Wheels", SPACED),
    ("feed:contoso/ml/wheels", PROJECT),
    ("FEED: contoso/ml/wheels", PROJECT),
    ("feed:contoso/wheels", ORGANIZATION),
    ("feed://contoso/ml/wheels", PROJECT),
    ("feed:///contoso/ml/wheels/", PROJECT),
    ("feed+contoso/ml/wheels@Release", RELEASE),
    ("feed+feed:contoso/wheels", ORGANIZATION),
    # a beginning that is not whole
    ("pkgs.dev.azure.com/contoso/ml/_packaging/wheels/pypi/simple/", PROJECT),
    ("//pkgs.dev.azure.com/contoso/_packaging/wheels/pypi/simple/", ORGANIZATION),
    ("https:/pkgs.dev.azure.com/contoso/ml/_packaging/wheels/pypi/simple/", PROJECT),
    ("dev.azure.com/contoso/ml/_artifacts/feed/wheels@Release", RELEASE),
    ("Contoso@dev.azure.com/contoso/ml/_packaging/wheels", PROJECT),
    ("contoso.pkgs.visualstudio.com/ml/_packaging/wheels", OLD_PROJECT),
    ("contoso.visualstudio.com/ml/_artifacts/feed/wheels", PROJECT),
    # at the end of a sentence
    (f"{PROJECT.base}/pypi/simple/.", PROJECT),
    (f"{PROJECT.base},", PROJECT),
]


@pytest.fixture
def transport() -> Iterator[Transport]:
    with Transport({}) as made:
        yield made


def made(text: str, transport: Transport, token: str = "pat-12345") -> FeedDestination:
    wanted = Wanted(text, token=Secret(token))
    found = destination_of(wanted, root=Path(), environment={}, transport=transport)
    assert isinstance(found, FeedDestination)
    return found


@pytest.mark.parametrize(("text", "feed"), FORMS)
def test_every_form_means_the_feed(text: str, feed: Feed, transport: Transport) -> None:
    assert kind_of(text) == "feed"
    address = made(text, transport).address
    view = f"@{feed.view}" if feed.view else ""
    assert address.upload_url == f"{feed.base}/pypi/upload/"
    assert address.simple_url == f"{feed.base}/pypi/simple/"
    assert address.consumer_url == f"{feed.base}{view}/pypi/simple/"
    assert address.place == feed.place
    assert address.collection == (feed.collection, feed.project)


@pytest.mark.parametrize(
    ("job", "collection", "project"),
    [
        (f"{SERVER}/ado/Main/", f"{SERVER}/ado/main/", None),
        (f"{SERVER}/ado/", f"{SERVER}/ado/", "main"),
        (f"{SERVER}/other/", f"{SERVER}/ado/", "main"),
        ("https://else.corp.example/ado/main/", f"{SERVER}/ado/", "main"),
        ("https://dev.azure.com/ado/", f"{SERVER}/ado/", "main"),
    ],
)
def test_a_job_tells_where_the_collection_of_its_server_ends(
    job: str, collection: str, project: str | None, transport: Transport
) -> None:
    feed = destination_of(
        Wanted(f"{SERVER}/ado/main/_packaging/wheels/pypi/simple/", token=Secret("pat-12345")),
        root=Path(),
        environment={"SYSTEM_COLLECTIONURI": job},
        transport=transport,
    )
    assert isinstance(feed, FeedDestination)
    assert feed.address.collection == (collection, project)
    assert feed.place == f"{SERVER}/ado/main/_packaging/wheels/pypi/simple/"


@pytest.mark.parametrize("text", [text for text, _ in FORMS])
def test_what_a_form_says_says_itself(text: str) -> None:
    once = plain(text).text
    assert plain(once).text == once
    address = FeedAddress.parse(text)
    for url in (address.upload_url, address.simple_url, address.consumer_url, address.place):
        assert FeedAddress.parse(url).place == address.place


def test_a_feed_has_one_place_in_all_its_spellings() -> None:
    """Hosts, case, blanks, ends and what stands around it, each with each other."""
    hosts = [f"{NEWER}/{{0}}/{{1}}", "https://{0}.pkgs.visualstudio.com/{1}",
             "https://{0}.pkgs.visualstudio.com/DefaultCollection/{1}",
             "https://dev.azure.com/{0}/{1}"]  # fmt: skip
    projects = ["Données ML", "données ml", "Donn%C3%A9es%20ML", "Donne\u0301es ML"]
    feeds = ["Acme.Wheels", "acme.wheels", "ACME.WHEELS@Release"]
    ends = ["", "/", "/pypi/simple", "/pypi/upload/"]
    around = ["{}", " {} ", '"{}"', "index-url={}", "repository = {}"]
    spellings = {
        frame.format(f"{host.format(organization, project)}/_packaging/{feed}{end}")
        for host, organization, project, feed, end, frame in itertools.product(
            hosts, ["Contoso", "contoso"], projects, feeds, ends, around
        )
    }
    assert len(spellings) > 1000
    assert {FeedAddress.parse(text).place for text in spellings} == {
        f"{NEWER}/contoso/donn%C3%A9es%20ml/_packaging/acme.wheels/pypi/simple/"
    }


@pytest.mark.parametrize(
    "other",
    [
        f"{NEWER}/fabrikam/ml/_packaging/wheels/",
        f"{NEWER}/contoso/web/_packaging/wheels/",
        f"{NEWER}/contoso/_packaging/wheels/",
        f"{NEWER}/contoso/ml/_packaging/wheel/",
        f"{SERVER}/contoso/ml/_packaging/wheels/",
        "feed+http://contoso.pkgs.visualstudio.com.evil.example/ml/_packaging/wheels/",
    ],
)
def test_other_feeds_have_other_places(other: str) -> None:
    assert FeedAddress.parse(other.removeprefix("feed+")).place != PROJECT.place


def test_one_feed_in_two_spellings_is_given_twice(transport: Transport) -> None:
    one, other = made(f"{OLDER}/ML/_packaging/wheels", transport), made(PROJECT.base, transport)
    with pytest.raises(SettingError) as caught:
        each_once([one, other])
    assert caught.value.code == "destination-twice"
    each_once([one, made(ORGANIZATION.base, transport)])


@pytest.mark.parametrize(
    "text",
    [
        "./contoso/ml/wheels",
        "/contoso/ml/wheels",
        "../contoso/ml/wheels",
        "contoso/wheels",
        "contoso/ml/wheels/more",
        "contoso.dist/ml/wheels",
        "con_toso/ml/wheels",
        "contoso//wheels",
        "contoso/../wheels",
        "contoso/ml/*.whl",
        r"contoso\ml\wheels",
        "C:/ml/wheels",
        "~/ml/wheels",
        "wheel-index",
        "./pkgs.dev.azure.com/contoso/_packaging/wheels",
        "/srv/pkgs.dev.azure.com/contoso",
        "dev.azure.com.mirror/contoso/wheels",
        "dev.azure.com",
    ],
)
def test_other_paths_are_folders(text: str) -> None:
    assert kind_of(text) == "folder"
    assert plain(text).text == text


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        ("$(feedUrl)", "$(feedUrl)"),
        ("${FEED_URL}", "${FEED_URL}"),
        ("$FEED_URL", "$FEED_URL"),
        ("${{ vars.FEED }}", "${{ vars.FEED }}"),
        (f"{NEWER}/$(System.Org)/_packaging/wheels/pypi/simple/", "$(System.Org)"),
        ("feed:contoso/$(project)/wheels", "$(project)"),
    ],
)
def test_a_variable_that_nobody_filled_in_is_no_folder(text: str, variable: str) -> None:
    with pytest.raises(SettingError) as caught:
        kind_of(text)
    assert caught.value.code == "destination-unknown"
    assert f"has {variable} in it" in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        f"{NEWER}@evil.example/contoso/_packaging/wheels/pypi/simple/",
        f"{NEWER}\\@evil.example/contoso/_packaging/wheels/pypi/simple/",
        f"pip install --index-url {NEWER}:@evil.example/contoso/_packaging/wheels/pypi/simple/",
    ],
)
def test_a_host_before_the_host_is_no_user(text: str) -> None:
    """What reads like one host and leads to another."""
    with pytest.raises(SettingError) as caught:
        kind_of(text)
    assert caught.value.code == "credentials-in-url"
    assert "https://evil.example/" in caught.value.message


@pytest.mark.parametrize(
    "text", ["feed:{}@contoso/ml/wheels", "{}@pkgs.dev.azure.com/contoso/_packaging/wheels",
             "x:{}@pkgs.dev.azure.com/contoso/_packaging/wheels"]
)  # fmt: skip
def test_a_token_in_a_short_form_is_not_repeated(text: str) -> None:
    token = "p4t" * 18
    with pytest.raises(SettingError) as caught:
        kind_of(text.format(token))
    assert token not in f"{caught.value.message} {caught.value.cure}"


def test_a_way_out_of_the_organization_is_not_proposed() -> None:
    with pytest.raises(SettingError) as caught:
        FeedAddress.parse(f"{NEWER}/contoso/%2e%2e/evil/_packaging/wheels/pypi/simple/")
    assert "ORG[/PROJECT]/_packaging/FEED" in caught.value.cure


def test_a_piece_of_a_configuration_file_names_its_feeds() -> None:
    index, upload = f"{PROJECT.base}/pypi/simple/", f"{PROJECT.base}/pypi/upload/"
    assert items_of(f"[global]\nindex-url={index}\n") == [index]
    assert items_of(
        f"[global]\nindex-url=https://index.corp.example/simple\nextra-index-url={index}"
    ) == [index]
    pypirc = f"[distutils]\nIndex-servers =\n  wheels\n\n[wheels]\nRepository = {upload}\n"
    assert items_of(pypirc) == [upload]
    assert items_of(f"[global]\nindex-url={index}\n{pypirc}") == [index]
    assert items_of(f"mirror\n\n[global]\n; for all\nindex-url={index}") == ["mirror", index]
    assert items_of("mirror\nwheel-index") == ["mirror", "wheel-index"]
