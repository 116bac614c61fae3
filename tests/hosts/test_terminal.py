"""Text for people: with colors and without, in encodings that lack a sign, to no reader."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from wheelstep.errors import CannotHere
from wheelstep.ground.secret import Secret
from wheelstep.hosts import host_of
from wheelstep.hosts.writer import Writer
from wheelstep.model import Problem

PROBLEM = Problem("version-taken", "error", 4, "It is taken.", "Raise it.", file="a/b.toml", line=3)


class ATerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_text_without_a_terminal() -> None:
    out = io.StringIO()
    host = host_of({}, out, io.StringIO())
    with host.group("Build"):
        host.annotate(PROBLEM)
    assert out.getvalue() == "Build\nerror: a/b.toml:3: It is taken. [version-taken]\n  Raise it.\n"


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colors_only_where_they_are_wanted(environment: dict[str, str]) -> None:
    out = ATerminal()
    host = host_of(environment, out, io.StringIO())
    host.annotate(PROBLEM)
    assert ("\x1b[" in out.getvalue()) is (not environment)
    assert "[version-taken]" in out.getvalue()


def test_rich_is_imported_for_colors_only() -> None:
    code = (
        "import sys\n"
        "from wheelstep.hosts import host_of\n"
        "host = host_of({}, sys.stdout, sys.stderr)\n"
        "host.say('x')\n"
        "print('rich' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "x\nFalse\n"


def test_signs_that_an_encoding_lacks() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    host_of({}, out, io.StringIO()).say("✓ a → b … ü")
    assert raw.getvalue() == b"+ a -> b ... ?\n"


def test_others_cannot_control_the_terminal() -> None:
    out = io.StringIO()
    host = host_of({}, out, io.StringIO())
    host.relay("a\x1b[2J\x1b[31mb\x1b]0;title\x07c\x1b]52;c;ZXZpbA==\x1b\\d\re\x9b1A\r\nf\r\n")
    assert out.getvalue() == "abcd\ne1A\nf\n"


def test_secrets_are_blanked_and_never_announced() -> None:
    out = io.StringIO()
    host = host_of({}, out, io.StringIO())
    Secret("pässword-of-mine")
    host.say("it is pässword-of-mine")
    host.annotate(Problem("c", "notice", 0, "p%C3%A4ssword-of-mine"))
    assert out.getvalue() == "it is ***\nnotice: *** [c]\n"


def test_what_a_control_function_splits_is_blanked_as_well() -> None:
    out = io.StringIO()
    host = host_of({}, out, io.StringIO())
    Secret("password-of-mine")
    split = "pass\x1b[1mword-of-mine"
    host.say(split)
    host.annotate(Problem("c", "notice", 0, split))
    host.marked([("ok", split), (None, split)])
    with host.group(split):
        pass
    assert out.getvalue() == "***\nnotice: *** [c]\n  ✓ ***\n***\n***\n"


def test_a_reader_that_left_does_not_stop_the_run() -> None:
    code = (
        "import sys\n"
        "from wheelstep.hosts import host_of\n"
        "host = host_of({}, sys.stdout, sys.stderr)\n"
        "sys.stdin.readline()\n"
        "[host.say('x' * 9999) for _ in range(9)]\n"
        "sys.stdout.flush()\n"
        "sys.stderr.write('done')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        child.stdin.write("go\n")
        child.stdin.flush()
        assert child.stderr.read() == "done"
        assert child.wait() == 0


def test_a_full_disk_is_said() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(CannotHere, match="No space left") as error:
        Writer(Full()).line("x")
    assert error.value.code == "disk-full"


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere() -> None:
    lines, bar = io.StringIO(), ATerminal()
    for out in (lines, bar):
        host = host_of({}, out, io.StringIO())
        with host.progress("publish", 2) as advance:
            advance("one is there")
            advance("two is there")
    assert lines.getvalue() == "one is there\ntwo is there\n"
    assert "publish" in bar.getvalue()
    assert "100%" in bar.getvalue()
    assert "one is there" not in bar.getvalue()
