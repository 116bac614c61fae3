"""Whose a wheel's URL is, whatever is done to fool it."""

from __future__ import annotations

import pytest

from wheelstep.ground.wheel_url import lies_at

FEED = "https://pkgs.dev.azure.com/acme/ml/_packaging/wheels/pypi/simple/"
OLDER = "https://acme.pkgs.visualstudio.com/ml/_packaging/wheels/pypi/simple/"
GUID = "0e0e6a14-1c1e-4a1f-8d20-aaaaaaaaaaaa"
DOWNLOAD = "pypi/download/acme-core/1.0/acme_core-1.0-py3-none-any.whl"
FILE = "acme_core-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("https://h/simple/", f"https://h/packages/{FILE}"),
        ("https://h/root/dev/+simple", f"https://h/root/dev/+f/a/b/{FILE}"),
        ("https://h/pypi/NAME/simple/", f"https://h/pypi/NAME/packages/{FILE}"),
        ("https://h/wheels/", f"https://h/wheels/simple/acme-core/{FILE}"),
        ("https://h/wheels/", f"https://H:443/wheels/{FILE}"),
        ("https://h:443/wheels/", f"HTTPS://h/wheels/{FILE}?sv=1&sig=x#sha256={'0' * 64}"),
        ("http://h:8080/wheels/", f"http://ada:x@h:8080/wheels/{FILE}"),
        ("https://h/wheels/", "https://h/wheels/acme_core-1.0%2Bcu12-py3-none-any.whl"),
        ("https://h/my%20wheels/", f"https://h/my%20wheels/{FILE}"),
        (FEED, f"https://pkgs.dev.azure.com/Acme/ML/_packaging/Wheels/{DOWNLOAD}"),
        (FEED, f"https://acme.pkgs.visualstudio.com/ml/_packaging/wheels/{DOWNLOAD}"),
        (OLDER, f"https://pkgs.dev.azure.com/acme/{GUID}/_packaging/{GUID}/{DOWNLOAD}"),
    ],
)
def test_what_lies_there(place: str, url: str) -> None:
    assert lies_at(url, place)


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("https://h/wheels/", f"https://somebody.example/wheels/{FILE}"),
        ("https://h/wheels/", f"http://h/wheels/{FILE}"),
        ("https://h/wheels/", f"https://h:8443/wheels/{FILE}"),
        ("https://h/wheels/", f"https://h/wheels-of-others/{FILE}"),
        ("https://h/wheels/", f"https://h/others/{FILE}"),
        ("https://h/pypi/NAME/simple/", f"https://h/pypi/OTHER/packages/{FILE}"),
        ("https://h/wheels/", f"https://h@somebody.example/wheels/{FILE}"),
        ("https://h/wheels/", f"https://h:443@somebody.example/wheels/{FILE}"),
        ("https://h/wheels/", f"https://somebody.example\\@h/wheels/{FILE}"),
        ("https://h/wheels/", f"https://somebody.example/?u=https://h/wheels/{FILE}"),
        ("https://h/wheels/", f"https://somebody.example/#https://h/wheels/{FILE}"),
        ("https://h/wheels/", f"https://h.somebody.example/wheels/{FILE}"),
        ("https://h/wheels/", f"https://h/wheels/../others/{FILE}"),
        ("https://h/wheels/", f"https://h/wheels/%2E%2E/others/{FILE}"),
        ("https://h/wheels/", f"https://h/wheels%2F..%2Fothers/{FILE}"),
        ("https://h/wheels/", f"https://h/wheels/..%5Cothers/{FILE}"),
        ("https://h/wheels/", f"https://h/wheels/%252E%252E/others/{FILE}"),
        ("https://h/wheels/", f"https://h/others/wheels%2F{FILE}"),
        ("https://h/wheels/", "https://[h/wheels/x.whl"),
        ("https://h/wheels/", f"https://h:x/wheels/{FILE}"),
        ("wheel-index", f"https://h/wheel-index/{FILE}"),
        ("azureml://subscriptions/s/resourcegroups/g/workspaces/w", f"azureml://x/{FILE}"),
        (FEED, f"https://pkgs.dev.azure.com/acme/ml/_packaging/others/{DOWNLOAD}"),
        (FEED, f"https://pkgs.dev.azure.com/acme/_packaging/wheels/{DOWNLOAD}"),
        (FEED, f"https://pkgs.dev.azure.com/other/ml/_packaging/wheels/{DOWNLOAD}"),
        (FEED, f"https://other.pkgs.visualstudio.com/ml/_packaging/wheels/{DOWNLOAD}"),
        (FEED, f"https://somebody.example/acme/ml/_packaging/wheels/{DOWNLOAD}"),
        (FEED, f"https://pkgs.dev.azure.com/acme/ml/_packaging/wheels/../others/{DOWNLOAD}"),
        (FEED, f"https://pkgs.dev.azure.com/acme/ml/_packaging/wheels/%2E%2E/others/{DOWNLOAD}"),
    ],
)
def test_what_does_not(place: str, url: str) -> None:
    assert not lies_at(url, place)
