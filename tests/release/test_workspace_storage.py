"""A release into the workspace's own storage: by the artifact service, and straight."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ground.web import Web
from tests.rehearsal.made import make_wheel
from tests.release.kit import Repo
from tests.release.samples import CONDA
from tests.servers.arm import Arm, arm_server
from tests.servers.artifacts import FOLDER, PAGE, Artifacts, artifact_service
from tests.servers.authority import made_authority
from tests.servers.azurite import ACCOUNT, KEY, Azurite
from tests.servers.blob_proxy import denied
from tests.servers.front import Front, front

HOST = f"{ACCOUNT}.blob.core.windows.net"
CUSTOM = "blobs.contoso.example"
OTHER = "other.blob.core.windows.net"
"""Somebody else's account: there is nothing in it."""
PROJECT = "packages/core/pyproject.toml"
WHEEL = "acme_core-3.0.0-py3-none-any.whl"
URL = f"https://{HOST}/azureml/{FOLDER}/{WHEEL}"


@dataclass
class World:
    """A workspace with its storage."""

    store: Azurite
    arm: Arm
    service: Artifacts
    front: Front
    network: dict[str, str]
    destination: str

    def blob(self, file: str = WHEEL) -> bytes:
        client = self.store.service().get_blob_client("azureml", f"{FOLDER}/{file}")
        return client.download_blob().readall()

    def put(self, data: bytes, file: str = WHEEL) -> None:
        client = self.store.service().get_blob_client("azureml", f"{FOLDER}/{file}")
        client.upload_blob(data, overwrite=True)


@pytest.fixture(scope="module")
def blob_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_authority(tmp_path_factory.mktemp("names"), HOST, CUSTOM, OTHER)


@pytest.fixture
def world(emulator: Azurite, blob_authority: Path) -> Iterator[World]:
    base = emulator.url.removesuffix(f"/{ACCOUNT}")
    with (
        arm_server(blob_authority) as arm,
        front(blob_authority, {HOST: base, OTHER: base}) as where,
        artifact_service(blob_authority, emulator, HOST) as service,
    ):
        made = arm.workspace("train")
        made.properties["discoveryUrl"] = f"{service.url}/discovery"
        made.storage["properties"]["primaryEndpoints"] = {"blob": f"https://{HOST}/"}
        client = emulator.service().get_container_client("azureml")
        if not client.exists():
            client.create_container()
        for blob in client.list_blobs():
            client.delete_blob(blob.name)
        subscription, group = made.id.split("/")[2], made.id.split("/")[4]
        yield World(
            emulator,
            arm,
            service,
            where,
            {**arm.environment(), **where.environment()},
            f"azureml://subscriptions/{subscription}/resourcegroups/{group}/workspaces/train",
        )


def project(version: str, name: str = "acme-core") -> str:
    return f'[build-system]\nrequires = []\n[project]\nname = "{name}"\nversion = "{version}"\n'


@pytest.fixture
def repo(world: World, tmp_path: Path) -> Repo:
    conda = """\
        name: train
        channels: [conda-forge]
        dependencies:
          - python=3.11
          - pip=24.0
          - pip:
              - acme-core==2.0   # ours
        """
    settings = f"""\
        packages = ["packages/*"]
        publish-to = ["{world.destination}"]
        commit = "local"
        prebuilt = true
        public-index = "none"
        """
    made = Repo.create(
        tmp_path / "place",
        {PROJECT: project("3.0.0"), CONDA: conda, "wheelstep.toml": settings,
         ".gitignore": "/dist/\n"},
    )  # fmt: skip
    make_wheel(made.root / "dist", "acme-core", "3.0.0")
    return made


