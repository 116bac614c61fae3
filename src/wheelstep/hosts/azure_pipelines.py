"""Azure Pipelines.

Commands and escapes as Microsoft's own task library (azure-pipelines-task-lib 5,
taskcommand.ts) writes them and as learn.microsoft.com, "Logging commands", has them.
"""

from __future__ import annotations

import json
import re
import tempfile
import unicodedata
from pathlib import Path
from typing import Final

from wheelstep.errors import CannotHere, SettingError
from wheelstep.ground.secret import Secret, redact
from wheelstep.hosts.commands import CommandHost, Dialect, append, escaped
from wheelstep.hosts.interface import BEFORE_MERGE, Trigger
from wheelstep.options import OUTPUTS
from wheelstep.options import option as option_named

__all__ = ["DIALECT", "AzurePipelines"]

DATA: Final = (("%", "%AZP25"), ("\r", "%0D"), ("\n", "%0A"))

DIALECT: Final = Dialect(
    fold="##[group]{0}",
    unfold="##[endgroup]",
    mask="##vso[task.setsecret]{0}",
    # there is no notice
    problem={
        "error": "##vso[task.logissue type=error;{0}]{1}",
        "warning": "##vso[task.logissue type=warning;{0}]{1}",
    },
    properties={"file": "sourcepath", "line": "linenumber", "code": "code"},
    opening="",
    separator=";",
    data=DATA,
    values=(*DATA, ("]", "%5D"), (";", "%3B")),
    looks_like_command=re.compile(r"#(?=#(?:vso)?\[)", re.IGNORECASE),
    most=None,
)

CONNECTION: Final = "SYSTEMVSSCONNECTION"
"""The endpoint that every task is handed: the organization, with the job's token."""

UNKNOWN_VARIABLE: Final = re.compile(r"\$\([A-Za-z_][\w. -]*\)")
"""The agent leaves `$(name)` as it is when there is no such variable."""


