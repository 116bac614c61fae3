"""What a release is held to by a plan that was agreed to, and what a file has to be for one."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stages.plan_kit import SAID_ONLY, SAMPLE, URL, agreed, mutations, present, written
from wheelstep.definitions.plan import Edits, PlannedEdit
from wheelstep.errors import CannotHere, Refused, SettingError, StepError
from wheelstep.model import PinChange
from wheelstep.report import ConnectionRow, PackageRow, PublishedRow, Report, WheelRow
from wheelstep.stages.agreed.document import definitions_of
from wheelstep.stages.agreed.file import digest_of, read_plan, write_plan
from wheelstep.stages.agreed.known_later import without_what_is_built


def with_(**more: Any) -> dict[str, Any]:
    return copy.deepcopy(SAMPLE) | more


def refused(document: dict[str, Any], now: dict[str, Any], path: Path) -> str:
    with pytest.raises(StepError) as caught:
        agreed(document, path).hold(present(now))
    assert {one.exit_code for one in caught.value.problems()} == {4}
    return "\n".join(one.message for one in caught.value.problems())


def test_the_same_is_no_difference(tmp_path: Path) -> None:
    agreed(SAMPLE, tmp_path / "plan.json").hold(present(SAMPLE))


def test_a_url_that_is_known_after_build_cannot_be_agreed_to_before(tmp_path: Path) -> None:
    text = json.dumps(SAMPLE).replace(URL, URL.replace("known-after-build.invalid", "h"))
    assert answer(json.loads(text), tmp_path / "plan.json") == ("plan-differs", 4)


def answer(document: dict[str, Any], path: Path) -> tuple[str, int] | None:
    """Return code and exit code of what is said of a plan; None where it is held."""
    try:
        agreed(document, path).hold(present(SAMPLE))
    except StepError as error:
        (code,) = {one.code for one in error.problems()}
        return code, error.exit_code
    return None


def test_whatever_is_changed_in_a_plan_is_refused(tmp_path: Path) -> None:
    path, seen = tmp_path / "plan.json", 0
    for steps, other in mutations(SAMPLE):
        seen += 1
        said = answer(other, path)
        assert said in {("bad-plan", 2), ("plan-differs", 4)} or steps in SAID_ONLY, (steps, other)
    assert seen > 1000


def test_what_is_done_already_is_no_difference(tmp_path: Path) -> None:
    now = with_(copies=[], connections=[], tags=[])
    done = {key: SAMPLE[key] for key in ("copies", "connections", "tags")}
    now["definitions"][0] |= {"status": "unchanged", "diff": "", "pins": []}
    now["packages"], now["released"] = [], [*now["packages"], *now["released"]]
    now["released"][0]["added"] = []
    now["released"][1]["wheels"] += now["released"][1]["added"]
    now["released"][1]["added"] = []
    plan = agreed(SAMPLE, tmp_path / "plan.json")
    plan.hold(type(present(now))(now, done))
    with pytest.raises(StepError, match="A copy is in the plan, and would not be made"):
        plan.hold(present(now))
    now["released"][0]["wheels"] = []
    with pytest.raises(StepError, match=r"acme-core 1\.1\.0 was released with other wheels"):
        plan.hold(type(present(now))(now, done))


def put(*steps: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what puts a value into a plan."""

    def change(document: dict[str, Any]) -> None:
        *before, last = steps
        holder: Any = document
        for step in before:
            holder = holder[step]
        holder[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("settings", "pin", value="git"), "`pin`: url is agreed, now it is git."),
        (put("settings", "closure", value=0), "`closure`: true is agreed, now it is 0."),
        (put("settings", "tag", value="v"), "`tag`: null is agreed, now it is v."),
        (put("settings", "new", value=None), "`new`: null is agreed, now it is null."),
        (put("packages", 0, "version", value="1.2"), "acme-core: 1.1.0 is agreed, now it is 1.2."),
        (put("packages", 0, "sources", value=""), "acme-core 1.1.0 has other sources"),
        (
            put("packages", 0, "wheels", 0, "sha256", value="0" * 64),
            "acme-core 1.1.0: the wheel acme_core-1.1.0-py3-none-any.whl has other content",
        ),
        (
            put("packages", 0, "wheels", value=[{"file": "more.whl", "sha256": ""}]),
            "acme-core 1.1.0: the wheel more.whl is not in the plan.",
        ),
        (
            put("released", 0, "added", value=[{"file": "more.whl", "sha256": ""}]),
            "acme-models 3.0 has other wheels than those agreed to.",
        ),
        (put("packages", value=[]), "acme-core is in the plan, and is no package here."),
        (put("released", 0, "wheels", value=[]), "acme-models 3.0 has other wheels"),
        (put("released", 0, "name", value="acme-x"), "acme-x 3.0 is a package here, and is not"),
        (put("copies", value=["x to y"]), "A copy is not in the plan: x to y."),
        (
            put("tags", value=[{"name": "v2", "commit": "e" * 40}]),
            f"A tag is not in the plan: v2 (commit {'e' * 40}).",
        ),
        (put("definitions", value=[]), "It is in the plan, and is no definition any more."),
        (put("definitions", 1, "path", value="x"), "It is a definition now, and is not in the"),
        (put("definitions", 0, "path", value="x"), "It would be changed, and is not in the plan."),
        (put("definitions", 0, "before", value="9"), "Somebody has changed it since the plan"),
        (put("definitions", 0, "removed", value=[]), "The wheels to remove beside it"),
        (put("definitions", 1, "status", value="changed"), "the plan leaves it alone"),
    ],
)
def test_what_differs_is_said(
    change: Callable[[dict[str, Any]], object], says: str, tmp_path: Path
) -> None:
    change(now := with_(commit="d" * 40))
    text = refused(SAMPLE, now, tmp_path / "plan.json")
    assert says in text
    assert text.startswith(f"The plan is of the commit {'c' * 12}, and {'d' * 12} is checked out.")