def test_a_wheel_is_laid_where_the_sdk_v1_put_it_and_named_by_its_bare_url(
    world: World, repo: Repo
) -> None:
    built = (repo.root / "dist" / WHEEL).read_bytes()
    ran = repo.release(extra=world.network)
    assert ran.published == {WHEEL: ["uploaded"]}
    (row,) = ran.report["packages"][0]["wheels"][0]["published"]
    assert row["url"] == URL
    assert f"      - {URL}   # ours\n" in repo.read(CONDA)
    assert world.blob() == built
    (rehearsal,) = [one for one in ran.report["rehearsals"] if one["status"] != "skipped"]
    assert rehearsal["status"] == "unproven"
    said = ran.problem("signed-url-unproven")
    assert said["severity"] == "notice"
    assert "documented for the SDK v1 only" in said["message"]
    posted = [one for one in world.service.asked if one.startswith("POST")]
    assert [one.rpartition("/artifacts/")[2] for one in posted] == [f"batch/metadata/{FOLDER}"]
    # a signed URL is a secret
    everything = ran.said + str(ran.report) + repo.read("wheelstep.lock") + repo.read(CONDA)
    assert "sig=" not in everything
    digest = hashlib.sha256(built).hexdigest()
    assert digest in repo.read("wheelstep.lock")
    again = repo.release(extra=world.network)
    assert again.status == "nothing-to-do"


def test_whoever_has_storage_rights_only_writes_straight_to_the_same_place(
    world: World, repo: Repo
) -> None:
    world.service.denied = True
    handed = {**world.network, "AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_KEY": KEY}
    ran = repo.release(extra=handed)
    assert ran.published == {WHEEL: ["uploaded"]}
    assert f"- {URL}" in repo.read(CONDA)
    assert not world.service.registered
    # whoever has the rights at the service later finds it
    world.service.denied = False
    world.service.registered.append(WHEEL)
    assert repo.release(extra=world.network).status == "nothing-to-do"


@pytest.mark.parametrize("host", [HOST, CUSTOM])
def test_entra_id_signs_in_where_resource_manager_says_that_the_storage_is(
    world: World, repo: Repo, blob_authority: Path, host: str
) -> None:
    world.service.denied = True
    (made,) = world.arm.workspaces.values()
    made.storage["properties"]["primaryEndpoints"] = {"blob": f"https://{host}/"}
    refusal = denied(403, "AuthorizationPermissionMismatch")
    with Web(refusal) as storage, front(blob_authority, {host: storage.url}) as where:
        handed = {**world.network, **where.environment()}
        ran = repo.wheelstep("release", extra=handed)
        assert ran.code == 5, ran.said
        assert "Nor straight into its storage" in ran.problem("not-authorized")["message"]
        assert storage.asked
        assert all(one.headers["Authorization"].startswith("Bearer ") for one in storage.asked)


def test_whoever_has_neither_right_is_told_both(world: World, repo: Repo) -> None:
    world.service.denied = True
    wrong = {**world.network, "AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_KEY": KEY[::-1]}
    ran = repo.wheelstep("release", extra=wrong)
    assert ran.code == 5, ran.said
    said = ran.problem("not-authorized")
    assert "Nor straight into its storage" in said["message"]
    assert "--role 'AzureML Data Scientist'" in said["cure"]
    assert "object id" in said["message"]


def test_whoever_may_only_read_there_is_told_which_role_writes(world: World, repo: Repo) -> None:
    world.service.reads_only = True
    # rights at the storage change nothing: what the service does not know, it does not list
    handed = {**world.network, "AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_KEY": KEY}
    ran = repo.wheelstep("release", extra=handed)
    assert ran.code == 5, ran.said
    said = ran.problem("not-authorized")
    assert said["message"].startswith(f"Registering {WHEEL} in the workspace ")
    assert "lacks the right to write artifacts" in said["message"]
    assert "--role 'AzureML Data Scientist'" in said["cure"]
    assert "Storage Blob Data Contributor" not in said["cure"]
    assert not world.service.registered
    world.service.reads_only = False
    assert repo.release(extra=world.network).published == {WHEEL: ["uploaded"]}


