"""Real uv, on indexes of this machine."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.conftest import PLATFORM, Scene
from tests.rehearsal.made import make_index, make_wheel
from wheelstep.errors import DefinitionUnresolvable, SettingError
from wheelstep.rehearsal.interface import Subject, Verdict
from wheelstep.rehearsal.lookup import Looked, Order
from wheelstep.rehearsal.resolve import errors_of, rehearse, skipped

OURS = ("https://feed.invalid/",)
"""Where new wheels will be."""


def versions(verdict: Verdict) -> dict[str, str]:
    return {each.name: each.version for each in verdict.resolved}


def test_the_new_wheel_wins_over_a_published_one_of_its_version(scene: Scene) -> None:
    wheel = make_wheel(scene.folder / "dist", "acme-core", "1.0", ["left"], note="new")
    verdict = scene.rehearse("acme-core==1.0", wheels=(wheel,))
    assert verdict.status == "resolved"
    # the public index has the name, too
    assert [problem.code for problem in verdict.problems] == ["public-could-win"]
    assert versions(verdict) == {"acme-core": "1.0", "left": "2.0", "right": "1.5"}
    core, left, _ = verdict.resolved
    assert core.sha256 == wheel.sha256
    assert core.index is None
    assert left.index == scene.public.index_url
    assert errors_of([verdict]) == []


def test_an_unpinned_definition_that_takes_the_public_version_fails(scene: Scene) -> None:
    wheel = make_wheel(scene.folder / "dist", "acme-core", "1.0")
    verdict = scene.rehearse("acme-core", wheels=(wheel,))
    assert verdict.status == "failed"
    (problem,) = verdict.problems
    assert (problem.code, problem.exit_code) == ("dependency-confusion", 4)
    assert "99.0" in problem.message
    assert (problem.file, problem.line) == ("envs/train.yml", 7)


def test_a_released_package_reached_through_another_is_only_warned_of(scene: Scene) -> None:
    wheels = (
        make_wheel(scene.folder / "dist", "acme-app", "1.0", ["acme-base"]),
        make_wheel(scene.folder / "dist", "acme-base", "1.0"),
    )
    other = make_index(scene.folder / "other", make_wheel(scene.folder / "w", "acme-base", "9.0"))
    verdict = scene.rehearse(f"--extra-index-url {other}", "acme-app==1.0", wheels=wheels)
    assert verdict.status == "resolved"
    assert [(each.code, each.severity) for each in verdict.problems] == [
        ("other-version", "warning")
    ]


def test_a_conflict_says_who_wants_what_and_where(scene: Scene) -> None:
    wheel = make_wheel(scene.folder / "dist", "acme-app", "1.0", ["right<1.2"])
    subject = Subject(
        "conda.yml",
        ("left==2.0", "acme-app==1.0", "right>=1.5"),
        "3.10",
        3,
        (("left", 9), ("acme-app", 10), ("right", 11)),
    )
    (verdict,) = rehearse(
        [subject],
        wheels=[wheel],
        platform=PLATFORM,
        environment=scene.environment,
        read=scene.files.get,
        public=scene.public,
    )
    assert verdict.status == "failed"
    (problem,) = verdict.problems
    assert problem.exit_code == 7
    assert problem.line in {10, 11}
    for said in ("acme-app", "right<1.2", "the definition requires right>=1.5"):
        assert said in problem.message
    assert tempfile.gettempdir() not in problem.message
    assert "--no-build" not in problem.message
    assert isinstance(errors_of([verdict])[0], DefinitionUnresolvable)


def test_a_package_for_a_newer_python_fails_only_there(scene: Scene) -> None:
    assert scene.rehearse("newer-python", python="3.10").status == "failed"
    assert scene.rehearse("newer-python", python="3.12.1").status == "resolved"


def test_the_file_that_fits_the_platform_is_told(scene: Scene) -> None:
    on_linux = scene.rehearse("native==1.0").resolved[0]
    on_windows = scene.rehearse("native==1.0", platform="x86_64-pc-windows-msvc").resolved[0]
    assert on_linux.sha256
    assert on_windows.sha256
    assert on_linux.sha256 != on_windows.sha256
    verdict = scene.rehearse("other-system==1.0")
    assert verdict.status == "failed"
    assert "win_amd64" in verdict.problems[0].message


@pytest.mark.parametrize("line", ["only-source", "needs-built==1.0"])
def test_what_would_have_to_be_built_is_unproven(scene: Scene, line: str) -> None:
    verdict = scene.rehearse(line, "left")
    assert verdict.status == "unproven"
    assert "only-source" in verdict.problems[0].message
    assert versions(verdict)["left"] == "2.0"
    assert errors_of([verdict]) == []


def test_a_conflict_beside_a_source_still_fails(scene: Scene) -> None:
    verdict = scene.rehearse("needs-built==1.0", "left<1")
    assert verdict.status == "failed"
    assert verdict.problems[0].severity == "error"
    assert "left<1" in verdict.problems[0].message


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("tool @ git+https://git.invalid/tool.git@abc", "tool"),
        ("-e git+https://git.invalid/tool.git#egg=tool", "tool"),
        ("https://files.invalid/tool-1.0.tar.gz", "tool-1.0.tar.gz"),
        ("--no-binary=left", "left"),
        ("by-url==1.0", "acme-core"),
        ("--extra-index-url https://${HOST}/simple", "variable"),
        ("left==${VERSION}", "variable"),
        ("--find-links ./wheels", "./wheels"),
        ("-r https://files.invalid/requirements.txt", "files.invalid"),
        ("--brand-new-option", "--brand-new-option"),
        ("./wheels/gone-1.0-py3-none-any.whl", "gone"),
    ],
)
def test_what_cannot_be_known_here_is_unproven(scene: Scene, line: str, named: str) -> None:
    verdict = scene.rehearse(line, "right==1.0")
    assert verdict.status == "unproven"
    assert any(named in each.message for each in verdict.problems)
    assert errors_of([verdict]) == []


def test_no_password_in_a_line_is_shown(scene: Scene) -> None:
    verdict = scene.rehearse("--extra-index-url https://me:hunter22@${HOST}/simple", "left")
    assert verdict.status == "unproven"
    assert "hunter22" not in repr(verdict)


def test_a_wheel_by_url_is_the_new_wheel_itself(scene: Scene) -> None:
    wheel = make_wheel(scene.folder / "dist", "acme-core", "1.0", ["right"], note="new")
    url = f"https://feed.invalid/files/{wheel.file}"
    for line in (url, f"acme-core @ {url}#sha256={wheel.sha256}"):
        verdict = scene.rehearse(line, wheels=(wheel,), files_at=OURS)
        assert verdict.status == "resolved", verdict
        assert verdict.resolved[0].sha256 == wheel.sha256
        assert versions(verdict)["right"] == "1.5"
    line = f"acme-core @ {url}#sha256={'0' * 64}"
    verdict = scene.rehearse(line, wheels=(wheel,), files_at=OURS)
    assert verdict.status == "failed"
    assert wheel.sha256 in verdict.problems[0].message


def test_a_url_of_anothers_is_not_the_new_wheel(scene: Scene) -> None:
    wheel = make_wheel(scene.folder / "dist", "acme-core", "1.0", note="new")
    for ours in ((), OURS):
        line = f"acme-core @ https://somebody.invalid/{wheel.file}"
        verdict = scene.rehearse(line, wheels=(wheel,), files_at=ours)
        assert verdict.status != "resolved", verdict


def test_a_wheel_that_another_names_by_url_is_the_new_one(scene: Scene) -> None:
    core = make_wheel(scene.folder / "dist", "acme-core", "1.0", note="new")
    requires = [f"acme-core @ https://feed.invalid/files/{core.file}"]
    app = make_wheel(scene.folder / "dist", "acme-app", "1.0", requires)
    verdict = scene.rehearse("acme-app==1.0", wheels=(app, core), files_at=OURS)
    assert verdict.status == "resolved", verdict
    assert verdict.resolved[1].sha256 == core.sha256


def test_files_named_by_the_section_are_read_from_the_snapshot(scene: Scene) -> None:
    kept = make_wheel(scene.folder / "kept", "kept", "3.0")
    assert kept.path
    scene.files |= {
        "envs/base/requirements.txt": b"\xef\xbb\xbfleft  # the left one\n-c ../limits.txt\n",
        "envs/limits.txt": b"right \\\n  < 1.2\n",
        f"envs/wheels/{kept.file}": kept.path.read_bytes(),
    }
    verdict = scene.rehearse("-r base/requirements.txt", f"./wheels/{kept.file}")
    assert verdict.status == "resolved", verdict
    assert versions(verdict) == {"kept": "3.0", "left": "2.0", "right": "1.0"}


def test_faults_in_files_carry_their_place(scene: Scene) -> None:
    scene.files |= {
        "envs/a.txt": b"left\n\n-r b.txt\n",
        "envs/b.txt": b"-r a.txt\n",
        "envs/latin.txt": b"left # caf\xe9\n",
        "envs/wrong.txt": b"left\nno such thing\n",
    }
    for line, file, number, said in (
        ("-r a.txt", "envs/b.txt", 1, "names itself"),
        ("-r gone.txt", "envs/train.yml", 7, "gone.txt"),
        ("-r latin.txt", "envs/latin.txt", 1, "UTF-8"),
        ("-r wrong.txt", "envs/wrong.txt", 2, "no such thing"),
        ("--index-url", "envs/train.yml", 7, "no value"),
        ("--find-links 'unclosed", "envs/train.yml", 7, "quotation"),
        ("https://x.invalid/not-a-wheel.whl", "envs/train.yml", 7, "wheel name"),
    ):
        verdict = scene.rehearse(line)
        assert verdict.status == "failed", line
        (problem,) = verdict.problems
        assert (problem.file, problem.line) == (file, number)
        assert said in problem.message


def test_hashes_are_held_against_the_files(scene: Scene) -> None:
    wheel = make_wheel(scene.folder / "dist", "acme-core", "1.0", ["right"], note="new")
    right = scene.rehearse("right==1.5").resolved[0].sha256
    pinned = f"acme-core==1.0 --hash=sha256:{wheel.sha256}"
    good = scene.rehearse(pinned, f"right==1.5 --hash=sha256:{right}", wheels=(wheel,))
    assert good.status == "resolved", good
    missing = scene.rehearse(pinned, wheels=(wheel,))
    assert [each.code for each in missing.problems] == ["hash-missing"]
    wrong = scene.rehearse(pinned, f"right==1.5 --hash=sha256:{'0' * 64}", wheels=(wheel,))
    assert [each.code for each in wrong.problems] == ["hash-mismatch"]
    assert (missing.status, wrong.status) == ("failed", "failed")


def test_extras_and_markers_count(scene: Scene) -> None:
    wheel = make_wheel(scene.folder / "dist", "acme-core", "1.0", ["left ; extra == 'more'"])
    verdict = scene.rehearse(
        "acme-core[more]==1.0", "right ; python_version < '3'", wheels=(wheel,)
    )
    assert versions(verdict) == {"acme-core": "1.0", "left": "2.0", "right": "1.5"}
    verdict = scene.rehearse(
        f"acme-core[more] @ https://feed.invalid/{wheel.file} ; python_version > '3'",
        wheels=(wheel,),
        files_at=OURS,
    )
    assert versions(verdict) == {"acme-core": "1.0", "left": "2.0", "right": "1.5"}


def test_without_a_python_the_running_one_is_assumed_and_said(scene: Scene) -> None:
    verdict = scene.rehearse("left", python=None)
    assert verdict.status == "resolved"
    assert verdict.python == f"{sys.version_info[0]}.{sys.version_info[1]}"
    (problem,) = verdict.problems
    assert problem.code == "python-assumed"
    # it may say `python>=3.9,<3.12`
    assert "does not say exactly which Python" in problem.message


def test_an_index_read_in_place_of_one_that_is_not_served_yet(scene: Scene) -> None:
    folder = make_index(scene.folder / "index", make_wheel(scene.folder / "w", "acme-tools", "0.1"))
    url = "https://packages.invalid/simple"
    verdict = scene.rehearse(f"--extra-index-url {url}/", "acme-tools==0.1", instead={url: folder})
    assert verdict.status == "resolved", verdict
    assert verdict.resolved[0].index == f"{url}"


def test_definitions_that_ask_the_same_are_resolved_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wheelstep.rehearsal.asker import Asker
    from wheelstep.rehearsal.question import Answer, Question

    asked: list[object] = []
    original = Asker.resolve

    def counted(self: Asker, one: Question, order: Order, work: Path, looked: Looked) -> Answer:
        asked.append(one)
        return original(self, one, order, work, looked)

    monkeypatch.setattr(Asker, "resolve", counted)
    subjects = [Subject(f"{name}.yml", ("left",), "3.10") for name in "abc"]
    subjects.append(replace(subjects[0], path="d.yml", python="3.11"))
    verdicts = rehearse(
        subjects,
        wheels=[],
        platform=PLATFORM,
        environment=scene.environment,
        read=scene.files.get,
        public=scene.public,
    )
    assert [each.path for each in verdicts] == ["a.yml", "b.yml", "c.yml", "d.yml"]
    assert {each.status for each in verdicts} == {"resolved"}
    assert len(asked) == 2


def test_a_section_that_is_not_wholly_known_is_unproven(scene: Scene) -> None:
    reason = "Line 4: what is handed over is an f-string."
    verdicts = rehearse(
        [Subject("env.py", ("left",), "3.10", unknown=(reason,)), Subject("b.py", ("left",))],
        wheels=[],
        platform=PLATFORM,
        environment=scene.environment,
        read=scene.files.get,
        public=scene.public,
    )
    assert [each.status for each in verdicts] == ["unproven", "resolved"]
    (problem,) = [one for one in verdicts[0].problems if one.code == "unproven"]
    assert problem.message == f"env.py is unproven: {reason}"
    assert errors_of(verdicts) == []


def test_a_misspelt_platform_gets_the_nearest_names(scene: Scene) -> None:
    with pytest.raises(SettingError) as caught:
        scene.rehearse("left", platform="x86_64-manylinux_2_82")
    assert "x86_64-manylinux_2_28" in caught.value.cure


@pytest.mark.parametrize("by_url", [False, True])
def test_a_wheel_linked_against_the_building_machine_is_unproven(
    scene: Scene, *, by_url: bool
) -> None:
    made = scene.folder / "dist"
    plain = make_wheel(made, "acme-core", "1.0", tag="cp310-cp310-linux_x86_64")
    line = f"https://feed.invalid/{plain.file}" if by_url else "acme-core==1.0"
    verdict = scene.rehearse(line, wheels=(plain,), files_at=OURS)
    assert verdict.status == "unproven", verdict
    (problem,) = [one for one in verdict.problems if one.code != "public-could-win"]
    assert (problem.code, problem.severity, problem.line) == (
        "wheel-for-this-machine",
        "warning",
        7,
    )
    assert plain.file in problem.message
    assert "auditwheel" in problem.cure
    assert errors_of([verdict]) == []


def test_a_wheel_made_for_every_linux_is_proof(scene: Scene) -> None:
    made = scene.folder / "dist"
    plain = make_wheel(made, "acme-core", "1.0", tag="cp310-cp310-linux_x86_64")
    for tag in ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64.linux_x86_64"):
        repaired = make_wheel(made, "acme-core", "1.0", tag=f"cp310-cp310-{tag}", note=tag)
        verdict = scene.rehearse("acme-core==1.0", wheels=(plain, repaired))
        assert verdict.status == "resolved", verdict
        assert {problem.code for problem in verdict.problems} == {"public-could-win"}, verdict
        assert verdict.resolved[0].sha256 == repaired.sha256


def test_switched_off() -> None:
    (verdict,) = skipped([Subject("a.yml", ("left",))], PLATFORM)
    assert verdict.status == "skipped"


def test_the_new_wheel_wins_over_a_folder_of_links_too(scene: Scene) -> None:
    other = make_wheel(scene.folder / "links", "acme-core", "1.0", note="older")
    wheel = make_wheel(scene.folder / "dist", "acme-core", "1.0", note="new")
    links = replace(scene.public, find_links=((scene.folder / "links").as_uri(),))
    there = replace(scene, public=links)
    assert there.rehearse("acme-core==1.0").resolved[0].sha256 != wheel.sha256
    verdict = there.rehearse("acme-core==1.0", wheels=(wheel,))
    assert verdict.status == "resolved", verdict
    assert verdict.resolved[0].sha256 == wheel.sha256 != other.sha256


def test_the_cure_fits_why_pip_takes_no_file(scene: Scene) -> None:
    made = scene.folder / "made"
    wheel = make_wheel(made, "acme-tools", "0.1")
    other = make_wheel(made, "acme-tools", "0.3", tag="cp312-cp312-win_amd64")
    index = make_index(scene.folder / "index", wheel, other)
    extra = f"--extra-index-url {index}"
    ours: dict[str, Any] = {"released": ("acme-tools",), "published": ["https://ours.invalid/"]}

    def cure(*lines: str, **more: Any) -> str:
        (problem,) = scene.rehearse(*lines, **(ours | more)).problems
        assert problem.code == "unresolvable"
        return problem.cure

    assert cure(extra, "acme-tools==0.3").startswith("Name a Python that acme-tools has a wheel")
    hashed = f"acme-tools==0.1 --hash=sha256:{'0' * 64}"
    empty = make_index(scene.folder / "empty", other)
    new: dict[str, Any] = {"wheels": (wheel,), "published": [empty]}
    assert "SHA-256" in cure(f"--extra-index-url {empty}", hashed, **new)
    # released before, and nowhere that this looks
    assert cure("acme-tools==0.1") == "Name the index https://ours.invalid/ in the definition."
    old = make_index(scene.folder / "old", wheel)
    assert cure(f"--extra-index-url {old}", "acme-tools==0.2").startswith("Change the requirements")


def test_no_option_of_another_program_is_recommended(scene: Scene) -> None:
    (problem,) = scene.rehearse("newer-python==1.0").problems
    assert problem.exit_code == 7
    assert "--python-version" not in problem.message


@pytest.mark.parametrize("bad", ["foo bar baz", "-r nope.txt", "--hash 'open"])
def test_a_line_that_pip_refuses_is_told_with_its_number(scene: Scene, bad: str) -> None:
    scene.files["envs/train.yml"] = ("\n" * 6 + f"- pip:\n  - left\n  - {bad}\n").encode()
    (problem,) = scene.rehearse("left", bad).problems
    assert (problem.file, problem.line) == ("envs/train.yml", 9)


def test_a_python_of_many_digits_is_none(scene: Scene) -> None:
    for python in ("3.99999999", f"{'9' * 5000}.1"):
        (notice,) = scene.rehearse("left", python=python).problems
        assert notice.code == "python-assumed"


def test_a_path_with_a_condition_that_is_none_is_a_fault(scene: Scene) -> None:
    wheel = make_wheel(scene.folder / "dist", "acme-core", "1.0")
    verdict = scene.rehearse(f"./{wheel.file} ; ==1.*", wheels=(wheel,))
    assert (verdict.status, verdict.problems[0].exit_code) == ("failed", 7)
    assert "condition" in verdict.problems[0].message
