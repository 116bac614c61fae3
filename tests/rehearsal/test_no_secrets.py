"""What a rehearsal says of lines that hold a secret, in whatever form."""

from __future__ import annotations

import pytest

from tests.rehearsal.conftest import Scene
from tests.rehearsal.made import serve
from wheelstep.ground.secret import blanked

LINES = (
    "--index-url http://u:{secret}@{host}/simple",
    "--index-url http://u:x@{secret}@{host}/simple",
    "--index-url http://{secret}@{host}/simple --foo",
    "--index-url 'http://u:{secret}@[::1/simple'",
    "--index-url http:u:{secret}@{host}/simple",
    '--index-url "http://u:{secret}@{host}/',
    "--index-url http://{host}/simple?sig={secret}",
    "--index-url http://${{USER}}:{secret}@{host}/${{FEED}}",
    "--extra-index-url http://u:{secret}@h:99999/s",
    "--find-links http://u:{secret}@{host}/links/",
    "acme @ http://u:{secret}@{host}/acme-1.0.tar.gz",
    "acme @ http://u:x/{secret}@{host}/acme-1.0-py3-none-any.whl",
    "acme @ http://{host}/acme-1.0-py3-none-any.whl?sv=1&sig={secret}",
    "http://{host}/acme-1.0-py3-none-any.whl?sv=1&sig={secret}",
    "acme (http://u:{secret}@{host}/x.whl)",
    "acme==1.0 http://u:{secret}@{host}/",
    "git+http://{secret}@{host}/x.git@main#egg=acme",
    "-e git+http://{secret}:x@{host}/x.git#egg=acme",
    "-r http://u:{secret}@{host}/more.txt",
    "acme==1.0 --proxy http://u:{secret}@proxy/",
)


@pytest.mark.parametrize("line", LINES)
def test_no_line_is_quoted_with_its_secret(scene: Scene, line: str) -> None:
    with serve(scene.folder, status=403) as server:
        host = server.url.removeprefix("http://")
        verdict = scene.rehearse(line.format(secret="tok3n5ecret", host=host), "acme==1.0")
    assert verdict.problems
    assert "tok3n5ecret" not in repr(verdict)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at https://a:b@h/x and http://c@h", "at https://***@h/x and http://***@h"),
        ("https://u:p/w@h/x", "https://***@h/x"),
        ("git+https://h/x.git@main", "git+https://h/x.git@main"),
        ("https://h:8080/@scope/x", "https://h:8080/@scope/x"),
        ("https://h/x?sv=1&sig=abc&se=2", "https://h/x?sv=1&sig=***&se=2"),
        ("`https://u:p@h`", "`https://***@h`"),
    ],
)
def test_what_the_form_of_a_url_gives_away_is_blanked(text: str, shown: str) -> None:
    assert blanked(text) == shown
