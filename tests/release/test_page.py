"""The page of a pull request: of real definitions and a real history, for the rooms of both hosts,
read by a Markdown parser."""

from __future__ import annotations

import re

import pytest

from tests.markdown_reader import Read
from tests.release.kit import Repo
from tests.release.page_kit import (
    ENDLESS,
    ROOMS,
    WHEEL,
    Page,
    check_whole,
    conda,
    locked,
    rows,
)
from wheelstep.ground.git import Git
from wheelstep.ground.markdown import BREAK
from wheelstep.ground.page import Room
from wheelstep.ground.secret import Secret
from wheelstep.lock import FILE, Lock
from wheelstep.model import Workspace
from wheelstep.report import DefinitionRow
from wheelstep.stages.proposed_commits import commits_between, folder_of
from wheelstep.stages.proposed_versions import definition_changes
from wheelstep.stages.wording import wording_of

# --- what it says ---------------------------------------------------------------------------------


def test_each_package_says_which_way_it_goes(page: Page) -> None:
    names = ("a-new", "b-newer", "c-older", "d-open", "e-odd", "f-same")
    page.locks(
        [locked("b-newer", "1.9"), locked("c-older", "2.0"), locked("e-odd", "@x fixes #1")],
        [locked("a-new", "1.0"), locked("b-newer", "1.10"), locked("c-older", "1.0"),
         locked("e-odd", "2.0")],
    )  # fmt: skip
    page.files(
        {"conda.yml": conda("b-newer==1.9", "c-older==2.0", "d-open>=1", "f-same==1")},
        {"conda.yml": conda("b-newer==1.10", "c-older==1.0", "d-open==3", "f-same==1")},
    )
    page.versions = [("d-open", "3")]
    body = page.body()
    assert rows(body, "package") == [
        ["`c-older`", "`2.0`", "`1.0`", "**older: a rollback**"],
        ["`a-new`", "*none*", "`1.0`", "new"],
        ["`b-newer`", "`1.9`", "`1.10`", "newer"],
        ["`d-open`", "*none*", "`3`", "was not pinned"],
        ["`e-odd`", f"`@{BREAK}x fixes #{BREAK}1`", "`2.0`", "cannot be compared"],
    ]
    assert "**Goes back to an older version of `c-older`.**" in body
    assert names[-1] not in body.partition("### Would")[0]


def test_what_definitions_pin_counts_where_the_record_is_not_raised(page: Page) -> None:
    """A promotion: some definitions come from an older version, some from a newer one."""
    page.locks([locked("acme", "2.0")], [locked("acme", "2.0")])
    page.files(
        {"a.yml": conda("acme==1.0"), "b.yml": conda("acme==2.0"), "c.yml": conda("acme==1.5")},
        {"a.yml": conda("acme==1.5"), "b.yml": conda("acme==1.5"), "c.yml": conda("acme==1.5")},
    )
    page.versions = [("acme", "1.5")]
    page.wheels = locked("acme", "1.5").wheels
    body = page.body()
    assert [row[1:] for row in rows(body, "package")] == [
        ["`2.0`", "`1.5`", "**older: a rollback**"],
        ["`1.0`", "`1.5`", "newer"],
    ]
    [wheel] = rows(body, "file")
    assert wheel == ["`acme-1.5-py3-none-any.whl`", f"`{page.wheels[0].sha256}`", "`../index`"]
    assert [row[0] for row in rows(body, "definition")] == ["`a.yml`", "`b.yml`"]


def test_a_pin_by_git_names_no_version_and_the_record_does(page: Page) -> None:
    page.locks([locked("acme", "1.0")], [locked("acme", "1.1")])
    url = "acme @ git+https://example.com/r@"
    page.files({"a.yml": conda(f"{url}{'1' * 40}")}, {"a.yml": conda(f"{url}{'2' * 40}")})
    body = page.body()
    assert rows(body, "package") == [["`acme`", "`1.0`", "`1.1`", "newer"]]
    assert rows(body, "definition") == [["`a.yml`", "`acme`"]]
    assert f"+      - {url}{'2' * 40}" in body


