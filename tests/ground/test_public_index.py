"""Where pip is told to look, with pip itself as the judge."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from wheelstep.errors import SettingError
from wheelstep.ground.public_index import (
    IndexCredential,
    PipIndexes,
    credential_for,
    pip_indexes,
    public_indexes,
    split_credential,
    uv_environment,
    uv_index_variables,
)
from wheelstep.ground.secret import Secret
from wheelstep.ground.uv import compile_requirements

linux = pytest.mark.skipif(sys.platform != "linux", reason="the places of files are those of Linux")


def pip_says(environment: dict[str, str], folder: Path) -> tuple[list[str], list[str]]:
    """Return the indexes and links that pip looks in, in its order."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "no-such-thing"],
        cwd=folder,
        env={**environment, "PIP_RETRIES": "0", "COLUMNS": "9999"},
        capture_output=True,
        check=False,
    )
    text = done.stdout.decode()
    indexes = re.search(r"Looking in indexes: (.*)", text)
    links = re.search(r"Looking in links: (.*)", text)
    return (
        indexes[1].strip().split(", ") if indexes else [],
        links[1].strip().split(", ") if links else [],
    )


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    for name in ("home", "xdg/one", "xdg/two", "links", "other"):
        (tmp_path / name).mkdir(parents=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "XDG_CONFIG_DIRS": f"{tmp_path / 'xdg/one'}{os.pathsep}{tmp_path / 'xdg/two'}",
    }


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def files(tmp_path: Path, stage: str) -> dict[str, str]:
    """Each stage adds a place that beats those before it; returns variables to add."""
    url = (tmp_path / "index").as_uri()
    user = (
        f"[global]\nindex-url = {url}/user\nextra-index-url =\n  {url}/a\n  {url}/b\n"
        f"find-links = {tmp_path / 'links'}\n  {tmp_path / 'gone'}\n"
    )
    section = f"[download]\nindex-url = {url}/section\n"
    stages = {
        "global": ("xdg/one/pip/pip.conf", f"[global]\nindex_url = {url}/one\n"),
        "second": ("xdg/two/pip/pip.conf", f"[global]\nindex-url = {url}/two\n"),
        "legacy": ("home/.pip/pip.conf", f"[global]\nindex-url = {url}/legacy\n"),
        "user": ("home/.config/pip/pip.conf", user),
        # what pip is asked for here is `download`, for us it is `install`
        "section": ("xdg/two/pip/pip.conf", section + section.replace("download", "install")),
        "named": ("named.conf", f"[global]\n--index-url = {url}/named\n"),
    }
    for name, (place, text) in stages.items():
        write(tmp_path / place, text)
        if name == stage:
            break
    extra: dict[str, str] = {}
    if stage in {"named", "variable", "empty", "nothing"}:
        extra["PIP_CONFIG_FILE"] = str(tmp_path / "named.conf")
    if stage == "variable":
        extra["PIP_INDEX_URL"] = f"{url}/variable"
        extra["PIP_FIND_LINKS"] = f"{(tmp_path / 'other').as_uri()} {tmp_path / 'links'}"
    if stage == "empty":
        extra["PIP_INDEX_URL"] = ""
    if stage == "nothing":
        extra["PIP_CONFIG_FILE"] = os.devnull
        extra["PIP_EXTRA_INDEX_URL"] = f"{url}/only"
    if stage == "none":
        extra["PIP_NO_INDEX"] = "yes"
    return extra


STAGES = ("global", "second", "legacy", "user", "section", "named", "variable", "empty", "nothing")


@linux
@pytest.mark.parametrize("stage", [*STAGES, "none"])
def test_the_same_as_pip(stage: str, home: dict[str, str], tmp_path: Path) -> None:
    environment = home | files(tmp_path, stage)
    indexes, links = pip_says(environment, tmp_path)
    ours = pip_indexes(environment, prefixes=[sys.prefix])
    # pip's own default has no place in our code
    default = [url for url in indexes if not url.startswith("file:")]
    assert [url for url in ours.index_urls if url] == [url for url in indexes if url not in default]
    assert len(ours.index_urls) == len(indexes) or not indexes
    existing = [link for link in links if "gone" not in link]
    as_paths = [f"file://{link}" if link.startswith("/") else link for link in existing]
    assert list(ours.find_links) == as_paths
    assert ours.no_index is (stage == "none")


