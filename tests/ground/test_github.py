"""PyGithub under our policy, and where a GitHub's API is."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from tests.ground.web import Answer, Asked, InstantClock, Web
from wheelstep.errors import ServiceRefused, ServiceUnavailable
from wheelstep.ground.clock import RetryBudget
from wheelstep.ground.github import GitHub, SaysNo
from wheelstep.ground.github_address import github_api
from wheelstep.ground.secret import Secret
from wheelstep.ground.transport import USER_AGENT, Transport

JSON = {"Content-Type": "application/json"}
SERVER = {"GITHUB_SERVER_URL": "https://git.example.org"}


@pytest.mark.parametrize(
    ("netloc", "environment", "api"),
    [
        ("github.com", {}, "https://api.github.com"),
        ("GitHub.com", {"GITHUB_SERVER_URL": "https://github.com"}, "https://api.github.com"),
        ("www.github.com", {}, "https://api.github.com"),
        ("acme.ghe.com", {}, "https://api.acme.ghe.com"),
        ("acme.ghe.com", {"GITHUB_SERVER_URL": "https://acme.ghe.com"}, "https://api.acme.ghe.com"),
        ("git.example.org", SERVER, "https://git.example.org/api/v3"),
        (
            "git.example.org",
            {**SERVER, "GITHUB_API_URL": "https://api.git.example.org/v3/"},
            "https://api.git.example.org/v3",
        ),
        # a token goes there: no variable sends it to another host, or in the clear
        *(
            ("git.example.org", {**SERVER, "GITHUB_API_URL": url}, "https://git.example.org/api/v3")
            for url in (
                "https://evil.example/api/v3",
                "https://evilgit.example.org/api/v3",
                "http://git.example.org/api/v3",
                "https://git.example.org@evil.example/",
                "https://[",
            )
        ),
        *(
            (name, {"GITHUB_SERVER_URL": f"https://{name}", "GITHUB_API_URL": "https://x/"}, to)
            for name, to in (
                ("github.com", "https://api.github.com"),
                ("acme.ghe.com", "https://api.acme.ghe.com"),
            )
        ),
        # a job on another server says nothing about this one
        ("github.com", {**SERVER, "GITHUB_API_URL": "https://x/api/v3"}, "https://api.github.com"),
        ("git.example.org", {}, None),
        ("gitlab.com", {}, None),
    ],
)
def test_the_api_is_found(netloc: str, environment: dict[str, str], api: str | None) -> None:
    assert github_api("https", netloc, environment) == api


def answered(document: Any, status: int = 200, **headers: str) -> Web:
    def answer(_: Asked) -> Answer:
        return Answer(status, JSON | headers, json.dumps(document).encode())

    return Web(answer=answer)


def github(web: Web, base: str = "/api/v3") -> GitHub:
    transport = Transport({}, clock=InstantClock(), budget=RetryBudget(0))
    return GitHub(transport, f"{web.url}{base}", Secret("ghs-made-up-7"))


def ask(it: GitHub, *, graphql: bool = False) -> None:
    if graphql:
        it.graphql("query Q { viewer { login } }", {})
    else:
        it.rest("GET", "/repos/o/r")


def test_a_request_has_our_headers_and_no_others_of_the_package() -> None:
    with answered({"ok": True}) as web:
        assert github(web).rest("POST", "/repos/o/r/git/refs", {"ref": "x"}) == {"ok": True}
        github(web).rest("GET", "/repos/o/r/pulls", query={"state": "all"})
    first, second = web.asked
    assert (first.method, first.path) == ("POST", "/api/v3/repos/o/r/git/refs")
    assert json.loads(first.body) == {"ref": "x"}
    assert first.headers["Authorization"] == "Bearer ghs-made-up-7"
    assert first.headers["User-Agent"] == USER_AGENT
    assert first.headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert second.path == "/api/v3/repos/o/r/pulls?state=all"


@pytest.mark.parametrize(
    ("base", "path"), [("/api/v3", "/api/graphql"), ("", "/graphql"), ("/gh", "/gh/graphql")]
)
def test_graphql_is_asked_beside_the_rest_api(base: str, path: str) -> None:
    with answered({"data": {"viewer": {"login": "me"}}}) as web:
        found = github(web, base).graphql("query Q { viewer { login } }", {})
    assert found == {"viewer": {"login": "me"}}
    assert web.asked[0].path == path
    assert web.asked[0].headers["Authorization"] == "Bearer ghs-made-up-7"


def test_the_token_is_sent_nowhere_else() -> None:
    with answered({}) as web:
        send = github(web, "/here/api/v3")._sender(repeatable=True)
        send("GET", f"{web.url}/here/api/graphql", {}, None)
        send("GET", f"{web.url}/there/api/v3", {}, None)
    assert ["Authorization" in each.headers for each in web.asked] == [True, False]


def test_the_package_logs_nothing_that_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with answered({"data": {"createRef": {"clientMutationId": "1"}}}) as web:
        github(web).mutation("createRef", {"name": "content-of-a-file"}, "clientMutationId")
    assert "content-of-a-file" in web.asked[0].body.decode()
    assert "content-of-a-file" not in caplog.text
    assert "ghs-made-up-7" not in caplog.text


@pytest.mark.parametrize(
    ("document", "status", "expected"),
    [
        ({"message": "Not Found", "status": "404"}, 404, (404, "", "Not Found")),
        (
            {"message": "Validation Failed", "errors": [{"resource": "PullRequest", "code": "x",
                                                         "message": "No commits between a and b"},
                                                        "another text"]},
            422,
            (422, "", "Validation Failed / No commits between a and b / another text"),
        ),
        (
            {"data": None, "errors": [{"type": "STALE_DATA", "message": "Expected\nbranch"}]},
            200,
            (200, "STALE_DATA", "Expected branch"),
        ),
        (
            {"errors": [{"extensions": {"code": "undefinedField"}, "message": "Field 'x'"}]},
            200,
            (200, "undefinedField", "Field 'x'"),
        ),
    ],
)  # fmt: skip
def test_a_refusal_is_kept_in_githubs_words(
    document: Any, status: int, expected: tuple[int, str, str]
) -> None:
    with answered(document, status) as web, pytest.raises(SaysNo) as raised:
        ask(github(web), graphql=status == 200)
    assert (raised.value.status, raised.value.kind, raised.value.said) == expected


def test_what_a_refusal_has_in_its_headers_is_kept() -> None:
    headers = {
        "X-GitHub-SSO": "required; url=https://github.com/orgs/acme/sso?authorization_request=A1",
        "X-Accepted-GitHub-Permissions": "pull_requests=write,contents=read; contents=write",
    }
    with answered({"message": "No"}, 403, **headers) as web, pytest.raises(SaysNo) as raised:
        ask(github(web))
    assert raised.value.authorize == "https://github.com/orgs/acme/sso?authorization_request=A1"
    assert raised.value.needs == "`pull-requests: write`, `contents: read`"
    odd = {"X-GitHub-SSO": "partial-results; organizations=1", "X-Accepted-GitHub-Permissions": "x"}
    with answered({"message": "No"}, 403, **odd) as web, pytest.raises(SaysNo) as raised:
        ask(github(web))
    assert (raised.value.authorize, raised.value.needs) == ("", "")


def test_the_last_request_that_is_left_may_be_refused_for_another_reason() -> None:
    said, spent = "Resource not accessible by integration", {"X-RateLimit-Remaining": "0"}
    with answered({"message": said}, 403, **spent) as web, pytest.raises(SaysNo, match=said):
        ask(github(web))


GAVE_UP = {
    "data": None,
    "errors": [{"message": "Something went wrong while executing your query. This may be the ..."}],
}


@pytest.mark.parametrize("often", [1, 99])
def test_a_question_that_github_gives_up_on_is_asked_again_and_a_commit_is_not(often: int) -> None:
    left = [often]

    def answer(_: Asked) -> Answer:
        left[0] -= 1
        document = GAVE_UP if left[0] >= 0 else {"data": {"viewer": {"login": "me"}}}
        return Answer(200, JSON, json.dumps(document).encode())

    with Web(answer=answer) as web:
        transport = Transport({}, clock=InstantClock(), budget=RetryBudget(60, attempts=3))
        it = GitHub(transport, f"{web.url}/api/v3", Secret("ghs-made-up-7"))
        if often == 1:
            assert it.graphql("query Q { viewer { login } }", {}) == {"viewer": {"login": "me"}}
        else:
            with pytest.raises(ServiceUnavailable, match="GitHub gave up on it") as raised:
                it.graphql("query Q { viewer { login } }", {})
            assert raised.value.exit_code == 6
        asked, left[0] = len(web.asked), 1
        with pytest.raises(ServiceUnavailable, match="GitHub gave up on it"):
            it.mutation("createRef", {"name": "x"}, "clientMutationId")
        assert len(web.asked) == asked + 1


def test_a_page_that_says_too_large_is_a_refusal() -> None:
    page = Answer(413, {"Content-Type": "text/html"}, b"<html>413</html>")
    with Web(answer=lambda _: page) as web, pytest.raises(SaysNo) as raised:
        ask(github(web), graphql=True)
    assert raised.value.status == 413


def test_a_token_that_is_repeated_in_a_refusal_is_not_shown() -> None:
    refused = answered({"message": "no such token: ghs-made-up-7"}, 401)
    with refused as web, pytest.raises(SaysNo) as raised:
        ask(github(web))
    assert raised.value.said == "no such token: ***"


def test_what_is_sent_is_not_sent_after_a_redirect() -> None:
    moved = answered({}, 307, Location="https://elsewhere.example.org/x")
    with moved as web, pytest.raises(SaysNo, match="moved to https://elsewhere") as raised:
        github(web).rest("POST", "/repos/o/r/git/refs", {"ref": "x"})
    assert raised.value.status == 307
    assert len(web.asked) == 1


@pytest.mark.parametrize(
    "document",
    [
        "text",
        7,
        {"errors": "none"},
        {"data": "x"},
        {"data": None},
        [1],
        {"errors": []},
        {"errors": ["x"]},
    ],
)
def test_an_answer_of_another_kind_is_not_taken_for_githubs(document: Any) -> None:
    with answered(document) as web, pytest.raises(ServiceRefused) as raised:
        ask(github(web), graphql=True)
    with answered(document) as web, pytest.raises(ServiceRefused):
        github(web).mutation("createRef", {}, "clientMutationId")
    assert raised.value.code == "answer-unreadable"


def test_a_list_is_not_taken_for_a_document_and_none_for_a_list() -> None:
    with answered([1]) as web, pytest.raises(ServiceRefused, match="not GitHub's"):
        github(web).rest("GET", "/repos/o/r")
    with answered({"error": "sign in"}) as web, pytest.raises(ServiceRefused, match="not GitHub's"):
        github(web).rest("GET", "/repos/o/r/pulls", many=True)
    with answered([1]) as web:
        assert github(web).rest("GET", "/repos/o/r/pulls", many=True) == [1]


def test_a_refusal_that_is_no_document_is_told_with_its_status() -> None:
    def answer(_: Asked) -> Answer:
        return Answer(403, {"Content-Type": "text/html"}, b"<html>Blocked by the proxy</html>")

    with Web(answer=answer) as web, pytest.raises(ServiceRefused, match="got 403"):
        github(web).rest("GET", "/repos/o/r")


def test_a_text_about_limits_in_an_ordinary_answer_is_none() -> None:
    with answered({"title": "You have exceeded a secondary rate limit", "errors": ["x"]}) as web:
        assert github(web).rest("GET", "/repos/o/r/pulls/1")["title"]
    assert len(web.asked) == 1


@pytest.mark.parametrize(
    ("document", "status"),
    [
        (
            {"message": "Validation Failed", "errors": [{"message": "was submitted too quickly"}]},
            422,
        ),
        ({"data": None, "errors": [{"message": "was submitted too quickly"}]}, 200),
        ({"message": "You have triggered an abuse detection mechanism."}, 403),
        ({"message": "slow down"}, 429),
    ],
)
def test_every_form_of_a_limit_is_one(document: Any, status: int) -> None:
    with answered(document, status) as web, pytest.raises(ServiceUnavailable) as raised:
        ask(github(web), graphql=status == 200)
    assert raised.value.code == "rate-limited"


def test_a_refusal_beside_limits_is_none() -> None:
    with answered({"message": "Resource not accessible"}, 403) as web, pytest.raises(SaysNo):
        ask(github(web))


def test_the_package_is_imported_when_it_is_needed() -> None:
    code = (
        "import sys\nimport wheelstep.repositories.github_pulls\n"
        "import wheelstep.repositories.github_way\n"
        "print('github' in sys.modules, 'requests' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.split() == ["False", "False"]