class AzurePipelines(CommandHost):
    """A step of an Azure Pipelines job. See `interface.Host`."""

    name = "azure"
    dialect = DIALECT
    _summaries = 0

    def defused(self, line: str) -> str:
        """Return a line without a command: the agent has nothing to switch commands off.

        The agent compares as the language does, which passes over signs that have no width: they
        are taken out first.
        """
        return super().defused("".join(sign for sign in line if _is_seen(sign)))

    def summary(self, markdown: str) -> None:
        """Put a page below the run's summary, from a file that the agent uploads."""
        self._summaries += 1
        title = "wheelstep" if self._summaries == 1 else f"wheelstep-{self._summaries}"
        try:
            folder = tempfile.mkdtemp(
                prefix="wheelstep-", dir=self.environment.get("AGENT_TEMPDIRECTORY") or None
            )
        except OSError as error:
            raise CannotHere.from_os_error(error, "writing the summary") from error
        path = Path(folder, f"{title}.md")  # the page's heading is the file's name
        append(path, redact(markdown).rstrip("\n") + "\n", "writing the summary")
        self.writer.raw(f"##vso[task.uploadsummary]{escaped(str(path), DATA)}")

    def _output(self, name: str, value: str) -> None:
        variable = next(row.camel for row in OUTPUTS if row.name == name)
        self.writer.line(
            f"##vso[task.setvariable variable={variable};isOutput=true]{escaped(value, DATA)}"
        )

    def trigger(self) -> Trigger:
        """Return what started the run, from BUILD_REASON, BUILD_SOURCEBRANCH and, where another
        pipeline's run started it, RESOURCES_TRIGGERINGALIAS and what it says of that run's branch:
        what that one built may be a stranger's, and this one has the secrets.

        BUILD_SOURCEBRANCH is of the repository that BUILD_REPOSITORY_URI names: a pipeline that is
        triggered by several has checked out the others, too.

        Source: Microsoft Learn, "Define resources in YAML", "pipeline resource metadata as
        predefined variables", and "Check out multiple repositories in your pipeline", "Triggers";
        variables are handed on as the agent's VarUtil writes them.
        """
        ref = self.environment.get("BUILD_SOURCEBRANCH", "")
        whose = self.environment.get("BUILD_REPOSITORY_URI", "").strip() or None
        if self.environment.get("BUILD_REASON") == "PullRequest" or any(
            one.startswith(BEFORE_MERGE) for one in (ref, *self._before())
        ):
            return Trigger(branch=None, pull_request=True)
        if ref.startswith("refs/tags/"):
            return Trigger(branch=None, tag=ref.removeprefix("refs/tags/"), repository=whose)
        if ref.startswith("refs/heads/"):
            pushed = self.environment.get("BUILD_REASON") in {"IndividualCI", "BatchedCI"}
            return Trigger(ref.removeprefix("refs/heads/"), pushed=pushed, repository=whose)
        return Trigger(branch=None)

    def _before(self) -> list[str]:
        """Return the branch of the run of another pipeline that started this one; of all that are
        named where a server does not say which it was (MicrosoftDocs/azure-devops-docs #9344)."""
        reason = self.environment.get("BUILD_REASON")
        alias = self.environment.get("RESOURCES_TRIGGERINGALIAS", "").upper()
        if not alias and reason not in {"ResourceTrigger", "BuildCompletion"}:
            return []
        which = re.escape(alias.replace(".", "_").replace(" ", "_")) or ".+"
        name = re.compile(f"RESOURCES_PIPELINE_{which}_SOURCEBRANCH")
        return [value for key, value in self.environment.items() if name.fullmatch(key)]

    def job_token(self) -> Secret | None:
        """Return the job's token: a task is handed it as an endpoint, a script step has to map
        SYSTEM_ACCESSTOKEN."""
        direct = self.environment.get(f"ENDPOINT_AUTH_PARAMETER_{CONNECTION}_ACCESSTOKEN", "")
        for token in (
            direct,
            _access_token(self.environment.get(f"ENDPOINT_AUTH_{CONNECTION}", "")),
            self.environment.get("SYSTEM_ACCESSTOKEN", ""),
        ):
            if token.strip() and not UNKNOWN_VARIABLE.fullmatch(token.strip()):
                return Secret(token.strip())
        return None

    def input(self, option: str) -> str | None:
        """Return an input: the agent sets INPUT_PUBLISHTO for `publishTo`.

        Raises:
            SettingError: As `seen`.
        """
        name = option_named(option).camel
        value = self.environment.get(f"INPUT_{name.upper()}", "").strip()
        return self.seen(option, f"The input {name}", value)

    def seen(self, option: str, where: str, value: str) -> str | None:
        """Return the value, in which a variable that the run does not see stands by its name:
        `$(Name)`, in an input and in what a step maps (`env: NAME: $(Name)`).

        The build of a fork's pull request sees no secret variables: a secret that it does not have
        is not given there, as it is on GitHub.

        Raises:
            SettingError: It is a variable that the pipeline does not have.
        """
        for line in value.splitlines():
            if UNKNOWN_VARIABLE.fullmatch(line.strip()):
                if option_named(option).kind == "secret" and self.trigger().pull_request:
                    return None
                raise SettingError(
                    f"{where} is {line.strip()}, but the pipeline has no "
                    "variable of that name, or this run may not see it.",
                    code="unknown-variable",
                    cure="Define the variable, link its variable group, or leave it out. "
                    "Runs from forks see no secret variables.",
                )
        return value or None


def _is_seen(sign: str) -> bool:
    # a tab moves what follows, and an escape colors it: the log shows both
    return sign in "\t\x1b" or unicodedata.category(sign) not in {"Cf", "Cc"}


def _access_token(authorization: str) -> str:
    try:
        token = json.loads(authorization)["parameters"]["AccessToken"]
    except (ValueError, KeyError, TypeError):
        return ""  # another scheme, or not handed over
    return token if isinstance(token, str) else ""
