"""A release to a blob mirror: its real host name, a real store behind it, and its boundary."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from tests.destinations.mirror_kit import blobs
from tests.ground.web import Answer, Web
from tests.rehearsal.made import make_wheel
from tests.release.kit import Ran, Repo
from tests.release.samples import CONDA
from tests.servers.arm import Arm, arm_server
from tests.servers.authority import made_authority
from tests.servers.azurite import ACCOUNT, KEY, Azurite
from tests.servers.blob_proxy import Fate, Seen, between, denied
from tests.servers.front import front

HOST = f"{ACCOUNT}.blob.core.windows.net"
FOREIGN = f"{ACCOUNT}.blob.core.contoso.example"
WHEEL = "acme_core-3.0.0-py3-none-any.whl"
PROJECT = "packages/core/pyproject.toml"
_numbers = itertools.count()


@dataclass
class World:
    """A storage account at its name, and Azure Resource Manager."""

    store: Azurite
    arm: Arm
    network: dict[str, str]

    def account(self, *, closed: bool = False, **more: object) -> None:
        """Let Resource Manager know the account."""
        workspace = self.arm.workspace("train", closed=closed)
        rules = {"bypass": "AzureServices", "defaultAction": "Deny" if closed else "Allow"}
        workspace.storage["properties"] |= {
            "primaryEndpoints": {"blob": f"https://{HOST}/"},
            "publicNetworkAccess": "Enabled",
            "networkAcls": rules,
            **more,
        }


@pytest.fixture(scope="module")
def blob_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_authority(tmp_path_factory.mktemp("names"), HOST, FOREIGN)


@pytest.fixture
def world(emulator: Azurite, blob_authority: Path) -> Iterator[World]:
    base = emulator.url.removesuffix(f"/{ACCOUNT}")
    with arm_server(blob_authority) as arm, front(blob_authority, {HOST: base}) as where:
        yield World(emulator, arm, {**arm.environment(), **where.environment()})


@pytest.fixture
def container(emulator: Azurite) -> str:
    name = f"release{next(_numbers)}"
    emulator.container(name, public=True)
    return name


def project(version: str) -> str:
    return f'[build-system]\nrequires = []\n[project]\nname = "acme-core"\nversion = "{version}"\n'


def repository(place: Path, container: str) -> Repo:
    """A package that another job built, and an environment that reads the mirror."""
    conda = f"""\
        name: train
        channels: [conda-forge]
        dependencies:
          - python=3.11
          - pip=24.0
          - pip:
              - --index-url https://{HOST}/{container}/simple/
              - acme-core==2.0
        """
    settings = f"""\
        packages = ["packages/*"]
        publish-to = ["https://{HOST}/{container}"]
        commit = "local"
        prebuilt = true
        public-index = "none"
        """
    files = {PROJECT: project("3.0.0"), CONDA: conda, "wheelstep.toml": settings,
             ".gitignore": "/dist/\n"}  # fmt: skip
    repo = Repo.create(place, files)
    make_wheel(repo.root / "dist", "acme-core", "3.0.0")
    return repo


def with_key(world: World, **more: str) -> dict[str, str]:
    return {**world.network, "AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_KEY": KEY, **more}


def sas(container: str, letters: str, *, hours: float = 1) -> str:
    ends = datetime.now(UTC) + timedelta(hours=hours)
    return generate_container_sas(
        ACCOUNT,
        container,
        account_key=KEY,
        permission=ContainerSasPermissions.from_string(letters),
        expiry=ends,
    )


def released(repo: Repo, environment: dict[str, str]) -> Ran:
    return repo.release(extra=environment)


def test_a_release_to_a_mirror_within_a_boundary(
    world: World, container: str, tmp_path: Path
) -> None:
    world.account(closed=True)
    repo = repository(tmp_path / "place", container)
    ran = released(repo, with_key(world, WHEELSTEP_FIND_LINKS="true"))
    assert f"{CONDA}: what it pins is linked at https://{HOST}/{container}/links/" in ran.said
    (wheel,) = ran.report["packages"][0]["wheels"]
    (row,) = wheel["published"]
    assert row["status"] == "uploaded"
    assert row["url"] == f"https://{HOST}/{container}/simple/acme-core/{WHEEL}"
    assert "acme-core==3.0.0" in repo.read(CONDA)
    links = world.store.service().get_blob_client(container, f"links/{CONDA}.html")
    page = links.download_blob()
    text = page.readall().decode()
    assert f'<a href="../../../simple/acme-core/{WHEEL}#sha256={wheel["sha256"]}"' in text
    assert page.properties.content_settings.content_type == "text/html; charset=utf-8"
    assert [one["status"] for one in ran.report["rehearsals"]] == ["resolved"]
    again = released(repo, with_key(world))
    assert again.status == "nothing-to-do"


def test_a_mirror_that_the_world_can_read_is_refused_before_the_first_write(
    world: World, container: str, tmp_path: Path
) -> None:
    world.account(closed=False)
    repo = repository(tmp_path / "place", container)
    for command in ("plan", "release"):
        ran = repo.wheelstep(command, extra=with_key(world))
        assert ran.code == 4, ran.said
        said = ran.problem("mirror-open")
        assert "the default action is Allow" in said["message"]
        assert f"az storage account update --name {ACCOUNT} --default-action Deny" in said["cure"]
        assert f"the name {ACCOUNT}/{container} and a reason" in said["cure"]
    assert not list(world.store.service().get_container_client(container).list_blobs())
    told = repo.wheelstep("doctor", extra=with_key(world))
    assert told.code == 4
    assert any(one.get("code") == "mirror-open" for one in told.report["checks"])


def test_a_mirror_whose_network_nobody_here_may_look_at_is_refused_unless_it_is_allowed(
    world: World, container: str, tmp_path: Path
) -> None:
    repo = repository(tmp_path / "place", container)
    ran = repo.wheelstep("release", extra=with_key(world))
    assert ran.code == 4
    assert f"has the account {ACCOUNT}" in ran.problem("mirror-open")["message"]
    allowed = with_key(
        world, WHEELSTEP_ALLOW=f"mirror-open {ACCOUNT}/{container} the tests' own network"
    )
    ran = released(repo, allowed)
    assert ran.problem("mirror-open")["severity"] == "notice"
    assert ran.published == {WHEEL: ["uploaded"]}


def test_a_closed_container_is_written_to_and_told_that_pip_cannot_read_it(
    world: World, tmp_path: Path
) -> None:
    container = f"closed{next(_numbers)}"
    world.store.container(container)
    repo = repository(tmp_path / "place", container)
    ran = repo.wheelstep("release", extra=with_key(world))
    assert ran.code == 5, ran.said
    assert "pip cannot sign in to blob storage" in ran.problem("mirror-unreadable")["message"]
    seen_elsewhere = with_key(world, WHEELSTEP_READ_BACK="write", HTTP_PROXY="http://127.0.0.1:9")
    ran = released(repo, seen_elsewhere)
    assert ran.published == {WHEEL: ["uploaded"]}
    assert [one["status"] for one in ran.report["rehearsals"]] == ["resolved"]
    # the next one resolves to what lies there already
    make_wheel(repo.root / "dist", "acme-more", "1.0", requires=["acme-core>=3"])
    repo.commit(
        {
            "packages/more/pyproject.toml": project("1.0").replace("acme-core", "acme-more"),
            CONDA: repo.read(CONDA) + "      - acme-more==0.9\n",
        }
    )
    ran = released(repo, seen_elsewhere)
    assert ran.published["acme_more-1.0-py3-none-any.whl"] == ["uploaded"]
    where = {one["name"]: one["index"] for one in ran.report["rehearsals"][0]["resolved"]}
    assert where["acme-core"] == f"https://{HOST}/{container}/simple/"


def test_what_the_view_of_a_mirror_cannot_read_is_told_in_the_services_words(
    world: World, blob_authority: Path, tmp_path: Path
) -> None:
    container = f"closed{next(_numbers)}"
    world.store.container(container)
    repo = repository(tmp_path / "place", container)

    def rule(seen: Seen) -> Fate | Answer:
        page = seen.method == "GET" and f"/{container}/simple/acme-core/" in seen.path
        return denied(403, "AuthorizationFailure") if page else Fate.PASSED

    base = world.store.url.removesuffix(f"/{ACCOUNT}")
    with between(base, rule) as middle, front(blob_authority, {HOST: middle.url}) as where:
        elsewhere = {**with_key(world, WHEELSTEP_READ_BACK="write"), **where.environment()}
        ran = repo.wheelstep("release", extra=elsewhere)
    assert ran.code == 5, ran.said
    said = ran.problem("storage-firewall")["message"]
    assert "reading simple/acme-core/: 403 AuthorizationFailure" in said
    assert not list(world.store.service().get_container_client(container).list_blobs())


def test_a_sas_is_enough_and_stays_a_secret(world: World, container: str, tmp_path: Path) -> None:
    world.account(closed=True)
    repo = repository(tmp_path / "place", container)
    signed = sas(container, "rlcw")
    ran = released(repo, {**world.network, "WHEELSTEP_FEED_TOKEN": f"?{signed}"})
    assert ran.published == {WHEEL: ["uploaded"]}
    signature = signed.partition("sig=")[2].partition("&")[0]
    assert signature not in ran.said + str(ran.report)
    few = {**world.network, "AZURE_STORAGE_SAS_TOKEN": sas(container, "c")}
    (repo.root / "dist" / WHEEL).unlink()
    make_wheel(repo.root / "dist", "acme-core", "3.1.0")
    repo.commit({PROJECT: project("3.1.0")})
    ran = repo.wheelstep("release", extra=few)
    assert ran.code == 5, ran.said
    said = ran.problem("not-authorized")
    assert "lacks the right to list (it has c)" in said["message"]
    assert "permission l" in said["cure"]


def test_a_pull_request_may_change_nothing_in_a_mirror(
    world: World, container: str, tmp_path: Path
) -> None:
    world.account(closed=True)
    repo = repository(tmp_path / "place", container)
    released(repo, with_key(world))
    repo.commit({CONDA: repo.read(CONDA).replace("==3.0.0", "==4.0"), "wheelstep.lock": None})
    job = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_SERVER_URL": "https://github.com",
    }
    before = blobs(world.store.service().get_container_client(container))
    arguments = ("--delete", "acme-core==3.0.0", "--repair")
    ran = repo.wheelstep("mirror", *arguments, extra=with_key(world) | job)
    assert (ran.code, ran.status) == (0, "planned"), ran.said
    assert "it only plans" in ran.problem("pull-request")["message"]
    assert blobs(world.store.service().get_container_client(container)) == before


def test_the_upkeep_of_a_mirror_on_the_command_line(
    world: World, container: str, tmp_path: Path
) -> None:
    world.account(closed=True)
    repo = repository(tmp_path / "place", container)
    released(repo, with_key(world))

    def upkeep(*arguments: str) -> Ran:
        return repo.wheelstep("mirror", *arguments, extra=with_key(world))

    ran = upkeep("--yank", "acme-core==3.0.0", "--reason", "it loses data")
    assert (ran.code, ran.status) == (0, "done"), ran.said
    (row,) = ran.report["mirrored"]
    assert (row["file"], row["status"]) == (WHEEL, "yanked")
    ran = upkeep("--delete", "acme-core==3.0.0")
    assert ran.code == 4
    named = [(one["file"], one["line"]) for one in ran.report["problems"]]
    assert named == [("wheelstep.lock", None), (CONDA, 8)]
    assert {one["code"] for one in ran.report["problems"]} == {"version-in-use"}
    ran = upkeep("--unyank", "acme-core==3.0.0", "--repair")
    assert [one["status"] for one in ran.report["mirrored"]] == ["unyanked", "listed"]
    repo.commit({CONDA: repo.read(CONDA).replace("==3.0.0", "==4.0"), "wheelstep.lock": None})
    ran = upkeep("--delete", "acme-core==3.0.0")
    assert (ran.code, ran.report["mirrored"][0]["status"]) == (0, "deleted"), ran.said
    for arguments, code in (
        ((), "bad-setting"),
        (("--delete", "acme-core==3.0.0"), "version-not-there"),
        (("--delete", "acme-core"), "bad-setting"),
        (("--repair", "--reason", "none"), "bad-setting"),
        (("--repair", "--publish-to", "../index"), "no-destination"),
    ):
        ran = upkeep(*arguments)
        assert (ran.code, ran.report["problems"][0]["code"]) == (2, code), ran.said


@pytest.mark.parametrize(
    "named",
    [
        "acme-core @ {url}",
        "acme_core@{url}#sha256={sha256}",
        "{url}",
        "{url}#sha256={sha256}",
        "acme-core == 3.0",
    ],
)
def test_a_version_that_a_definition_names_in_any_way_is_not_deleted(
    world: World, container: str, tmp_path: Path, named: str
) -> None:
    world.account(closed=True)
    repo = repository(tmp_path / "place", container)
    ran = released(repo, with_key(world))
    (wheel,) = ran.report["packages"][0]["wheels"]
    line = named.format(url=wheel["published"][0]["url"], sha256=wheel["sha256"])
    repo.commit({CONDA: repo.read(CONDA).replace("acme-core==3.0.0", line), "wheelstep.lock": None})
    arguments = ("mirror", "--delete", "acme-core==3.0.0")
    ran = repo.wheelstep(*arguments, extra=with_key(world))
    assert ran.code == 4, ran.said
    (problem,) = ran.report["problems"]
    assert (problem["code"], problem["file"], problem["line"]) == ("version-in-use", CONDA, 8)
    client = world.store.service().get_container_client(container)
    assert f"simple/acme-core/{WHEEL}" in {str(one.name) for one in client.list_blobs()}
    repo.commit({CONDA: repo.read(CONDA).replace(line, "acme-core==3.0.1")})
    ran = repo.wheelstep(*arguments, extra=with_key(world))
    assert (ran.code, ran.report["mirrored"][0]["status"]) == (0, "deleted"), ran.said


def test_a_token_of_entra_id_is_sent_to_azures_own_names_alone(
    blob_authority: Path, tmp_path: Path
) -> None:
    refusal = denied(403, "AuthorizationPermissionMismatch")
    with (
        Web(refusal) as storage,
        arm_server(blob_authority) as arm,
        front(blob_authority, {HOST: storage.url, FOREIGN: storage.url}) as where,
    ):
        handed = {**arm.environment(), **where.environment()}
        ran = repository(tmp_path / "own", "wheels").wheelstep("release", extra=handed)
        assert (ran.code, HOST in where.asked) == (5, True), ran.said
        sent = [one.headers["Authorization"] for one in storage.asked]
        assert any(str(one).startswith("Bearer ") for one in sent)
        storage.asked.clear()

        repo = repository(tmp_path / "foreign", "wheels")
        settings = repo.read("wheelstep.toml").replace(f"https://{HOST}", f"blob+https://{FOREIGN}")
        repo.commit({"wheelstep.toml": settings})
        ran = repo.wheelstep("release", extra=handed)
        assert ran.code == 2, ran.said
        assert FOREIGN in ran.problem("destination-foreign")["message"]
        assert [one for one in storage.asked if one.headers["Authorization"]] == []
        # what is this account's own goes there
        ran = repo.wheelstep("release", extra={**handed, "AZURE_STORAGE_KEY": KEY})
        assert (ran.code, FOREIGN in where.asked) == (5, True), ran.said
        sent = [one.headers["Authorization"] for one in storage.asked]
        assert any(str(one).startswith("SharedKey ") for one in sent)
        assert not any(str(one).startswith("Bearer ") for one in sent)