def test_who_uses_a_definition(page: Page) -> None:
    head = "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\n"
    after = {"conda.yml": conda("acme==2"), "other.yml": conda("acme==2"),
             "env.yml": f"{head}name: train\nversion: 2\nimage: x\nconda_file: conda.yml\n",
             "job.yml": "environment: azureml:train:2\n"}  # fmt: skip
    before = {path: text.replace("2\n", "1\n") for path, text in after.items()}
    page.locks([locked("acme", "1")], [locked("acme", "2")])
    page.files(before, after)
    environments = [{"name": "train", "from": "1", "to": "2", "registered": []}]
    page.report.definitions = [
        DefinitionRow("conda.yml", "changed", followed=["env.yml"]),
        DefinitionRow("env.yml", "changed", environments=environments, followed=["conda.yml"]),
        DefinitionRow("job.yml", "changed", followed=["env.yml"]),
    ]
    one, same, other = (Workspace(sub, "g", name) for sub, name in (("s", "prod"), ("t", "Prod"),
                                                                    ("s", "dev")))  # fmt: skip
    page.workspaces, page.read_by = [one, same], [("other.yml", [other])]
    assert rows(page.body(), "definition") == [
        ["`conda.yml`", "`acme`", "", "`env.yml`, workspaces `s/g/prod`, `t/g/Prod`"],
        ["`env.yml`", "", "`train` `1` -> `2`",
         "`job.yml`, workspaces `s/g/prod`, `t/g/Prod`"],
        ["`job.yml`", "", "", ""],
        ["`other.yml`", "`acme`", "", "workspace `dev`"],
    ]  # fmt: skip


@pytest.mark.parametrize("limit", [700, 60_000])
def test_what_else_changes_in_the_images(page: Page, limit: int) -> None:
    page.files({"a.yml": conda("acme==1")}, {"a.yml": conda("acme==2")})
    page.versions = [("acme", "2")]
    new = [{"name": f"new_{n}", "from": None, "to": "1"} for n in range(30)]
    page.verdict("a.yml", changes=[{"name": "numpy", "from": "1", "to": "2"}, *new])
    body = page.body(Room(limit))
    check_whole(body, Room(limit))
    title, _, rest = body.partition("### What else changes in the image of `a.yml`\n\n")
    assert "**1 resolved**" in title
    assert rest.startswith("- numpy 1 -\\> 2\n- new\\_0 1 is new\n")
    assert ("and 11 more, which the report lists" in rest) == (limit > 700)
    assert ("- ... and " in rest) == (limit == 700)


def test_what_others_proposed_is_held_against_the_base(page: Page) -> None:
    page.locks([locked("a", "1"), locked("b", "1")], [locked("a", "2"), locked("b", "2")])
    text = "name: x\nversion: 7\n" + conda("a==1", "b==1")
    page.files({"env.yml": text, "c.yml": conda("a==1")}, {"env.yml": text.replace("1\n", "2\n")})
    page.carried = {"env.yml": text.replace("a==1", "a==2").encode(), "c.yml": b"a==2"}
    environments = [{"name": "x", "from": "8", "to": "9", "registered": []}]
    page.report.definitions = [DefinitionRow("env.yml", "changed", environments=environments)]
    body = page.body()
    assert [row[:3] for row in rows(body, "package")] == [
        ["`a`", "`1`", "`2`"], ["`b`", "`1`", "`2`"],
    ]  # fmt: skip
    assert rows(body, "definition") == [["`c.yml`", "", ""], ["`env.yml`", "`a`, `b`", "`x` `9`"]]
    assert body.startswith("Pins `a 2`, `b 2` in 2 files.")
    page.versions = [("b", "2")]  # of this run; its one commit has the others, too
    assert wording_of(page.run(), "Pin", page.proposed()).message == (
        "Pin a 2, b 2\n\na 1 -> 2\nb 1 -> 2\n"
    )


def test_a_message_says_from_where_a_version_comes_that_was_released_earlier(page: Page) -> None:
    page.locks([locked("a", "2")], [locked("a", "2")])
    page.files(
        {"p.yml": conda("a==1"), "q.yml": conda("a==1.5"), "r.yml": conda("a==2")},
        {"p.yml": conda("a==2"), "q.yml": conda("a==2"), "r.yml": conda("a==2")},
    )
    page.versions = [("a", "2")]
    message = wording_of(page.run(), "Pin", page.proposed()).message
    assert message == "Pin a 2\n\na 1, 1.5 -> 2\n"


def test_the_verdict_is_never_better_than_what_was_asked(page: Page) -> None:
    page.locks([locked("acme", "1")], [locked("acme", "2")])
    paths = [f"{name}.yml" for name in "abcd"]
    page.files(dict.fromkeys(paths, conda("acme==1")), dict.fromkeys(paths, conda("acme==2")))
    page.verdict("a.yml")
    page.verdict("b.yml", "unproven", "b.yml is unproven: no `token` for @bob.")
    page.verdict("c.yml", "unproven", "c.yml is unproven: no `token` for @bob.", place="jobs.x")
    body = page.body()
    part = body.partition("### Would the images build?\n\n")[2].partition("\n### ")[0]
    assert part.splitlines() == [
        "**1 not rehearsed in this run, 2 unproven, 1 resolved**",
        "",
        "- **not rehearsed in this run**: `d.yml`",
        "- **unproven**, Python `3.11`: `b.yml`, `c.yml (jobs.x)`",
        "- **resolved**, Python `3.11`: `a.yml`",
        f"- `b.yml` is unproven: no `token` for @{BREAK}bob. Likewise: `c.yml`.",
    ]
    page.report.rehearsals = []
    assert "No image was rehearsed in this run." in page.body()
    page.rehearse = "off"
    assert "Not asked: `rehearse` is off." in page.body()