# --- after building ------------------------------------------------------------------------------


WHEEL = "acme_core-1.1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
BEFORE = b"acme-core==1.0 --hash=sha256:" + b"0" * 64 + b"\nnumpy\n"


def edit(after: str, *unknown: str) -> Edits:
    text = after.partition("\n")[0].partition(" --")[0].rstrip("\\ ")
    pin = PinChange("acme-core", "acme-core==1.0", text, 1)
    one = PlannedEdit("a.txt", "requirements", BEFORE, after.encode(), (pin,), unknown=unknown)
    return Edits((one,), ())


URL_LATER = edit(
    "acme-core @ https://known-after-build.invalid/acme_core-1.1.0-py3-none-any.whl"
    "#sha256=known-after-build\nnumpy\n",
    "the URL of acme-core 1.1.0",
)
HASH_LATER = edit(
    "acme-core==1.1.0 --hash=sha256:known-after-build\nnumpy\n", "the hashes of acme-core 1.1.0"
)


def held(was: Edits, now: Edits, path: Path, report: Report | None = None) -> str:
    """Return what differs."""
    rows = definitions_of(was, [("acme-core", "1.1.0")])
    plan = agreed(with_(definitions=rows), path)
    try:
        plan.hold_edits(now, report or Report("release"))
    except Refused as error:
        return error.message
    return ""


FOUND = f"acme-core @ https://h/i/{WHEEL}#sha256={'a' * 64}\n"
SUM, OTHER = f"--hash=sha256:{'a' * 64}", f"--hash=sha256:{'b' * 64}"


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        (URL_LATER, URL_LATER, ""),
        (URL_LATER, edit(f"{FOUND}numpy\n"), ""),
        (URL_LATER, edit("acme-core==1.1.0\nnumpy\n"), "The pins "),
        (URL_LATER, edit(f"{FOUND}numpy\n".replace("1.1.0", "1.2.0")), "The pins "),
        (URL_LATER, edit(f"{FOUND}numpy\n".replace("acme_core", "other")), "The pins "),
        (URL_LATER, edit(f"{FOUND}numpy==2\n"), "Its edit differs"),
        (HASH_LATER, edit(f"acme-core==1.1.0 {SUM}\nnumpy\n"), ""),
        (HASH_LATER, edit(f"acme-core==1.1.0 \\\n  {SUM} \\\n  {OTHER}\nnumpy\n"), ""),
        (HASH_LATER, edit(f"acme-core==1.1.0 {SUM}\nacme-models\nnumpy\n"), "Its edit differs"),
        (edit("acme-core==1.1.0\nnumpy\n"), URL_LATER, "The pins "),
        # what was known is not taken for known later
        (edit(FOUND), edit(FOUND.replace("aaa", "bbb")), "The pins "),
    ],
)
def test_after_building_only_what_was_known_after_build_may_differ(
    was: Edits, now: Edits, says: str, tmp_path: Path
) -> None:
    found = held(was, now, tmp_path / "plan.json")
    assert found.startswith(says) if says else not found


def test_it_says_what_is_done_already(tmp_path: Path) -> None:
    one, other = edit("acme-core==1.1.0\n"), edit("acme-core==1.2.0\n")
    before = held(one, other, tmp_path / "plan.json")
    assert before.endswith("Nothing is published, and nothing is committed.")
    report = Report("release")
    wheel = WheelRow(WHEEL, "a", "b", 1, None, [PublishedRow("feed", None, "uploaded")])
    report.packages.append(PackageRow("acme-core", "1.1.0", ".", "built", [wheel]))
    report.connections.append(ConnectionRow("s/g/w", "ml", "https://f/", "Git", None, "created"))
    after = held(one, other, tmp_path / "plan.json", report)
    assert after.endswith(
        "Nothing is committed; this is done, and stays: acme-core 1.1.0 is published at feed; "
        "the connection ml in s/g/w is created."
    )


