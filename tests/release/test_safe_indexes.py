"""Whole runs against a public index that has the private name, and with a workspace connection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rehearsal.made import make_wheel
from tests.release.kit import Ran, Repo
from tests.robustness.oracle import files_with, history_with, text_with
from tests.servers.pypi import PypiServer, pypi_server

NAME = "acme-models"
PYPROJECT = f"""\
    [build-system]
    requires = []
    build-backend = "none"
    [project]
    name = "{NAME}"
    version = "1.0"
    """
ALLOW = """
[[allow]]
code = "dependency-confusion"
name = "Acme_Models"
reason = "The name belongs to us there, too."
"""
UPLOAD = "upl0ad-t0ken-of-the-step"
READ = "r3ad-t0ken-of-the-workspace"


@dataclass(frozen=True, slots=True)
class World:
    """A repository with a wheel that another job built, our index, and a public one."""

    repo: Repo
    ours: PypiServer
    public: PypiServer

    def run(self, command: str, *arguments: str, **more: str) -> Ran:
        self.built()
        extra = {"WHEELSTEP_FEED_USER": "step", "WHEELSTEP_FEED_TOKEN": UPLOAD} | more
        return self.repo.wheelstep(command, *arguments, extra=extra)

    def built(self) -> None:
        make_wheel(self.repo.root / "dist", NAME, "1.0", note="ours")

    def define(self, *lines: str, settings: str = "") -> None:
        self.repo.commit(
            {
                "requirements.txt": "".join(f"{line}\n" for line in lines),
                "wheelstep.toml": f'publish-to = ["index+{self.ours.url}"]\nprebuilt = true\n'
                f'commit = "local"\npublic-index = "{self.public.simple_url}"\n{settings}',
            }
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    repo = Repo.create(tmp_path / "place", {"pyproject.toml": PYPROJECT, ".gitignore": "/dist/\n"})
    with (
        pypi_server(tmp_path / "ours", user="step", password=UPLOAD) as ours,
        pypi_server(tmp_path / "public", user="") as public,
    ):
        make_wheel(public.directory, NAME, "0.1", note="theirs")
        yield World(repo, ours, public)


def test_nothing_is_published_while_pip_could_take_the_public_package(world: World) -> None:
    world.define(
        f"--index-url {world.ours.simple_url}",
        f"--extra-index-url {world.public.simple_url}",
        f"{NAME}==0.9",
    )
    for command in ("plan", "release"):
        ran = world.run(command)
        assert ran.code == 4, ran.said
        problem = ran.problem("dependency-confusion")
        assert (problem["file"], problem["line"]) == ("requirements.txt", 3)
        assert f"List the private index {world.ours.simple_url} last" in problem["cure"]
    assert not list(world.ours.directory.iterdir())


@pytest.mark.parametrize("line", [f"{NAME}>=0.5", f"{NAME}==1.0"])
def test_a_definition_that_needs_no_edit_keeps_nothing_out_of_sight(
    world: World, line: str
) -> None:
    world.define(
        f"--index-url {world.ours.simple_url}",
        f"--extra-index-url {world.public.simple_url}",
        line,
        settings="keep-ranges = true\n",
    )
    for command in ("plan", "release"):
        ran = world.run(command)
        assert ran.code == 4, ran.said
        assert ran.definition("requirements.txt")["status"] == "unchanged"
        problem = ran.problem("dependency-confusion")
        assert (problem["file"], problem["line"]) == ("requirements.txt", 3)
    assert not list(world.ours.directory.iterdir())


def test_nothing_is_copied_while_pip_could_take_the_public_package(world: World) -> None:
    lines = (
        f"--index-url {world.ours.simple_url}",
        f"--extra-index-url {world.public.simple_url}",
        f"{NAME}==1.0",
    )
    world.define(*lines, settings=ALLOW)
    assert world.run("release").code == 0
    world.define(*lines)
    second = world.repo.place / "second"
    to = ("--publish-to", f"index+{world.ours.url}", "--publish-to", str(second))
    for command in ("plan", "release"):
        ran = world.run(command, *to)
        assert ran.code == 4, ran.said
        assert ran.packages == {NAME: "unchanged"}
        assert ran.problem("dependency-confusion")["file"] == "requirements.txt"
    assert not second.exists()


def test_what_is_allowed_is_published_and_said(world: World) -> None:
    lines = (
        f"--index-url {world.ours.simple_url}",
        f"--extra-index-url {world.public.simple_url}",
        f"{NAME}==0.9",
    )
    world.define(*lines, settings=ALLOW)
    ran = world.run("release")
    assert ran.code == 0, ran.said
    notice = ran.problem("dependency-confusion")
    assert notice["severity"] == "notice"
    assert "The name belongs to us there, too." in notice["message"]
    assert "allow-unused" not in ran.codes
    assert [path.name for path in world.ours.directory.iterdir()] == [
        "acme_models-1.0-py3-none-any.whl"
    ]


def test_a_plan_says_first_which_names_are_asked_of_whom(world: World) -> None:
    world.define(f"--extra-index-url {world.ours.simple_url}", f"{NAME}==0.9", settings=ALLOW)
    ran = world.run("plan")
    assert ran.code == 0, ran.said
    said = [each["message"] for each in ran.report["problems"] if each["code"] == "names-asked"]
    assert sorted(said) == sorted(
        f"{index} is asked for {NAME}." for index in (world.ours.simple_url,
                                                      world.public.simple_url)
    )  # fmt: skip
    # ours is last, the pin exact: there was nothing to excuse
    assert ran.problem("allow-unused")["severity"] == "notice"
    none = world.run("plan", "--public-index", "none")
    assert none.code == 0, none.said
    assert [each["message"] for each in none.report["problems"] if each["code"] == "names-asked"] \
        == [f"{world.ours.simple_url} is asked for {NAME}."]  # fmt: skip


def test_no_token_of_a_connection_is_left_anywhere(world: World) -> None:
    secrets = {"upload": UPLOAD, "connection": READ}
    world.define(f"--index-url {world.ours.simple_url}", f"{NAME}==0.9")
    # what Azure ML would send is not what this server wants
    token = {"WHEELSTEP_CONNECTION_TOKEN": READ, "WHEELSTEP_CONNECTION": "ml-feed"}
    ran = world.run("release", **token)
    assert ran.code == 5, ran.said
    assert "ml-feed" in ran.problem("connection-refused")["message"]
    assert not list(world.ours.directory.iterdir())
    right = {"WHEELSTEP_CONNECTION_TOKEN": UPLOAD, "WHEELSTEP_CONNECTION_USER": "step"}
    done = world.run("release", **right)
    assert done.code == 0, done.said
    assert "connection-matching-assumed" in done.codes
    for each in (ran, done):
        assert not text_with(f"{each.report}{each.said}".encode(), secrets, "what was said")
    assert not files_with(world.repo.place, secrets)
    assert not history_with(world.repo.root, secrets)
    # the search finds one that is there
    assert text_with(f"token {READ}".encode(), secrets, "planted")


def test_an_index_that_no_connection_covers_stops_the_release(world: World) -> None:
    world.define(f"--index-url {world.ours.simple_url}", f"{NAME}==0.9")
    ran = world.run(
        "release",
        WHEELSTEP_CONNECTION_TOKEN=UPLOAD,
        WHEELSTEP_CONNECTION_TARGET="https://pkgs.dev.azure.com/acme",
    )
    assert ran.code == 7, ran.said
    assert world.ours.simple_url in ran.problem("index-not-covered")["message"]
    assert not list(world.ours.directory.iterdir())
    # without any connection: proved with the step's own token, and that is said
    done = world.run("release")
    assert done.code == 0, done.said
    assert done.problem("connection-unknown")["severity"] == "notice"