@pytest.mark.parametrize("route", ["batch/metadata", "write/", "contentinfo/", FOLDER])
def test_a_lost_reply_of_the_service_ends_the_same(world: World, repo: Repo, route: str) -> None:
    if route == "write/":
        world.service.registered.append(WHEEL)  # by a run that was killed before it uploaded
    world.service.loses = route
    ran = repo.release(extra=world.network)
    assert not world.service.loses, world.service.asked
    assert ran.published == {WHEEL: ["uploaded"]}
    assert world.blob() == (repo.root / "dist" / WHEEL).read_bytes()
    assert world.service.registered == [WHEEL]
    asked = [one.rpartition("/artifacts/")[2] for one in world.service.asked]
    # registered twice, it has to be asked for where to write
    writes = [one for one in asked if one.startswith("write/")]
    expected = {"batch/metadata": 1, "write/": 2}.get(route, 0)
    assert writes == [f"write/{FOLDER}/{WHEEL}"] * expected


def test_a_file_that_is_there_with_other_content_is_refused(world: World, repo: Repo) -> None:
    other = make_wheel(repo.place / "other", "acme-core", "3.0.0", note="another")
    assert other.path is not None
    world.put(other.path.read_bytes())
    world.service.registered.append(WHEEL)
    ran = repo.wheelstep("release", extra=world.network)
    assert ran.code == 4, ran.said
    assert ran.problem("version-taken")
    assert world.blob() == other.path.read_bytes()


def test_the_same_wheel_that_the_sdk_v1_put_there_is_taken_as_it_is(
    world: World, repo: Repo
) -> None:
    world.put((repo.root / "dist" / WHEEL).read_bytes())
    world.service.registered.append(WHEEL)
    ran = repo.release(extra=world.network)
    assert ran.published == {WHEEL: ["identical"]}


def test_what_was_registered_and_never_uploaded_is_completed(world: World, repo: Repo) -> None:
    world.service.registered += ["acme_core-1.0-py3-none-any.whl", "other.txt", WHEEL]
    ran = repo.release(extra=world.network)
    assert ran.published == {WHEEL: ["uploaded"]}


def test_many_wheels_share_the_connections_to_the_storage(world: World, repo: Repo) -> None:
    for number in range(60):
        file = f"acme_core-1.{number}-py3-none-any.whl"
        world.put(b"an earlier one", file)
        world.service.registered.append(file)
    ran = repo.release(extra=world.network)
    assert ran.published == {WHEEL: ["uploaded"]}
    opened = [name for name in world.front.asked if name == HOST]
    assert 1 <= len(opened) <= 20, "one for each transfer that goes on at once, and not each wheel"


def test_a_wheel_that_was_changed_since_is_found_by_the_next_run(world: World, repo: Repo) -> None:
    repo.release(extra=world.network)
    other = make_wheel(repo.place / "other", "acme-core", "3.0.0", note="another")
    assert other.path is not None
    world.put(other.path.read_bytes())
    ran = repo.wheelstep("release", extra=world.network)
    assert ran.code == 4, ran.said


def test_each_definition_gets_the_wheel_that_fits_its_python(world: World, repo: Repo) -> None:
    (repo.root / "dist" / WHEEL).unlink()
    for tag in ("cp310-cp310-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_17_x86_64"):
        make_wheel(repo.root / "dist", "acme-core", "3.0.0", tag=tag)
    old = repo.read(CONDA).replace("python=3.11", "python=3.10")
    repo.commit({"environments/old/conda.yml": old})
    repo.release(extra=world.network)
    assert "acme_core-3.0.0-cp311-cp311-" in repo.read(CONDA)
    assert "acme_core-3.0.0-cp310-cp310-" in repo.read("environments/old/conda.yml")
    # and one that none fits is an error that lists what there is
    repo.commit({"environments/old/conda.yml": old.replace("python=3.10", "python=3.9")})
    ran = repo.wheelstep("release", extra=world.network)
    assert ran.code == 7, ran.said
    (problem,) = [one for one in ran.report["problems"] if one["severity"] == "error"]
    assert problem["file"] == "environments/old/conda.yml"
    assert "cp310" in problem["message"]
    assert "cp311" in problem["message"]


