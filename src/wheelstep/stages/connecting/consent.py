"""What is refused unless the settings allow it, with a reason."""

from __future__ import annotations

from wheelstep.errors import Refused
from wheelstep.model import Problem
from wheelstep.stages.run import Run

__all__ = ["ask_consent"]


def ask_consent(run: Run, code: str, name: str, message: str, cure: str) -> None:
    """Go on where the settings allow it, which the report then says.

    Args:
        run: The run.
        code: One of `allowances.OF_CONNECTIONS`.
        name: Of the connection.
        message: What is refused, and why.
        cure: What to do; how to allow it is added.

    Raises:
        Refused: It is not allowed.
    """
    way = f"`allow` with the code {code}, the connection's name and a reason."
    problem = Problem(code, "error", Refused.exit_code, message, f"{cure} {way}")
    run.allowances.looked(code, [name])
    excused = run.allowances.excused(problem, name)
    if excused.severity == "error":
        raise Refused(problem.message, code=code, cure=problem.cure)
    run.report.add([excused])
