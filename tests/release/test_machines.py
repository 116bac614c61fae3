"""Two checkouts at different paths, with different masks and line ends, one compiled package."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from tests.release.kit import Repo, contents
from tests.release.samples import flit, hatchling, setuptools

EXTENSION = """\
#include <Python.h>
#include <assert.h>

static PyObject *where(PyObject *self, PyObject *args) {
    assert(self != args);
    return PyUnicode_FromString(__FILE__);
}

static PyMethodDef methods[] = {{"where", where, METH_NOARGS, "Where."}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", 0, -1, methods};
PyMODINIT_FUNC PyInit__native(void) { return PyModule_Create(&module); }
"""


def test_the_second_checkout_adopts_what_the_first_published(tmp_path: Path) -> None:
    native = setuptools("acme-native", "packages/native/") | {
        "packages/native/setup.py": """\
            from setuptools import Extension, setup
            setup(ext_modules=[Extension("acme_native._native", ["acme_native/_native.c"])])
            """,
        "packages/native/acme_native/_native.c": EXTENSION,
        "packages/native/acme_native/data.bin": b"\x00\r\n\x01\n",
        "packages/native/MANIFEST.in": "recursive-include acme_native *.bin\n",
    }
    files = {
        **native,
        **flit("acme-models", "packages/models/"),
        **hatchling("acme-features", "packages/features/"),
        "requirements.txt": "acme-native\nacme-models\nacme-features\n",
        "wheelstep.toml": 'packages = ["packages/*"]\npublish-to = ["../index"]\n'
        'commit = "local"\nrehearse = "off"\n',
        ".gitattributes": "* text=auto\n",
        ".gitignore": "/dist/\n",
    }
    origin = Repo.create(tmp_path / "place", files)
    one = replace(origin.clone("one"), umask=0o002)
    script = one.root / "packages/native/acme_native/__init__.py"
    assert one.release().status == "done"
    one.git("rm", "--quiet", "wheelstep.lock")
    one.git("commit", "--quiet", "--message", "No record")
    index = contents(one.index)

    other = one.clone("a rather longer path", "--config", "core.autocrlf=true")
    other = replace(other, umask=0o022)
    crlf = (other.root / "packages/native/acme_native/__init__.py").read_bytes()
    assert b"\r\n" in crlf
    assert b"\r\n" not in script.read_bytes()
    head = other.head
    ran = other.wheelstep("release")
    assert ran.code == 0, ran.said
    assert set(ran.packages.values()) == {"built"}
    assert all(statuses == ["identical"] for statuses in ran.published.values()), ran.published
    assert ran.status == "nothing-to-do"
    assert other.head == head
    assert contents(one.index) == index
    built = contents(other.root / "dist")
    assert built == contents(one.root / "dist")
    assert len(built) == 3
    assert any(sys.implementation.cache_tag.removeprefix("cpython-") in name for name in built)