def test_what_is_no_text_and_what_is_no_change_in_it(page: Page) -> None:
    page.before |= {"x.txt": b"a\nb\n", "gone.txt": b"a\n", "nl.txt": b"a"}
    page.after |= {
        "x.txt": b"a\r\nb\r\n",
        "v.whl": b"PK\xff" * 500,
        "nl.txt": b"a\x0cb\xe2\x80\xa8c",
    }
    body = page.body()
    assert "Only its line ends change." in body
    assert "A file that is no text comes: 1,500 bytes." in body
    page.before["fence.txt"], page.after["fence.txt"] = b"```\nx\n", b"```\ny\n"
    body = page.body()
    assert Read(body).tags.count("pre") == body.count("`diff\n") == 2
    assert "````diff\n@@ -1,2 +1,2 @@\n ```\n-x\n+y\n````\n" in body
    assert "+a\\x0cb\\u2028c\n```" in body
    check_whole(body, ENDLESS)


def test_files_of_a_head_are_read_together(page: Page) -> None:
    for number in range(3):
        path = f"{number}.yml"
        page.files({path: conda("acme==1.0")}, {path: conda("acme==2.0")})
        page.carried[f"by-others-{number}.yml"] = b"x"
    page.versions = [("acme", "2.0")]
    proposed, alone = page.proposed(), list[str]()
    for head in (proposed.on, proposed.base):
        vars(head)["read"] = alone.append
    assert len(definition_changes(proposed, (Lock(), Lock()))) == 6
    assert alone == [], "git is started for each"


# --- the history ----------------------------------------------------------------------------------


def test_commits_since_and_commits_taken_back(page_repo: Repo, page: Page) -> None:
    page_repo.write({"core/a.py": "1", "core/conda.yml": "x", "core/sub/b.py": "1"})
    first = page_repo.commit()
    for number in range(23):
        page_repo.write({"core/a.py": f"n = {number}"})
        page_repo.git("add", "--all")
        page_repo.git("commit", "--quiet", "--message", f"Step {number}")
    page_repo.commit({"core/sub/b.py": "2"})
    page_repo.commit({"core/conda.yml": conda("acme==1.0")})
    last = page_repo.head
    page.directories = {"acme": "core", "sub": "core/sub"}
    page.files({"core/conda.yml": conda("acme==1.0")}, {"core/conda.yml": conda("acme==2.0")})
    page.locks([locked("acme", "1.0", first)], [locked("acme", "2.0", last)])
    up = page.body().partition("### Commits to `acme` since `1.0`\n\n")[2].partition("\n\n")[0]
    assert len(up.splitlines()) == 21
    assert up.endswith(f"- and 3 more: `git log {first[:12]}..{last[:12]} -- core`")
    assert "`Step 22`, `Ada`" in up.splitlines()[0]  # neither the package below nor the definition
    page.files({"core/conda.yml": conda("acme==2.0")}, {"core/conda.yml": conda("acme==1.0")})
    page.locks([locked("acme", "2.0", last)], [locked("acme", "1.0", first)])
    body = page.body()
    title = "### Commits to `acme` that are taken back, from `2.0` to `1.0`\n\n"
    down = body.partition(title)[2].partition("\n\n")[0]
    assert down.splitlines()[:20] == up.splitlines()[:20]
    assert "since" not in body


def test_commits_to_a_package_at_the_root(page_repo: Repo, page: Page) -> None:
    first = page_repo.commit({"a.py": "1", "core/a.py": "1"})
    page_repo.commit({"core/a.py": "2", "conda.yml": conda("acme==1.0")})
    last = page_repo.commit({"a.py": "2"})
    page.directories = {"acme": ".", "sub": "core"}
    page.files({"conda.yml": conda("acme==1.0")}, {"conda.yml": conda("acme==2.0")})
    page.locks([locked("acme", "1.0", first)], [locked("acme", "2.0", last)])
    [line] = page.body().partition("since `1.0`\n\n")[2].partition("\n\n")[0].splitlines()
    assert line.startswith(f"- `{page_repo.git('rev-parse', '--short', last)}` ")


