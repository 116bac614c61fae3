"""Which proxy, which authorities, and what lies below a URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from wheelstep.errors import SettingError
from wheelstep.ground.proxies import authorities_for, is_below, proxy_for
from wheelstep.ground.secret import redact

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("environment", "url", "expected"),
    [
        ({"HTTPS_PROXY": PROXY}, "https://a.example/", PROXY),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other"}, "https://a.example/", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http://a.example/", None),
        ({"ALL_PROXY": PROXY}, "http://a.example/", PROXY),
        ({"HTTPS_PROXY": "proxy.example:3128"}, "https://a.example/", PROXY),
        ({"HTTPS_PROXY": ""}, "https://a.example/", None),
        ({}, "https://a.example/", None),
    ],
)
def test_which_proxy(environment: dict[str, str], url: str, expected: str | None) -> None:
    assert proxy_for(url, environment) == expected


@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        ("*", "a.example", True),
        ("a.example", "a.example", True),
        ("A.Example", "a.example", True),
        ("example", "a.example", True),
        (".example", "a.example", True),
        ("*.example", "a.example", True),
        ("b.example, a.example", "a.example", True),
        ("b.example a.example", "a.example", True),
        ("a.example:443", "a.example", True),
        ("a.example:8443", "a.example", False),
        ("a.example:8443", "a.example:8443", True),
        ("a.example", "not-a.example", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3:8080", True),
        ("0.1.2.3", "10.1.2.3", False),
        ("::1", "[::1]:8080", True),
        ("[::1]:8080", "[::1]:8080", True),
        ("[::1]:8081", "[::1]:8080", False),
        ("", "a.example", False),
        (",", "a.example", False),
        (".", "a.example", False),
    ],
)
def test_no_proxy(no_proxy: str, host: str, direct: bool) -> None:
    environment = {"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}
    assert (proxy_for(f"https://{host}/x", environment) is None) is direct


@pytest.mark.parametrize("proxy", ["http://", "http://host:port", "http://["])
def test_a_proxy_that_is_no_url(proxy: str) -> None:
    with pytest.raises(SettingError, match="HTTPS_PROXY"):
        proxy_for("https://a.example/", {"HTTPS_PROXY": proxy})


def test_a_proxy_password_is_masked() -> None:
    proxy_for("https://a.example/", {"HTTPS_PROXY": "http://me:pass%2Fword-7@proxy"})
    assert redact("it is pass/word-7 or pass%2Fword-7") == "it is *** or ***"


def test_authorities(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    assert authorities_for({}) is True
    assert authorities_for({"SSL_CERT_FILE": str(bundle)}) == str(bundle)
    both = {"SSL_CERT_FILE": "/missing", "REQUESTS_CA_BUNDLE": str(bundle)}
    assert authorities_for(both) == str(bundle)


@pytest.mark.parametrize(
    ("url", "prefix", "expected"),
    [
        ("https://h/a/b", "https://h/a", True),
        ("https://h/a/b", "https://h/a/", True),
        ("https://h/a", "https://h/a/", True),
        ("https://h/ab", "https://h/a", False),
        ("https://H:443/a/b", "https://h/a", True),
        ("https://h:444/a/b", "https://h/a", False),
        ("http://h/a/b", "https://h/a", False),
        ("https://h.evil/a/b", "https://h/a", False),
        ("https://h@evil/a/b", "https://h/a", False),
        ("https://h/a%20c/x", "https://h/a c", True),
        ("https://h/a/../b", "https://h/a", False),
        ("https://h/a/%2E./b", "https://h/a", False),
        ("https://h/a\\..\\b", "https://h/a", False),
        ("https://h/a%2Fb", "https://h/a/b", False),
        ("https://h", "https://h/", True),
        ("https://h/anything", "https://h", True),
        ("https:///a", "https:///a", False),
        ("https://h:port/a", "https://h/a", False),
        # an encoded slash that a server may well take for one
        ("https://h/org/..%2fother/x", "https://h/org", False),
        ("https://h/org/x%2F..%2F..%2Fother", "https://h/org", False),
        ("https://h/org/a%2fb", "https://h/org", True),
    ],
)
def test_is_below(url: str, prefix: str, expected: bool) -> None:
    assert is_below(url, prefix) is expected
