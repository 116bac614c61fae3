"""A private name that the public index has as well: three real indexes, and real pip beside."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.conftest import Scene
from tests.rehearsal.made import make_source, make_wheel
from tests.rehearsal.three import Three, only
from tests.servers.pypi import PypiServer, pypi_server
from wheelstep.errors import Refused
from wheelstep.ground import secret
from wheelstep.ground.allowances import Allowance, Allowances
from wheelstep.ground.connections import Connection
from wheelstep.ground.index_page import ask
from wheelstep.ground.public_index import PipIndexes
from wheelstep.ground.transport import Response, Transport
from wheelstep.rehearsal import pages
from wheelstep.rehearsal.interface import Subject
from wheelstep.rehearsal.resolve import errors_of, rehearse

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[PypiServer, PypiServer, PypiServer]]:
    root = tmp_path_factory.mktemp("servers")
    with (
        pypi_server(root / "ours", user="") as ours,
        pypi_server(root / "public", user="") as public,
        pypi_server(root / "other", user="") as other,
    ):
        yield ours, public, other


@pytest.fixture
def three(servers: tuple[PypiServer, PypiServer, PypiServer], scene: Scene) -> Three:
    return Three(*servers, scene, f"acme-case{next(NUMBERS)}")


PIN = "{name}==1.0"
ORDERS = {
    "ours last, pinned": (["--extra-index-url {ours}", PIN], False),
    "ours last, free": (["--extra-index-url {ours}", "{name}"], True),
    "ours last, a range": (["--extra-index-url {ours}", "{name}>=1.0,<3"], True),
    "public last, pinned": (["--index-url {ours}", "--extra-index-url {public}", PIN], True),
    "public last, free": (["--index-url {ours}", "--extra-index-url {public}", "{name}"], True),
    "ours alone, pinned": (["--index-url {ours}", PIN], False),
    "ours alone, free": (["--index-url {ours}", "{name}"], False),
    "ours discarded": (["--extra-index-url {ours}", "--index-url {public}", PIN], True),
    "ours in between": (["--extra-index-url {ours}", "--extra-index-url {public}/", PIN], False),
    "others around": (
        ["--extra-index-url {other}", "--extra-index-url {ours}", PIN],
        False,
    ),
    "prefix pin": (["--extra-index-url {ours}", "{name}==1.*"], True),
    "public last, three": (
        ["--index-url {ours}", "--extra-index-url {other}", "--extra-index-url {public}", PIN],
        True,
    ),
    "constrained": (["--extra-index-url {ours}", "{name}", "-c limits.txt"], False),
    "by URL": (["{name} @ {base}packages/{file}-1.0-py3-none-any.whl"], False),
}


@pytest.mark.parametrize("case", ORDERS)
def test_what_pip_could_take_is_what_pip_takes_once_it_is_there(three: Three, case: str) -> None:
    lines, expected = ORDERS[case]
    three.scene.files["envs/limits.txt"] = "\n".join(three.lines(PIN)).encode()
    (three.scene.folder / "limits.txt").write_text("\n".join(three.lines(PIN)))
    mine = three.put(three.ours, "1.0", "ours")
    three.put(three.public, "0.0.1", "squatted")
    verdict = three.rehearse(*lines, wheels=(mine,))
    codes = {problem.code for problem in verdict.problems if problem.severity == "error"}
    assert ("dependency-confusion" in codes) == expected, verdict
    assert (verdict.status == "failed") == expected
    # what the public index could publish at any time
    taken = set()
    for version in ("1.0", "1.0.1"):
        three.put(three.public, version, "theirs")
        if case == "prefix pin" and version == "1.0":
            continue
        taken.add(three.pip(*lines))
    assert (taken != {mine.sha256}) == expected


def test_a_name_that_the_public_index_has_not_is_no_confusion(three: Three) -> None:
    mine = three.put(three.ours, "1.0", "ours")
    verdict = three.rehearse("--extra-index-url {ours}", "{name}", wheels=(mine,))
    assert verdict.status == "resolved", verdict


def test_a_secret_that_stands_in_an_indexs_url_changes_no_judgement(
    three: Three, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret, "_known", set(secret._known))
    mine = three.put(three.ours, "1.0", "ours")
    three.put(three.public, "5.0", "theirs")
    lines = ("--index-url {ours}", "--extra-index-url {public}")
    for part in ("127.0.0.1", "simple", "wheel", "taken"):
        secret.Secret(part)  # what is read is not what is shown
    problem = only(three.rehearse(*lines, "{name}", wheels=(mine,)))
    assert problem.code == "dependency-confusion"


def test_the_error_says_where_why_and_what_to_do(three: Three) -> None:
    mine = three.put(three.ours, "1.0", "ours")
    three.put(three.public, "5.0", "theirs")
    lines = ("--index-url {ours}", "--extra-index-url {public}")
    free = three.rehearse(*lines, "{name}", wheels=(mine,))
    problem = only(free)
    assert (problem.exit_code, problem.file, problem.line) == (4, "envs/train.yml", 7)
    for said in (three.name, three.public.simple_url, "the highest one", "would install 5.0"):
        assert said in problem.message
    assert f"Pin it exactly ({three.name}==1.0) and list" in problem.cure
    assert isinstance(errors_of([free])[0], Refused)
    pinned = three.rehearse(*lines, PIN, wheels=(mine,))
    assert f"List the private index {three.ours.simple_url} last" in pinned.problems[0].cure
    alone = three.rehearse(*lines, PIN, wheels=(mine,), stands_alone=lambda _: True)
    assert f"`--index-url {three.ours.simple_url}`" in alone.problems[0].cure
    last = three.rehearse("--extra-index-url {ours}", "{name}", wheels=(mine,))
    assert '`pin = "url"`' in last.problems[0].cure
    assert "and list" not in last.problems[0].cure


def test_what_is_allowed_is_a_notice_with_its_reason(three: Three) -> None:
    mine = three.put(three.ours, "1.0", "ours")
    three.put(three.public, "0.1", "theirs")
    lines = ("--extra-index-url {ours}", "{name}")
    for name in (three.name, "*"):
        spent = Allowances(
            [
                Allowance("dependency-confusion", name, "We own that name there, too."),
                Allowance("dependency-confusion", "acme-not-here", "Never looked at."),
            ]
        )
        verdict = three.rehearse(*lines, wheels=(mine,), allowances=spent)
        assert verdict.status == "resolved", verdict
        notice = only(verdict)
        assert (notice.severity, notice.code) == ("notice", "dependency-confusion")
        assert "We own that name there, too." in notice.message
        assert spent.unused() == []
    other = Allowances([Allowance("dependency-confusion", "acme-other", "Another one.")])
    assert three.rehearse(*lines, wheels=(mine,), allowances=other).status == "failed"


def test_an_exception_that_excuses_nothing_is_known(three: Three) -> None:
    mine = three.put(three.ours, "1.0", "ours")
    unused = Allowance("dependency-confusion", three.name, "It was needed once.")
    given = Allowances([unused])
    assert given.unused() == []
    verdict = three.rehearse("--extra-index-url {ours}", PIN, wheels=(mine,), allowances=given)
    assert verdict.status == "resolved", verdict
    assert given.unused() == [unused]


def test_an_index_that_has_our_very_files_is_ours(three: Three) -> None:
    mine = three.put(three.ours, "1.0", "ours")
    assert mine.path is not None
    (three.public.directory / mine.file).write_bytes(mine.path.read_bytes())
    lines = ("--extra-index-url {ours}", "{name}")
    assert three.rehearse(*lines, wheels=(mine,)).status == "resolved"
    # the same, known by the record only: another version is new
    new = make_wheel(three.scene.folder / "dist", three.name, "1.1")
    known = [(mine.file, mine.sha256)]
    assert three.rehearse(*lines, wheels=(new,), known=known).status == "resolved"
    assert three.rehearse(*lines, wheels=(new,)).status == "failed"


def test_a_public_index_that_is_ours_by_its_url_is_ours(three: Three) -> None:
    three.put(three.public, "0.1", "theirs")
    mine = make_wheel(three.scene.folder / "dist", three.name, "1.0")
    url = three.public.simple_url.rstrip("/")
    verdict = three.rehearse("{name}", wheels=(mine,), published=(url,))
    assert verdict.status == "resolved", verdict


def test_without_a_public_index_nothing_is_looked_up(three: Three) -> None:
    mine = three.put(three.ours, "1.0", "ours")
    three.put(three.public, "5.0", "theirs")
    three.scene.public = PipIndexes(index_url=three.public.simple_url)
    asked: list[str] = []
    verdict = three.rehearse(
        "--extra-index-url {ours}", "{name}", wheels=(mine,), no_public=True, announce=asked.extend
    )
    assert verdict.status == "unproven", verdict
    assert "`public-index` is none" in verdict.problems[0].message
    assert verdict.resolved[0].version == "1.0"
    assert asked == [three.ours.simple_url]
    alone = three.rehearse("--index-url {ours}", "{name}", wheels=(mine,), no_public=True)
    assert alone.status == "resolved", alone


def test_another_private_index_that_wins_is_another_file(three: Three) -> None:
    mine = three.put(three.ours, "1.0", "ours")
    three.put(three.other, "1.0", "theirs")
    lines = ("--extra-index-url {ours}", "--extra-index-url {other}", PIN)
    verdict = three.rehearse(*lines, wheels=(mine,))
    assert [problem.code for problem in verdict.problems] == ["other-file"]
    assert three.pip(*lines) != mine.sha256
    assert three.rehearse(lines[1], lines[0], PIN, wheels=(mine,)).status == "resolved"


def test_a_new_wheel_is_to_be_had_only_where_its_index_is_named(three: Three) -> None:
    mine = make_wheel(three.scene.folder / "dist", three.name, "1.0")
    verdict = three.rehearse("--extra-index-url {other}", PIN, wheels=(mine,))
    problem = only(verdict)
    assert (verdict.status, problem.exit_code) == ("failed", 7)
    assert f"No index of this definition has the {three.name}" in problem.message
    assert three.ours.simple_url in problem.cure
    assert three.rehearse("--extra-index-url {ours}", PIN, wheels=(mine,)).status == "resolved"


def test_no_wheel_for_this_image_names_what_there_is(three: Three) -> None:
    made = three.scene.folder / "dist"
    mine = make_wheel(made, three.name, "1.0", tag="cp312-cp312-win_amd64")
    verdict = three.rehearse("--extra-index-url {ours}", PIN, wheels=(mine,))
    problem = only(verdict)
    assert (verdict.status, problem.exit_code) == ("failed", 7)
    assert mine.file in problem.message


def test_each_page_is_read_once_for_all_definitions(
    three: Three, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counted(transport: Transport, url: str, **more: Any) -> Response:
        read.append(url)
        return ask(transport, url, **more)

    monkeypatch.setattr(pages, "ask", counted)
    mine = three.put(three.ours, "1.0", "ours")
    asked: list[tuple[str, list[str]]] = []
    verdicts = rehearse(
        [
            Subject(f"{number}.yml", tuple(three.lines("--extra-index-url {ours}", line)), python)
            for number, (line, python) in enumerate(
                itertools.product((PIN, "{name}>=1"), ("3.10", "3.11", "3.12"))
            )
        ],
        wheels=(mine,),
        platform="x86_64-manylinux_2_28",
        environment=three.scene.environment,
        read=three.scene.files.get,
        published=(three.ours.simple_url,),
        public=PipIndexes(index_url=three.public.simple_url),
        announce=lambda names: asked.extend((index, [*each]) for index, each in names.items()),
    )
    assert {verdict.status for verdict in verdicts} == {"resolved"}
    assert sorted(asked) == sorted(
        (server.simple_url, [three.name]) for server in (three.ours, three.public)
    )
    assert sorted(read) == sorted(
        f"{server.simple_url}{three.name}/" for server in (three.ours, three.public)
    )


def test_names_that_only_others_require_are_found(three: Three, tmp_path: Path) -> None:
    needed = three.name
    mine = three.put(three.ours, "1.0", "ours")
    three.put(three.public, "0.1", "theirs")
    # a package that is not ours requires one that is
    stranger = make_wheel(three.ours.directory, f"stranger-{needed}", "1.0", [needed])
    verdict = three.rehearse("--extra-index-url {ours}", f"{stranger.name}==1.0", wheels=(mine,))
    assert "dependency-confusion" in {problem.code for problem in verdict.problems}, verdict
    # and one of ours does, in its own metadata
    app = make_wheel(tmp_path / "dist", f"app-{needed}", "1.0", [f"{needed}==1.0"])
    pinned = three.rehearse("--extra-index-url {ours}", f"{app.name}==1.0", wheels=(app, mine))
    assert pinned.status == "resolved", pinned
    free = make_wheel(tmp_path / "dist", f"free-{needed}", "1.0", [f"{needed}>=1.0"])
    found = three.rehearse("--extra-index-url {ours}", f"{free.name}==1.0", wheels=(free, mine))
    assert "dependency-confusion" in {problem.code for problem in found.problems}, found


def test_a_private_index_protects_only_with_the_version(three: Three) -> None:
    three.put(three.public, "0.1", "theirs")
    three.put(three.ours, "1.0", "ours")
    # released once, but never this one: whoever owns the public name may publish it
    verdict = three.rehearse("--extra-index-url {ours}", "{name}==1.1")
    confused = verdict.problems[0]
    assert (verdict.status, confused.code) == ("failed", "dependency-confusion")
    assert f"{three.name}==1.1" in confused.message
    # an index that is covered by a connection, and does not have it, protects nothing
    connected = Connection("ml", three.other.url)
    lines = ("--index-url {ours}", "--extra-index-url {public}", "--extra-index-url {other}", PIN)
    verdict = three.rehearse(*lines, connections=(connected,))
    assert verdict.problems[0].code == "dependency-confusion", verdict
    # not built yet, it will be there
    ahead = three.rehearse("--extra-index-url {ours}", "{name}==1.1", resolve=False)
    assert ahead.status == "skipped", ahead
    assert [problem.code for problem in ahead.problems] == ["public-could-win"]


def test_an_extra_counts_only_where_it_is_asked_for(three: Three, tmp_path: Path) -> None:
    mine = three.put(three.ours, "1.0", "ours")
    three.put(three.public, "0.1", "theirs")
    app = make_wheel(
        tmp_path / "dist", f"extra-{three.name}", "1.0", [f"{three.name} ; extra == 'fast'"]
    )
    pin = f"{app.name}==1.0"
    plain = three.rehearse("--extra-index-url {ours}", pin, wheels=(app, mine))
    assert plain.status == "resolved", plain
    asked = three.rehearse(
        "--extra-index-url {ours}", pin.replace("==", "[fast]=="), wheels=(app, mine)
    )
    assert asked.problems[0].code == "dependency-confusion", asked


HIGHER = {
    "a build number": ("1.0", "1-py3-none-any"),
    "better tags": ("1.0", "cp311-cp311-manylinux_2_17_x86_64"),
    "a local version": ("1.0+theirs", "py3-none-any"),
}


@pytest.mark.parametrize("higher", HIGHER)
def test_an_exact_pin_and_the_last_place_do_not_keep_out_what_ranks_higher(
    three: Three, higher: str
) -> None:
    mine = three.put(three.ours, "1.0", "ours")
    three.put(three.public, "0.1", "squatted")
    lines = ("--extra-index-url {ours}", PIN)
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    warned = three.rehearse(*lines, wheels=(mine,), python=python)
    warning = only(warned)
    assert (warned.status, warning.code, warning.severity, warning.exit_code) == (
        *("resolved", "public-could-win", "warning"),
        0,
    )
    assert '`pin = "url"`' in warning.cure
    assert three.pip(*lines) == mine.sha256
    excused = Allowances([Allowance("public-could-win", three.name, "We own it there.")])
    noticed = three.rehearse(*lines, wheels=(mine,), python=python, allowances=excused)
    assert [problem.severity for problem in noticed.problems] == ["notice"]
    alone = three.rehearse("--index-url {ours}", PIN, wheels=(mine,), python=python)
    assert alone.problems == ()
    # and then the public index has it
    version, tag = HIGHER[higher]
    tag = tag.replace("cp311", f"cp{python.replace('.', '')}")
    theirs = make_wheel(three.public.directory, three.name, version, tag=tag, note="theirs")
    assert three.pip(*lines) == theirs.sha256
    verdict = three.rehearse(*lines, wheels=(mine,), python=python)
    problem = only(verdict)
    assert (verdict.status, problem.code, problem.exit_code) == (
        *("failed", "dependency-confusion"),
        4,
    )
    assert theirs.file in problem.message
    assert '`pin = "url"`' in problem.cure


def test_a_connection_for_a_whole_host_makes_no_public_index_ours(three: Three) -> None:
    mine = three.put(three.ours, "1.0", "ours")
    three.put(three.public, "0.1", "theirs")
    connections = (Connection("both", three.public.url), Connection("ours", three.ours.url))
    lines = ("--extra-index-url {ours}", "{name}")
    verdict = three.rehearse(*lines, wheels=(mine,), connections=connections)
    assert "dependency-confusion" in {problem.code for problem in verdict.problems}, verdict


def test_a_source_that_pip_would_build_is_none_of_ours(three: Three) -> None:
    mine = three.put(three.ours, "1.0", "ours")
    make_source(three.other.directory, three.name.replace("-", "_"), "2.0")
    lines = ("--extra-index-url {ours}", "--extra-index-url {other}", "{name}")
    verdict = three.rehearse(*lines, wheels=(mine,))
    assert (verdict.status, verdict.problems[0].exit_code) == ("failed", 7), verdict
    assert "2.0.tar.gz" in verdict.problems[0].message
    with pytest.raises(subprocess.CalledProcessError):
        three.pip(*lines)  # it builds it, and that fails
    wheels_only = ("--only-binary=:all:", *lines)
    assert three.rehearse(*wheels_only, wheels=(mine,)).status == "resolved"
    assert three.pip(*wheels_only) == mine.sha256


def test_a_name_that_is_wanted_as_a_source_is_looked_for_too(three: Three) -> None:
    mine = three.put(three.ours, "1.0", "ours")
    make_source(three.public.directory, three.name.replace("-", "_"), "2.0")
    lines = ("--extra-index-url {ours}", "--no-binary={name}", "{name}")
    verdict = three.rehearse(*lines, wheels=(mine,))
    assert "dependency-confusion" in {problem.code for problem in verdict.problems}, verdict


def test_a_file_of_our_name_on_another_host_is_another_file(three: Three) -> None:
    mine = three.put(three.ours, "1.0", "ours")
    theirs = three.put(three.other, "1.0", "theirs")
    line = "{name} @ " + f"{three.other.url}packages/{theirs.file}"
    assert three.pip(line) == theirs.sha256
    verdict = three.rehearse(line, wheels=(mine,))
    assert [problem.code for problem in verdict.problems] == ["other-file"], verdict
    here = three.rehearse(line.replace(three.other.url, three.ours.url), wheels=(mine,))
    assert here.status == "resolved", here