def test_only_the_wheel_itself_is_known_later() -> None:
    versions = [("acme-core", "1.1.0+cu12")]
    other = "acme_core-1.1.1-py3-none-any.whl"
    text = f"a https://h/acme_core-1.1.0%2Bcu12-1-cp311-abi3-linux_x86_64.whl; {other}"
    expected = f"a <the wheel of acme-core 1.1.0+cu12>; {other}"
    assert without_what_is_built(text, versions, hashes=False) == expected
    near = "my-acme_core-1.1.0+cu12-py3-none-any.whl"
    assert without_what_is_built(near, versions, hashes=False) == near


# --- the file ------------------------------------------------------------------------------------


def no_plan(path: Path) -> str:
    with pytest.raises(SettingError) as caught:
        read_plan(path, path.name)
    assert caught.value.exit_code == 2
    assert caught.value.code == "bad-plan"
    return caught.value.message


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "plan.json"
    digest = write_plan(SAMPLE, path)
    assert digest == digest_of(SAMPLE) == read_plan(path, "plan.json").digest
    assert json.loads(path.read_text())["digest"] == digest
    assert [one.name for one in path.parent.iterdir()] == ["plan.json"]


def test_a_folder_is_no_plan_and_nothing_is_left_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "plan"
    folder.mkdir()
    with pytest.raises(SettingError, match="which is a folder"):
        write_plan(SAMPLE, folder)
    # nor where it cannot be told beforehand
    monkeypatch.setattr(Path, "is_dir", lambda one: one != folder)
    with pytest.raises(CannotHere, match="writing the plan"):
        write_plan(SAMPLE, folder)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_plan_changed_by_hand_is_none(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_plan(SAMPLE, path)
    path.write_text(path.read_text().replace('"1.1.0"', '"1.2.0"'))
    assert "it has been changed since it was written: its digest is" in no_plan(path)
    # other spaces, and another order, say the same
    document = json.loads(written(SAMPLE, path).read_text())
    path.write_text(json.dumps(dict(reversed(document.items())), indent=7))
    assert read_plan(path, "plan.json").digest == digest_of(SAMPLE)


def hostile(path: Path) -> Iterator[tuple[str, str]]:
    """Yield what is written, and what is said of it."""
    document = json.loads(written(SAMPLE, path).read_text())
    yield "", "it is no JSON (Expecting value)"
    yield json.dumps(document)[:-9], "it is no JSON"
    yield "[]", "it does not say that it is one"
    yield "3", "it does not say that it is one"
    yield '{"kind": ["wheelstep-plan"]}', "it does not say that it is one"
    yield "[" * 200_000, "it is no JSON"
    yield '{"a":' * 200_000, "it is no JSON"
    yield "9" * 10_000, "no plan that can be held to"
    yield "NaN", "it has NaN, which is no JSON"
    yield '{"kind": 1, "kind": "wheelstep-plan"}', "it says the same key twice"
    yield json.dumps(document | {"schema": 99}), "another version of wheelstep wrote it (schema 99)"
    yield json.dumps(document | {"schema": 1}), "another version of wheelstep wrote it (schema 1)"
    yield json.dumps({key: value for key, value in document.items() if key != "tags"}), "tags in it"
    yield json.dumps(document | {"packages": ["x"]}), "a row of packages is missing"
    yield json.dumps(document | {"packages": [{}]}), "name of a row of packages is missing"
    yield json.dumps(document | {"more": 1}), "'more' in it is nothing that a plan says"
    yield json.dumps(document | {"tags": document["tags"] * 2}), "tags has acme-core-v1.1.0 2 times"
    deep: Any = []
    for _ in range(50):
        deep = [deep]
    yield json.dumps(document | {"settings": {"pin": deep}}), "nested too deeply"


def test_no_hostile_file_is_a_plan(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    for text, says in hostile(path):
        path.write_text(text)
        assert says in no_plan(path), text[:80]
    path.write_bytes(b"\0\xff")
    assert "it is no JSON" in no_plan(path)
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)
    assert "it is too large" in no_plan(path)


def test_what_is_no_file_is_no_plan(tmp_path: Path) -> None:
    assert "it is a folder" in no_plan(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(written(SAMPLE, tmp_path / "plan.json"))
    assert "it is a symbolic link" in no_plan(link)
    assert "something else that is no file" in no_plan(Path(os.devnull))
    with pytest.raises(StepError) as caught:
        read_plan(tmp_path / "plan.json" / "x", "x")
    assert caught.value.code == "plan-missing"
