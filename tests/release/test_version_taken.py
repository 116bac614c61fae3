"""Code that changed without its version: refused before anything is published; two ways out."""

from __future__ import annotations

from tests.release.kit import Repo, contents

INIT = "packages/core/acme_core/__init__.py"
SELFTEST = "packages/features/src/acme_features/selftest.py"


def test_refused_before_anything_is_published_then_the_version_is_raised(monorepo: Repo) -> None:
    released = monorepo.git("rev-list", "-1", "HEAD", "--", INIT)
    monorepo.write({INIT: 'NAME = "changed"\n', "packages/core/acme_core/new.py": "NEW = 1\n"})
    monorepo.replace("packages/features/pyproject.toml", '"2.0.0"', '"2.1.0"')
    head = monorepo.commit()
    index, lock = contents(monorepo.index), monorepo.read("wheelstep.lock")
    ran = monorepo.wheelstep("release")
    assert ran.code == 4
    assert ran.status == "failed"
    problem = ran.problem("version-taken")
    assert problem["exit_code"] == 4
    assert problem["file"] == "packages/core/pyproject.toml"
    for part in ("acme-core 1.0.0", released[:12], INIT, "packages/core/acme_core/new.py",
                 "../index"):  # fmt: skip
        assert part in problem["message"]
    assert "packages/features" not in problem["message"]
    assert "Raise the version" in problem["cure"]
    assert "`exclude`" in problem["cure"]
    assert problem["message"] in ran.said
    # nothing published, not even the package that was right; nothing committed
    assert all(statuses == [] for statuses in ran.published.values())
    assert contents(monorepo.index) == index
    assert (monorepo.head, monorepo.read("wheelstep.lock")) == (head, lock)
    assert monorepo.git("status", "--porcelain") == ""

    monorepo.replace("packages/core/pyproject.toml", '"1.0.0"', '"1.0.1"')
    monorepo.commit()
    raised = monorepo.release()
    assert raised.published["acme_core-1.0.1-py3-none-any.whl"] == ["uploaded"]
    assert raised.published["acme_features-2.1.0-py2.py3-none-any.whl"] == ["uploaded"]
    assert raised.packages["acme-models"] == "unchanged"
    assert "Acme.Core[fast]==1.0.1 ;" in monorepo.read("environments/train/conda.yml")
    assert monorepo.release().status == "nothing-to-do"


def test_what_must_not_ship_is_excluded(monorepo: Repo) -> None:
    monorepo.commit({SELFTEST: "assert True\n"})
    index = contents(monorepo.index)
    refused = monorepo.wheelstep("release")
    assert refused.code == 4
    assert SELFTEST in refused.problem("version-taken")["message"]
    monorepo.replace("wheelstep.toml", '"tests/"', '"tests/", "selftest.py"')
    head = monorepo.commit()
    ran = monorepo.release()
    assert ran.status == "nothing-to-do"
    assert set(ran.packages.values()) == {"unchanged"}
    assert monorepo.head == head
    # nor does it ship when the record is lost
    head = monorepo.commit({"wheelstep.lock": None})
    again = monorepo.release()
    assert again.packages["acme-features"] == "built"
    assert again.published["acme_features-2.0.0-py2.py3-none-any.whl"] == ["identical"]
    assert monorepo.head == head
    assert contents(monorepo.index) == index


def test_without_the_record_the_members_that_differ_are_named(at_root: Repo) -> None:
    at_root.write({"src/acme_root/__init__.py": 'NAME = "changed"\n'})
    at_root.commit({"wheelstep.lock": None})
    index = contents(at_root.index)
    ran = at_root.wheelstep("release")
    assert ran.code == 4
    problem = ran.problem("version-taken")
    assert "acme-root 1.4.0" in problem["message"]
    assert "acme_root/__init__.py" in problem["message"]
    assert contents(at_root.index) == index