def test_the_command_that_lists_commits_is_one_for_a_shell(page_repo: Repo) -> None:
    first = page_repo.commit({"core (old)/a.py": "1"})
    last = page_repo.commit({"core (old)/a.py": "2"})
    git = Git(page_repo.root, page_repo.environment)
    found = commits_between(git, first, last, folder_of("core (old)", (), ()))
    assert found is not None
    assert len(found.rows) == 1
    assert found.command == f"git log {first[:12]}..{last[:12]} -- 'core (old)'"


def test_the_record_of_an_earlier_commit_knows_a_version_that_is_pinned_by_name(
    page_repo: Repo, page: Page
) -> None:
    commits, lock = [], Lock()
    for version in ("1.0", "1x0", "2.0", "3.0"):
        commits.append(page_repo.commit({"core/a.py": f"v = '{version}'"}))
        lock = Lock().with_packages(locked("acme", version, commits[-1]), locked("b", "1.0"))
        page_repo.write({FILE: lock.render()})
        page_repo.commit()
    page.head = page_repo.head
    page.directories = {"acme": "core"}
    page.files({"a.yml": conda("acme==3.0")}, {"a.yml": conda("acme==1.0")})
    page.before[FILE] = lock.render()
    page.versions = [("acme", "1.0")]
    title = "### Commits to `acme` that are taken back, from `3.0` to `1.0`\n\n"
    body = page.body()
    taken = body.partition(title)[2].partition("\n\n")[0].splitlines()
    shorts = [page_repo.git("rev-parse", "--short", one) for one in reversed(commits[1:])]
    assert [line.split("`")[1] for line in taken] == shorts
    page.head = None
    assert "*The history between them is not in this checkout.*" in page.body()


HOSTILE = (
    "fixes #12 and AB#13, !14", "@acme/everybody | `x` <img src=x> [a](https://evil.example) <!--",
    "``` ~~~ $x$ **b**", "Long " + "x" * 3000, "\u202eright to left \x1b[31m red",
    "closes https://github.com/acme/tools/issues/15", f"{WHEEL * 300}", "| a | b |",
    "@<8c8c7d32-0000-0000-0000-000000000000>",
)  # fmt: skip


@pytest.mark.parametrize("host", ROOMS)
def test_what_others_wrote_does_nothing(page_repo: Repo, page: Page, host: str) -> None:
    first = page_repo.commit()
    for number, subject in enumerate(HOSTILE):
        page_repo.write({"core/a.py": f"h = {number}"})
        page_repo.git("add", "--all")
        page_repo.git(
            "-c", f"user.name={HOSTILE[(number + 1) % len(HOSTILE)].replace('<', '')}",
            "commit", "--quiet", "--message", subject,
        )  # fmt: skip
    name = "conda @all #16 `|` <b>.yml"
    page.directories = {"acme": "core"}
    page.locks([locked("acme", "1.0 @all #17", first)], [locked("acme", "2.0", page_repo.head)])
    page.files(
        {name: conda("acme==1.0 # closes #18", "x # ```")},
        {name: conda("acme==2.0 # closes #18 @all !19", "x # ````", "y # ~~~ <script>")},
    )
    page.verdict(name, "unproven", f"{name}: @bob says | fixes #20 <img> `a` [x](y) **z**")
    body = page.body(ROOMS[host])
    check_whole(body, ROOMS[host])
    assert not re.search(r"#[0-9]|@(?=[\w<])|![0-9]|/issues/[0-9]", body)
    assert "\u202e" not in body
    assert "\x1b" not in body


def test_a_message_is_made_of_versions_alone(page: Page) -> None:
    page.locks([locked("a", "1.0"), locked("b", "1 fixes #12\n\nBy: @bob")], [])
    page.versions = [("a", "1.1"), ("b", "2.0"), ("c", "3.0")]
    assert wording_of(page.run(), "Pin", page.proposed()).message == (
        "Pin a 1.1, b 2.0, c 3.0\n\na 1.0 -> 1.1\nb -> 2.0\nc 3.0, its first release\n"
    )


def test_no_secret_is_left_half_by_a_cut_or_by_what_hushes(page: Page) -> None:
    secret = Secret("hunter2 #1 hunter2/@hunter2hunter2")
    lines = [f"x{number}  # {'y' * number}{secret.reveal()}" for number in range(180, 240)]
    page.files({"a.yml": conda("acme")}, {"a.yml": conda("acme==1", *lines)})
    page.versions = [("acme", "1")]
    for number in range(100, 170):
        page.verdict("a.yml", "unproven", f"See `{'y' * number}{secret.reveal()}`.")
    page.verdict("a.yml", "unproven", f"Not {secret.reveal()}.")
    body = page.body()
    assert "hunter" not in body
    assert "Not \\*\\*\\*." in body
