"""A service that repeats what it was sent, in any form, gets no secret into what is said of it."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from tests.destinations.made import make_wheel
from tests.destinations.waiting import quick_transport
from tests.ground.web import Answer, Asked, Web
from tests.robustness.oracle import forms, text_with
from wheelstep.destinations.artifacts_feed import FeedDestination
from wheelstep.destinations.interface import Wanted
from wheelstep.destinations.promote import check_view
from wheelstep.destinations.table import destination_of
from wheelstep.errors import StepError
from wheelstep.ground.secret import Secret
from wheelstep.model import Listed, Wheel

TOKEN: Final = 'W1th+s1gns/"%&=<>\\ and-a-blank7'
STATUSES: Final = (301, 400, 401, 403, 404, 409, 500)

Say = Callable[[Asked, str], Answer]


def header_of(asked: Asked) -> str:
    return asked.headers.get("Authorization", "")


def in_json(asked: Asked, form: str) -> Answer:
    said = {"message": f"Got {form} from {header_of(asked)}", "typeKey": "Whatever"}
    return Answer(400, {"Content-Type": "application/json"}, json.dumps(said).encode())


def in_text(asked: Asked, form: str) -> Answer:
    said = f"{'x' * 380} {form} {header_of(asked)}".encode()
    return Answer(400, {"Content-Type": "text/plain; charset=utf-8"}, said)


def as_an_identity(_: Asked, form: str) -> Answer:
    said = f"TF400813: The user '{form}' is not authorized to access this resource."
    return Answer(400, {"Content-Type": "application/json"}, json.dumps({"message": said}).encode())


def in_a_page(asked: Asked, form: str) -> Answer:
    said = f"<html><title>{form}</title>{header_of(asked)}</html>".encode()
    return Answer(400, {"Content-Type": "text/html"}, said)


def in_the_place(asked: Asked, form: str) -> Answer:
    where = f"http://127.0.0.1:9/{quote(form)}/?t={quote(header_of(asked))}"
    return Answer(400, {"Location": where, "Retry-After": "0"}, b"")


def listed_on_a_page(_: Asked, form: str) -> Answer:
    link = f"http://127.0.0.1:9/{quote(form)}/acme_core-1.0.0-py3-none-any.whl"
    page = f'<a href="{link}#sha256={"0" * 64}">acme_core-1.0.0-py3-none-any.whl</a>'
    return Answer(200, {"Content-Type": "text/html"}, page.encode())


WAYS: Final = (in_json, in_text, as_an_identity, in_a_page, in_the_place, listed_on_a_page)


def deeds(feed: FeedDestination, wheel: Wheel, base: str) -> Iterator[Callable[[], object]]:
    yield lambda: feed.look([wheel.name])
    yield lambda: feed.put(wheel)
    yield lambda: feed.fetch(Listed(wheel.file, f"{base}/contoso/x/{wheel.file}", None), None)
    yield lambda: check_view(feed)
    yield lambda: feed.service.version(wheel.name, wheel.version)
    yield feed.service.identity


@pytest.mark.parametrize("say", WAYS)
def test_nothing_of_it_is_repeated(say: Say, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    login = f"wheelstep:{TOKEN}"
    header = base64.b64encode(login.encode()).decode()
    shown = {*(form.decode() for form in forms(TOKEN).values()), login, header}
    form, status, asked_for, told = "", 0, 0, 0

    def answer(asked: Asked) -> Answer:
        nonlocal asked_for
        asked_for += 1
        said = say(asked, form)
        return said if said.status == HTTPStatus.OK else replace(said, status=status)

    with Web(answer=answer) as web, quick_transport(attempts=1) as (transport, _):
        url = f"feed+{web.url}/contoso/ml/_packaging/wheels"
        wanted = Wanted(url, token=Secret(TOKEN), view="Release")
        feed = destination_of(wanted, root=tmp_path, environment={}, transport=transport)
        assert isinstance(feed, FeedDestination)
        for status, form in itertools.product(STATUSES, sorted(shown)):  # noqa: B007 - answer's
            for deed in deeds(feed, wheel, web.url):
                try:
                    deed()
                except StepError as error:
                    said = f"{error.message} {error.cure}".encode()
                    assert not text_with(said, {"it": TOKEN}, f"what is said of {status}")
                    told += 1
    assert asked_for > 100
    assert told > 100