def test_a_version_needs_an_index(world: World, repo: Repo) -> None:
    ran = repo.wheelstep("release", "--pin", "version", extra=world.network)
    assert (ran.code, ran.report["problems"][0]["code"]) == (2, "workspace-without-index")


def test_a_url_with_its_hash_on_request(world: World, repo: Repo) -> None:
    digest = hashlib.sha256((repo.root / "dist" / WHEEL).read_bytes()).hexdigest()
    repo.release("--pin", "url", extra=world.network)
    assert f"- acme-core @ {URL}#sha256={digest}" in repo.read(CONDA)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [("workspaces/train", "workspaces/trian", "workspace-not-found"),
     ("/workspaces/train", "", "destination-unknown")],
)  # fmt: skip
def test_a_workspace_that_is_not_there(
    world: World, repo: Repo, old: str, new: str, code: str
) -> None:
    text = repo.read("wheelstep.toml").replace(old, new)
    repo.commit({"wheelstep.toml": text})
    ran = repo.wheelstep("release", extra=world.network)
    assert ran.problem(code), ran.said
    assert ran.code == (5 if code == "workspace-not-found" else 2)


def test_a_wheel_of_the_same_name_in_another_account_is_not_taken_for_ours(
    world: World, repo: Repo
) -> None:
    repo.release(extra=world.network)
    other = URL.replace(HOST, OTHER)
    repo.commit({"envs/other.txt": f"{other}\n"})
    ran = repo.wheelstep("rehearse", "--definitions", "envs/other.txt", extra=world.network)
    (row,) = [one for one in ran.report["rehearsals"] if one["path"] == "envs/other.txt"]
    assert row["status"] != "resolved"
    assert "signed-url-unproven" not in {one["code"] for one in row["problems"]}


def test_a_wheel_that_an_included_file_names_is_read_and_unproven(world: World, repo: Repo) -> None:
    repo.release(extra=world.network)
    repo.commit({"envs/all.txt": "-r base.txt\n", "envs/base.txt": f"{URL}\n"})
    ran = repo.wheelstep("rehearse", "--definitions", "envs/all.txt", extra=world.network)
    rows = {one["path"]: one for one in ran.report["rehearsals"]}
    assert rows["envs/all.txt"]["status"] == "unproven", ran.said
    codes = {one["code"] for one in rows["envs/all.txt"]["problems"]}
    assert "signed-url-unproven" in codes


def test_it_is_looked_once_for_all_packages(world: World, repo: Repo) -> None:
    more = {f"packages/p{number}/pyproject.toml": project("1.0", f"acme-p{number}")
            for number in range(6)}  # fmt: skip
    repo.commit(more)
    for number in range(6):
        make_wheel(repo.root / "dist", f"acme-p{number}", "1.0")
    repo.release(extra=world.network)
    world.service.asked.clear()
    again = repo.release(extra=world.network)
    assert again.status == "nothing-to-do", again.said
    listings = [one for one in world.service.asked if one.endswith(f"/artifacts/{FOLDER}")]
    pages = -(-7 // PAGE)
    assert len(listings) == 3 * pages, "what is known, whether it is there, and its URLs"


def test_a_pull_request_plans_without_signing_in(world: World, repo: Repo) -> None:
    repo.release(extra=world.network)
    world.service.asked.clear()
    job = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_SERVER_URL": "https://github.com",
    }
    repo.commit({PROJECT: project("3.1.0")})
    (repo.root / "dist" / WHEEL).unlink()
    make_wheel(repo.root / "dist", "acme-core", "3.1.0")
    planned = repo.wheelstep("release", extra=world.network | job)
    assert (planned.code, planned.status) == (0, "planned"), planned.said
    ran = repo.wheelstep("rehearse", extra=world.network | job)
    assert ran.code == 0, ran.said
    assert world.service.asked == []
    (row,) = [one for one in ran.report["rehearsals"] if one["path"] == CONDA]
    assert row["status"] == "unproven"
    assert "nobody is signed in there" in " ".join(one["message"] for one in row["problems"])
