"""The pinned pips of requirements/pips.txt, fetched once, and asked what they would install."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

PINS = Path(__file__).parents[2] / "requirements" / "pips.txt"
DRIVER = Path(__file__).parent / "pip_driver.py"

Taken = dict[str, tuple[str, str]]
"""Name -> (URL, SHA-256) of the file that is installed."""


def pins(file: Path = PINS) -> dict[str, str]:
    """Return the line of each pinned version."""
    found = re.findall(r"^(pip==(\S+) --hash=\S+)$", file.read_text("utf-8"), re.MULTILINE)
    return {version: line for line, version in found}


def unpacked(version: str, cache: Path, file: Path = PINS) -> Path:
    """Return the folder of a pip, fetched from the configured index where it is not there yet."""
    target = cache / f"pip-{version}"
    if target.is_dir():
        return target
    with tempfile.TemporaryDirectory(dir=cache) as name:
        folder = Path(name)
        (folder / "pin.txt").write_text(pins(file)[version] + "\n", encoding="utf-8")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"),
                *("--disable-pip-version-check", "--dest", folder, "-r", folder / "pin.txt"),
            ],
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == 0, f"pip {version} cannot be fetched: {done.stderr}"
        with zipfile.ZipFile(next(folder.glob("pip-*.whl"))) as archive:
            archive.extractall(folder / "pip")
        (folder / "pip").rename(target)
    return target


@dataclass(frozen=True)
class Asked:
    """What one pip is asked."""

    args: tuple[str, ...]
    folder: Path
    """Of the case, where the requirements are."""


def environment(home: Path) -> dict[str, str]:
    """Return this process's environment without any configuration of pip's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return {
        **kept,
        "HOME": str(home),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_INPUT": "1",
    }


def answers(pip: Path, asked: Sequence[Asked], home: Path) -> list[Taken | None]:
    """Return what this pip would install in each case; None where it refuses."""
    requests, reports = [], []
    for each in asked:
        report = each.folder / f"{pip.name}.json"
        reports.append(report)
        args = [
            *("install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet"),
            *("--report", str(report), *each.args),
        ]
        requests.append({"args": args, "said": str(report.with_suffix(".txt"))})
    done = subprocess.run(
        [sys.executable, "-I", DRIVER, pip],
        input="".join(json.dumps(request) + "\n" for request in requests),
        stdout=subprocess.PIPE,
        env=environment(home),
        check=True,
        text=True,
    )
    codes = [int(code) for code in done.stdout.split()]
    assert len(codes) == len(asked)
    return [taken(code, report) for code, report in zip(codes, reports, strict=True)]


def taken(code: int, report: Path) -> Taken | None:
    """Read what pip reports; a pip that failed for another reason than to refuse is an error."""
    if code != 0:
        said = report.with_suffix(".txt").read_text("utf-8")
        # a line with an option that there is not ends pip as a wrong command does
        assert code == 1 or "ERROR: Invalid requirement" in said, said
        assert "ERROR: " in said, said
        assert "Traceback" not in said, said
        return None
    found = json.loads(report.read_text("utf-8"))
    return {
        re.sub(r"[-_.]+", "-", each["metadata"]["name"]).lower(): (
            unquote(each["download_info"]["url"]),
            each["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for each in found["install"]
    }
