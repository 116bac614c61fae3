"""`wheelstep doctor`: is everything in place?"""

from __future__ import annotations

from wheelstep.ground.checks import problem_of
from wheelstep.stages.doctor.together import checked
from wheelstep.stages.run import Run

__all__ = ["doctor"]


def doctor(run: Run) -> None:
    """Check what a release and the image builds after it rely on; changes nothing.

    The report has the checks, each fault as a problem, and the exit code that a release would end
    with because of them.

    Raises:
        StepError: What keeps everything from being looked at; a signal.
    """
    with run.stage("doctor"):
        run.report.checks, run.report.exit_code = checked(run)
    faults = [check for check in run.report.checks if check.status == "fault"]
    run.report.add(map(problem_of, faults))
    run.report.status = "failed" if faults else "done"
