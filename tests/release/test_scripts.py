"""A release pins what scripts and notebooks say, and reports what they compute."""

from __future__ import annotations

import json

from tests.release.kit import Repo

SCRIPT = """\
from azureml.core.conda_dependencies import CondaDependencies

train = CondaDependencies.create(conda_packages=["python=3.10"], pip_packages=[])
train.add_pip_package("acme-core==0.1")
serve = CondaDependencies()
serve.add_pip_package("acme-core==0.1")
serve.add_pip_package(f"acme-features=={version}")
"""
COMPUTED = 'import os\nconda.add_pip_package("acme-core==" + os.environ["V"])\n'
NOTEBOOK = json.dumps(
    {
        "cells": [
            {
                "cell_type": "code",
                "metadata": {},
                "outputs": [],
                "source": ["# our own\n", "%pip install acme-core==0.1"],
            }
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    },
    indent=1,
)


def test_scripts_and_notebooks_are_found_pinned_and_rehearsed(unreleased: Repo) -> None:
    module = 'def make(c):\n    c.add_pip_package("acme-core==0.1")\n'
    unreleased.commit(
        {
            "environments/make.py": SCRIPT,
            "environments/computed.py": COMPUTED,
            "notebooks/train.ipynb": NOTEBOOK,
            "packages/core/src/acme_core/envs.py": module,
        }
    )
    ran = unreleased.release()
    script = unreleased.read("environments/make.py")
    assert script == SCRIPT.replace("acme-core==0.1", "acme-core==1.0.0")
    notebook = unreleased.read("notebooks/train.ipynb")
    assert notebook == NOTEBOOK.replace("acme-core==0.1", "acme-core==1.0.0")
    assert unreleased.read("environments/computed.py") == COMPUTED
    assert unreleased.read("packages/core/src/acme_core/envs.py") == module
    statuses = {
        path: ran.definition(path)["status"]
        for path in ("environments/make.py", "environments/computed.py", "notebooks/train.ipynb")
    }
    assert list(statuses.values()) == ["changed", "found-not-edited", "changed"]
    left = [
        (one["file"], one["line"], one["severity"])
        for one in ran.report["problems"]
        if one["code"] == "found-not-edited"
    ]
    assert left == [
        ("environments/computed.py", 2, "notice"),
        ("environments/make.py", 7, "notice"),
    ]
    verdicts = {
        (one["path"], one["place"]): one["status"]
        for one in ran.report["rehearsals"]
        if one["path"].endswith((".py", ".ipynb"))
    }
    assert verdicts == {
        ("environments/make.py", "train"): "resolved",
        ("environments/make.py", "serve"): "unproven",
        ("notebooks/train.ipynb", "pip install"): "unproven",
    }
    again = unreleased.release()
    assert again.status == "nothing-to-do"
    assert again.definition("environments/computed.py")["status"] == "found-not-edited"
