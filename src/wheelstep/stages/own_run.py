"""A run that was started by the step's own commit."""

from __future__ import annotations

from wheelstep.repositories.identity import made_by_us
from wheelstep.repositories.next_branch import NEXT
from wheelstep.repositories.table import OWN_BRANCHES
from wheelstep.stages.run import Run

__all__ = ["started_by_its_own_commit", "started_by_its_own_proposal"]


def started_by_its_own_proposal(run: Run) -> bool:
    """Tell whether the run belongs to the branch of a pull request of ours: what is there is
    proposed, and released when it is merged."""
    branch = run.trigger.branch
    if run.settings.commit != "pull-request" or branch is None or not run.trigger.pushed:
        return False
    own = run.settings.committing.branch
    if own == (run.settings.branch or branch):
        return False  # no branch of its own: that is refused, and not passed over
    ours = branch == own if own else branch.startswith(OWN_BRANCHES)
    if not ours and not branch.startswith(NEXT):
        return False
    run.warn(
        "own-proposal",
        f"This run was started by the push of a proposal, {branch}: there is nothing to do.",
        cure="Leave such branches out of the pipeline's triggers to spare the run.",
        severity="notice",
    )
    return True


def started_by_its_own_commit(run: Run) -> bool:
    """Tell whether what was pushed last is a commit of ours, as we made it. Commits of others that
    came with it may be behind it: whether a package changed is for the caller to ask."""
    if not run.trigger.pushed or not made_by_us(run.git, run.git.text("rev-parse", "HEAD")):
        return False
    run.warn(
        "own-commit",
        "This run was started by a commit that the step made itself, and no package has changed: "
        "there is nothing to do.",
        severity="notice",
    )
    return True
