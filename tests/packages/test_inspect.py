from __future__ import annotations

import base64
import hashlib
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from tests.packages.wheel_kit import package, record, wheel
from wheelstep.errors import BuildFailed, CannotHere, Refused
from wheelstep.ground import archive
from wheelstep.ground.secret import Secret
from wheelstep.packages.content import content_hash
from wheelstep.packages.inspect import inspect_wheel

INFO = "acme-1.0.dist-info"
HEAD = "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def fault(path: Path, kind: type[BuildFailed | Refused] = BuildFailed) -> str:
    """Inspect a wheel that has a fault; return the error's text."""
    with pytest.raises(kind) as caught:
        inspect_wheel(path, expected=package("acme"))
    assert path.name in caught.value.message
    assert caught.value.cure
    return f"{caught.value.code}: {caught.value.message}"


def test_a_good_wheel_is_known_by_what_it_says(tmp_path: Path) -> None:
    path = wheel(tmp_path, metadata="Requires-Python: >=3.9\nLicense-File: LICENSE\n")
    found = inspect_wheel(path, expected=package("Acme"))
    assert (found.file, found.name, found.version) == (path.name, "acme", "1.0")
    assert found.requires_python == ">=3.9"
    assert found.size == path.stat().st_size
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.content == content_hash(path)
    assert found.path == path


def test_every_tag_and_the_build_number_must_agree(tmp_path: Path) -> None:
    two = WHEEL.replace("Tag: py3", "Tag: py2-none-any\nTag: py3") + "Build: 3\n"
    path = wheel(tmp_path, {f"{INFO}/WHEEL": two}, file="acme-1.0-3-py2.py3-none-any.whl")
    assert inspect_wheel(path, expected=package("acme")).file == path.name


@pytest.mark.parametrize(
    ("name", "version"), [("other", "1.0"), ("acme", "1.1"), ("acme", "1.0+local")]
)
def test_it_must_be_what_was_planned(tmp_path: Path, name: str, version: str) -> None:
    path = wheel(tmp_path, name=name, version=version)
    assert f"{name} {version}, but acme 1.0 (.) was to be released" in fault(path)
    assert inspect_wheel(path, expected=None).version == version


@pytest.mark.parametrize(
    ("replaced", "words"),
    [
        ({f"{INFO}/METADATA": None}, "no member"),
        ({f"{INFO}/WHEEL": None}, "no member"),
        ({f"{INFO}/RECORD": None}, "no member"),
        ({f"{INFO}/METADATA": HEAD.replace("1.0", "2.0")}, "acme 2.0, unlike its file name"),
        ({f"{INFO}/METADATA": HEAD.replace("acme", "other")}, "other 1.0, unlike"),
        ({f"{INFO}/METADATA": HEAD + "Requires-Dist: a b c\n"}, "requires-dist"),
        ({f"{INFO}/METADATA": HEAD + "Requires-Python: three\n"}, "requires-python"),
        ({f"{INFO}/METADATA": "Name: acme\n"}, "metadata"),
        ({f"{INFO}/METADATA": b"\xff\xfe\0"}, "METADATA"),
        ({f"{INFO}/WHEEL": WHEEL.replace("1.0", "2.0")}, "Wheel-Version '2.0'"),
        ({f"{INFO}/WHEEL": WHEEL.replace("true", "maybe")}, "Root-Is-Purelib"),
        ({f"{INFO}/WHEEL": WHEEL.replace("py3", "py2")}, "py3-none-any, its WHEEL says py2"),
        ({f"{INFO}/WHEEL": WHEEL.replace("py3-none-any", "x")}, "the tag 'x'"),
        ({f"{INFO}/WHEEL": WHEEL + "Build: 7\n"}, "its WHEEL '7'"),
        ({"acme/__init__.py": "changed"}, "another hash for acme/__init__.py"),
        ({"acme/__init__.py": None}, "lists what is not in it: acme/__init__.py"),
        ({"acme/extra.py": ""}, "does not list acme/extra.py"),
        ({f"{INFO}/RECORD": "acme/__init__.py,,\n"}, "no hash"),
        ({f"{INFO}/RECORD": "acme/__init__.py,md5=x,0\n"}, "the hash md5=x"),
        ({f"{INFO}/RECORD": "acme/__init__.py,sha256=x\n"}, "the line"),
        ({f"{INFO}/RECORD": "acme/__init__.py,sha256=x,many\n"}, "the line"),
        ({"../up.py": ""}, "'../up.py' lies outside"),
        ({"/root.py": ""}, "'/root.py' lies outside"),
        ({"C:/root.py": ""}, "lies outside"),
        ({"acme\\up.py": ""}, "lies outside"),
        ({"acme//a.py": ""}, "lies outside"),
        ({"acme/a\nb.py": ""}, "control characters"),
        ({"ACME/__init__.py": ""}, "acme/__init__.py and ACME/__init__.py are one file"),
        ({"acme": ""}, "acme is both a file and a folder"),
        ({"other-1.0.dist-info/METADATA": ""}, "more than one .dist-info"),
    ],
)
def test_an_invalid_wheel_is_told(
    tmp_path: Path, replaced: dict[str, bytes | str | None], words: str
) -> None:
    said = fault(wheel(tmp_path, replaced=replaced))
    assert said.startswith("wheel-invalid: ")
    assert words in said


def test_record_lists_each_member_once_and_with_its_size(tmp_path: Path) -> None:
    good = wheel(tmp_path)
    with zipfile.ZipFile(good) as archive:
        lines = archive.read(f"{INFO}/RECORD").decode()
    first = lines.splitlines()[0]
    twice = wheel(tmp_path, replaced={f"{INFO}/RECORD": f"{first}\n{lines}"})
    assert "lists acme/__init__.py twice" in fault(twice)
    sized = wheel(tmp_path, replaced={f"{INFO}/RECORD": lines.replace(first, first[:-1] + "7")})
    assert "has 7 bytes, it has 0" in fault(sized)