@linux
def test_the_same_as_pip_on_this_machine(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    indexes, _ = pip_says(environment, tmp_path)
    ours = [url for url in pip_indexes(environment).index_urls if url]
    assert ours == [url for url in indexes if url in ours]
    assert len(ours) >= len(indexes) - 1


def test_the_prefix_beats_the_user_and_its_own_beats_its_base(
    home: dict[str, str], tmp_path: Path
) -> None:
    name = "pip.ini" if sys.platform == "win32" else "pip.conf"
    write(tmp_path / "base" / name, "[global]\nindex-url = https://base.invalid\ncert = /ca.pem\n")
    write(tmp_path / "own" / name, "[global]\nindex-url = https://own.invalid\n")
    prefixes = [str(tmp_path / "base"), str(tmp_path / "own")]
    found = pip_indexes(home, prefixes=prefixes)
    assert (found.index_url, found.certificate) == ("https://own.invalid", "/ca.pem")


def test_credentials_are_kept_apart(home: dict[str, str]) -> None:
    found = pip_indexes(
        {**home, "PIP_INDEX_URL": "https://me:s%40cret-pw@feed.invalid/simple/"}, prefixes=[]
    )
    assert found.index_url == "https://feed.invalid/simple/"
    assert found.credentials == (
        IndexCredential("https://feed.invalid/simple/", "me", Secret("s@cret-pw")),
    )
    assert "cret-pw" not in repr(found)
    variables = uv_environment(home, found)
    assert "cret-pw" not in variables["UV_DEFAULT_INDEX"]
    assert variables["UV_INDEX_INDEX0_USERNAME"] == "me"
    assert variables["UV_INDEX_INDEX0_PASSWORD"] == "s@cret-pw"


@pytest.mark.parametrize("text", ["index-url = https://me:hunter22@x\n", "[global\n", "\xe9\xff"])
def test_a_broken_file_is_named_and_not_quoted(
    text: str, home: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "broken.conf"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingError) as caught:
        pip_indexes({**home, "PIP_CONFIG_FILE": str(path)}, prefixes=[])
    assert "broken.conf" in caught.value.message
    assert "hunter22" not in caught.value.message


def test_the_longest_prefix_of_whole_segments_counts() -> None:
    wide = IndexCredential("https://feed.invalid/org", "wide", None)
    narrow = IndexCredential("https://feed.invalid/org/project/", "narrow", None)
    both = (wide, narrow)
    assert credential_for("https://feed.invalid/org/project/simple", both) == narrow
    assert credential_for("https://user@FEED.invalid/org/projects/simple", both) == wide
    assert credential_for("https://feed.invalid/organization/simple", both) is None
    assert credential_for("http://feed.invalid/org/simple", both) is None
    assert credential_for("https://feed.invalid:8443/org/simple", both) is None


def test_a_user_alone_is_a_credential_without_password() -> None:
    url, credential = split_credential("https://org@pkgs.invalid/org/simple/")
    assert url == "https://pkgs.invalid/org/simple/"
    assert credential == IndexCredential(url, "org", None)


def test_uv_keeps_its_own_default_where_nothing_is_configured(home: dict[str, str]) -> None:
    environment = {
        **home,
        "PIP_CONFIG_FILE": os.devnull,
        "UV_PRERELEASE": "allow",
        "UV_CACHE_DIR": "/cache",
        "FEED_TOKEN": "a-token",
        "https_proxy": "http://proxy.invalid:3128",
    }
    variables = uv_environment(environment)
    assert not {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_NO_CONFIG", "UV_PRERELEASE"} & set(variables)
    assert "FEED_TOKEN" not in variables
    assert variables["UV_CACHE_DIR"] == "/cache"
    assert variables["https_proxy"] == "http://proxy.invalid:3128"
    assert variables["UV_PYTHON_DOWNLOADS"] == "never"


def test_uv_s_own_variables_count_where_pip_names_no_index(home: dict[str, str]) -> None:
    environment = {
        **home,
        "PIP_CONFIG_FILE": os.devnull,
        "UV_DEFAULT_INDEX": "https://mirror.invalid/simple",
        "UV_INDEX": "acme=https://acme.invalid/simple https://you:pass-word@b.invalid/?x=1",
        "UV_INDEX_ACME_USERNAME": "me",
        "UV_INDEX_ACME_PASSWORD": "secret-word",
    }
    found = public_indexes(environment)
    assert found.index_urls == (
        "https://mirror.invalid/simple",
        "https://b.invalid/?x=1",
        "https://acme.invalid/simple",
    )
    assert {each.user for each in found.credentials} == {"me", "you"}
    configured = {**environment, "PIP_INDEX_URL": "https://pip.invalid/simple"}
    assert public_indexes(configured).index_urls == ("https://pip.invalid/simple",)


def test_certificates_and_hosts(home: dict[str, str]) -> None:
    indexes = PipIndexes(certificate="/own/ca.pem", trusted_hosts=("a.invalid", "b.invalid:81"))
    variables = uv_environment({**home, "SSL_CERT_FILE": "/system.pem"}, indexes)
    assert variables["SSL_CERT_FILE"] == "/own/ca.pem"
    assert variables["UV_INSECURE_HOST"] == "a.invalid b.invalid:81"
    plain = uv_environment({**home, "REQUESTS_CA_BUNDLE": "/bundle.pem"}, PipIndexes())
    assert plain["SSL_CERT_FILE"] == "/bundle.pem"
    assert uv_environment(home, PipIndexes())["UV_SYSTEM_CERTS"] == "1"


def test_pip_s_order_is_turned_round_for_uv() -> None:
    variables = uv_index_variables([None, "https://a", "https://b"], first=["file:///new"])
    assert variables["UV_INDEX"] == "index0=file:///new index1=https://b index2=https://a"
    assert "UV_DEFAULT_INDEX" not in variables
    variables = uv_index_variables(["https://a"], first=["file:///new"])
    assert variables["UV_DEFAULT_INDEX"] == "index1=https://a"
    assert urlsplit(uv_index_variables([])["UV_DEFAULT_INDEX"].partition("=")[2]).scheme == "file"


def test_the_public_index_itself(tmp_path: Path) -> None:
    done = compile_requirements(
        ["idna==3.10"],
        python_version="3.11",
        platform="linux",
        environment=uv_environment(os.environ),
        folder=tmp_path,
    )
    assert done.code == 0, done.error_text
    assert "idna==3.10" in done.text