def test_stronger_hashes_are_read(tmp_path: Path) -> None:
    data = b"x = 1\n"
    members = {"acme/__init__.py": data}
    digest = hashlib.sha512(data).digest()
    said = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    path = wheel(tmp_path, members)
    with zipfile.ZipFile(path) as archive:
        lines = archive.read(f"{INFO}/RECORD").decode().splitlines()
    lines[0] = f"acme/__init__.py,sha512={said},{len(data)}"
    strong = wheel(tmp_path, members, replaced={f"{INFO}/RECORD": "\n".join(lines)})
    assert inspect_wheel(strong, expected=None).name == "acme"
    lines[0] = lines[0].replace(said[:4], "AAAA")
    wrong = wheel(tmp_path, members, replaced={f"{INFO}/RECORD": "\n".join(lines)})
    assert "another hash" in fault(wrong)


def test_a_member_twice_and_a_symbolic_link(tmp_path: Path) -> None:
    path = wheel(tmp_path)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("acme/__init__.py", "")
    assert "acme/__init__.py is in it twice" in fault(path)
    path = wheel(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("acme/link.py")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "__init__.py")
    assert "acme/link.py is a symbolic link" in fault(path)


def test_file_names_that_are_no_wheels(tmp_path: Path) -> None:
    for name in ("acme.whl", "acme-one-py3-none-any.whl", "acme-1.0-py3-none-any.zip"):
        assert "not a wheel's" in fault(wheel(tmp_path, file=name))
    other = wheel(tmp_path, file="acme-1.1-py3-none-any.whl")
    assert "acme-1.0.dist-info is another name or version" in fault(other)
    (tmp_path / "acme-1.0-py3-none-any.whl").write_bytes(b"PK")
    assert "no readable zip" in fault(tmp_path / "acme-1.0-py3-none-any.whl")
    with pytest.raises(CannotHere):
        inspect_wheel(tmp_path / "gone-1.0-py3-none-any.whl", expected=None)


KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("member", "data"),
    [
        ("acme/.env", ""),
        ("acme/.env.production", ""),
        (".git/config", ""),
        ("acme/vendor/.git", "gitdir: x"),
        ("acme/.pypirc", ""),
        ("acme/.netrc", ""),
        ("acme/.git-credentials", ""),
        ("acme/keys/id_rsa", ""),
        ("acme/keys/id_ed25519", ""),
        ("acme/server.pem", "Bag Attributes\n" + KEY),
        ("acme/server.key", KEY),
        ("acme/deploy", KEY),
    ],
)
def test_secrets_are_refused_and_named(tmp_path: Path, member: str, data: str) -> None:
    said = fault(wheel(tmp_path, {member: data}), Refused)
    assert said.startswith("secret-in-wheel: ")
    assert member in said


def test_what_only_looks_like_a_secret_is_let_through(tmp_path: Path) -> None:
    public = "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n"
    files = {
        "acme/.env.example": "TOKEN=",
        "acme/env.py": f"HEADER = '{KEY[:31]}'",
        "acme/cacert.pem": public,
        "acme/.gitignore": "",
        "acme/id_rsa.pub": "ssh-rsa AAAA",
    }
    assert inspect_wheel(wheel(tmp_path, files), expected=package("acme")).name == "acme"


def test_a_secret_of_this_run_is_found_in_any_form_and_across_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = Secret("s3cr3t/of+this run!")
    inspect_wheel(wheel(tmp_path), expected=None)
    forms = [secret.reveal(), base64.b64encode(secret.reveal().encode()).decode()]
    monkeypatch.setattr(archive, "CHUNK", 7)
    for form in forms:
        said = fault(wheel(tmp_path, {"acme/a.py": f"12345 {form}"}), Refused)
        assert "acme/a.py (one of this run's secrets)" in said
        assert secret.reveal() not in said


def test_the_build_folder_and_large_file_pointers_are_told(tmp_path: Path) -> None:
    path = wheel(tmp_path, {"acme/a.bin": b"\0" + str(tmp_path).encode() + b"/x\0"})
    inspect_wheel(path, expected=None, forbidden_paths=[tmp_path / "other"])
    with pytest.raises(BuildFailed, match=r"acme/a\.bin") as caught:
        inspect_wheel(path, expected=None, forbidden_paths=[tmp_path])
    assert caught.value.code == "build-path-in-wheel"
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n"
    said = fault(wheel(tmp_path, {"acme/model.bin": pointer}))
    assert said.startswith("lfs-pointer: ")
    assert "acme/model.bin" in said


def test_memory_stays_bounded_for_a_huge_member(tmp_path: Path) -> None:
    size = 120 << 20
    path = tmp_path / "acme-1.0-py3-none-any.whl"
    digest = hashlib.sha256(bytes(size))
    said = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
    texts = {f"{INFO}/METADATA": HEAD.encode(), f"{INFO}/WHEEL": WHEEL.encode()}
    lines = f"acme/zeros.bin,sha256={said},{size}\n" + record(INFO, texts).decode()
    del digest
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("acme/zeros.bin", "w") as stream:
            for _ in range(120):
                stream.write(bytes(1 << 20))
        for name, data in texts.items():
            archive.writestr(name, data)
        archive.writestr(f"{INFO}/RECORD", lines)
    tracemalloc.start()
    try:
        found = inspect_wheel(path, expected=package("acme"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.name == "acme"
    assert peak < 20 << 20
