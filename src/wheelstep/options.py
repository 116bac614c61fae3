"""The table of options: each is declared once, here.

The flags, the variables, the inputs of the action and of the task, the JSON schema and the table in
docs/options.md are all made from these rows; a test holds the committed files equal to them.
"""

# ruff: noqa: E501 - the sentences of a table read best unbroken
from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["COMMANDS", "OPTIONS", "OUTPUTS", "Command", "Option", "Output", "option"]

Kind = Literal[
    "text",
    "list",
    "switch",
    "choice",
    "number",
    "secret",
    "destinations",
    "definitions",
    "connections",
    "allow",
]
Command = Literal[
    "release",
    "plan",
    "build",
    "publish",
    "connect",
    "pin",
    "promote",
    "rehearse",
    "mirror",
    "doctor",
    "demo",
]

COMMANDS: Final[dict[Command, str]] = {
    "release": "build, rehearse, publish, connect, pin and commit",
    "plan": "show what release would do; change nothing",
    "build": "packages -> wheels in --dist",
    "publish": "wheels in --dist -> every destination; NAME==VERSION copies a released version",
    "connect": "the workspace connections that Azure ML authenticates with",
    "pin": "edit the environment definitions; NAME==VERSION takes a released version",
    "promote": "NAME==VERSION, released earlier, to the feed view of the option view",
    "rehearse": "would these definitions build?",
    "mirror": "the upkeep of a blob mirror: repair, yank, delete",
    "doctor": "is everything in place? Changes nothing",
    "demo": "a whole release on a sample repository, on this machine alone",
}

ALL: Final = frozenset(COMMANDS) - {"demo"}
BUILDING: Final[frozenset[Command]] = frozenset({"release", "plan", "build", "doctor"})
PUBLISHING: Final[frozenset[Command]] = frozenset({"release", "plan", "publish", "doctor"})
DEFINING: Final[frozenset[Command]] = frozenset({"release", "plan", "pin", "rehearse", "doctor"})
COMMITTING: Final[frozenset[Command]] = frozenset({"release", "plan", "pin", "doctor"})
CONNECTING: Final[frozenset[Command]] = DEFINING | {"connect"}
PROMOTING: Final[frozenset[Command]] = PUBLISHING | DEFINING | {"promote"}


@dataclass(frozen=True, slots=True)
class Option:
    """One option. It has one name everywhere."""

    name: str
    """kebab-case, as on the command line and in the file."""
    meaning: str
    """One sentence for every help text; no markup but backquotes."""
    kind: Kind
    default: str
    """What happens when it is not set, for the documentation."""
    commands: frozenset[Command]
    """The commands that listen to it."""
    choices: tuple[str, ...] = ()
    placeholder: str = "TEXT"
    """What stands for the value in the help text."""
    in_file: bool = True
    as_flag: bool = True
    as_input: bool = True
    in_action: bool = True
    """Whether an input is one of the GitHub Action, too."""
    task_type: str = ""
    """The type of the task's input, where the kind does not say it."""

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "WHEELSTEP_" + self.name.upper().replace("-", "_")

    @property
    def attribute(self) -> str:
        """The name in Python."""
        return self.name.replace("-", "_")

    @property
    def camel(self) -> str:
        """The name of the Azure Pipelines task's input (dashes are not allowed there)."""
        head, *tail = self.name.split("-")
        return head + "".join(word.capitalize() for word in tail)


def _secret(name: str, meaning: str, default: str, commands: frozenset[Command]) -> Option:
    return Option(name, meaning, "secret", default, commands, in_file=False, as_flag=False)


OPTIONS: Final[tuple[Option, ...]] = (
    Option("repository", "The checkout to work in.", "text", "`.`", ALL, placeholder="DIR",
           in_file=False),
    Option("packages", "Folders or globs of packages to release; `!glob` leaves packages out; folders that are no Python project are passed over.", "list", "`.`", ALL,
           placeholder="GLOB"),
    Option("exclude", "Globs inside a package that do not make a new release (tests, docs).", "list",
           "none; the lock and the definitions never do", ALL, placeholder="GLOB"),
    Option("dist", "Where wheels are built to.", "text", "`dist`",
           BUILDING | PUBLISHING, placeholder="DIR"),
    Option("prebuilt", "Take the wheels that are in `dist` instead of building.", "switch", "off",
           BUILDING | PUBLISHING),
    Option("publish-to", "Destinations: URLs, folders, or `ORG/PROJECT/FEED` for a feed of Azure DevOps; in the file also tables with `name`, `url`, `serve-url`, `view`, `user` and `token-env`.", "destinations",
           "`wheel-index`, a folder; on a CI host there is none", ALL, placeholder="URL"),
    Option("serve-url", "The base URL at which consumers read a folder, when it is not where it is written.", "text",
           "that place", ALL, placeholder="URL"),
    Option("read-back", "Where published files are read back from before anything goes on.", "choice",
           "`serve`", PUBLISHING, choices=("serve", "write", "none")),
    Option("find-links", "Write a page of links for each definition, `links/PATH.html` in a folder or a blob mirror: the wheels that it pins, for `--find-links`.", "switch", "off",
           frozenset({"release", "plan", "doctor"})),
    Option("view", "The feed view to promote to, last of the publishing: when all can be read and the rehearsal against what is served has passed.", "text",
           "none; the view whose URL `publish-to` or `serve-url` names", PROMOTING, placeholder="NAME"),
    Option("definitions", "Environment definitions to update: files or globs; in the file also a table that maps them to the workspaces that read them.", "definitions",
           "every file that already names a released package", ALL, placeholder="GLOB"),
    Option("pin", "How definitions name a package: `version` (`name==1.2.3`), `url` (`name @ URL#sha256=...`), `bare-url` (the URL alone), `git` (`name @ git+https://...@COMMIT`) or `vendor` (the wheel copied beside a Dockerfile).", "choice",
           "`version`; `bare-url` for a workspace's own storage", DEFINING, choices=("version", "url", "bare-url", "git", "vendor")),
    Option("keep-ranges", "Leave a range, or a bare name, that admits the new version as it is; Azure ML does not rebuild the image then.", "switch", "off",
           DEFINING),
    Option("closure", "A definition that reaches a released package only through another one gets a pin for it too.", "switch", "on",
           DEFINING),
    Option("workspace", "Azure ML workspaces that read the definitions: resource ids, or `SUBSCRIPTION/GROUP/NAME`.", "list", "none",
           CONNECTING, placeholder="ID"),
    Option("api-version", "The api-version with which workspaces are asked at Azure Resource Manager.", "text", "`2024-10-01`, a stable one",
           CONNECTING, placeholder="DATE"),
    Option("register", "Create the raised environment versions in the workspaces, before the commit that refers to them.", "switch", "off",
           frozenset({"release", "plan", "pin", "doctor"})),
    Option("feed-user", "The user name to publish with (feeds take any).", "text", "`wheelstep`",
           ALL, placeholder="NAME"),
    _secret("feed-token", "The token or password to publish with.",
            "a feed is signed in at as `feed-sign-in` says", ALL),
    Option("feed-sign-in", "Who signs in at a feed without a token: `pypirc` (what TwineAuthenticate@1 left), `job` (the pipeline job's own token), `azure` (an identity of Azure), or `auto`: the first of them that is there, after `service-connection`.", "choice",
           "`auto`", ALL, choices=("auto", "pypirc", "job", "azure")),
    Option("service-connection", "The Azure Resource Manager service connection of Azure Pipelines that signs in at workspaces and feeds; in a script inside AzureCLI@2 its id, `$AZURESUBSCRIPTION_SERVICE_CONNECTION_ID`.", "text",
           "none", ALL, placeholder="ID", in_file=False, in_action=False, task_type="connectedService:AzureRM"),
    _secret("repository-token", "The token to push with.",
            "the job's token, or what the checkout left in git's configuration", COMMITTING),
    Option("rehearse", "Resolve each definition that changes or names a new package the way the image build will, before anything is published; `conda` solves the conda packages too, where micromamba or conda is installed.", "choice",
           "`on`", DEFINING, choices=("on", "off", "conda")),
    Option("compare-with", "The report of an earlier run: what else changes in the images since then is told.", "text",
           "nothing is compared", DEFINING, placeholder="FILE"),
    Option("platform", "What the image is, for the choice of wheels.", "text",
           "`x86_64-manylinux_2_28`", DEFINING, placeholder="PLATFORM"),
    Option("commit", "Where the definitions are committed.", "choice", "`none`; `push` on a CI host",
           COMMITTING, choices=("none", "local", "push", "pull-request")),
    Option("commit-with", "How the commit gets to the remote: `git` pushes, `github` and `azure-repos` ask the host to make it (on GitHub it is signed then, and no key is needed). `github` also says that a host which is not known is a GitHub Enterprise Server.", "choice",
           "`auto`: as the remote's host offers, where there is a token for it; else `git`", COMMITTING, choices=("auto", "git", "github", "azure-repos")),
    Option("branch", "The branch to commit to.", "text",
           "the branch that triggered the run (on a tag or a pull request there is none)",
           COMMITTING, placeholder="NAME"),
    Option("commit-message", "The message of the commit; `{packages}`, `{count}`, `{branch}` and `{run}` are filled in.", "text", "a clear sentence", COMMITTING),
    Option("commit-author", "Who the commit is by, `Name <address>`; a commit that GitHub makes is by the token's account.", "text",
           "the host's own account; on a terminal git's", COMMITTING, placeholder="NAME"),
    Option("sign-off", "End the message with `Signed-off-by` and the author.", "switch", "off", COMMITTING),
    Option("work-items", "Work items of Azure Boards that the commit and the pull request are linked with: their numbers.", "list", "none",
           COMMITTING, placeholder="NUMBER"),
    Option("skip-ci", "Mark a pushed commit so that it does not start a pipeline run of its own; a pull request's commit never is.", "switch", "on",
           COMMITTING),
    Option("pull-request-branch", "The branch that pull requests come from.", "text", "`wheelstep/` and the branch that they go to", COMMITTING, placeholder="NAME"),
    Option("pull-request-title", "The title of pull requests, with what `commit-message` fills in.", "text", "the commit's subject", COMMITTING),
    Option("pull-request-labels", "Labels that pull requests get.", "list", "none", COMMITTING),
    Option("pull-request-reviewers", "Who is asked to review: on GitHub logins, and `ORG/TEAM` for teams; on Azure Repos mail addresses, or names of groups.", "list", "none",
           COMMITTING, placeholder="NAME"),
    Option("pull-request-draft", "Open pull requests as drafts.", "switch", "off", COMMITTING),
    Option("auto-merge", "Let the host complete the pull request, this way, once its rules allow: auto-merge on GitHub, auto-complete on Azure Repos (which alone has `semi-linear`).", "choice",
           "`off`", COMMITTING, choices=("off", "merge", "squash", "rebase", "semi-linear")),
    Option("definition-repository", "The repository with the definitions, where it is another one: its URL, or a folder.", "text", "this one",
           DEFINING, placeholder="URL"),
    _secret("definition-repository-token", "The token to read and to change that other repository with.",
            "what git is configured with", DEFINING),
    Option("tag", "The tag that each released package gets, such as `{name}-v{version}`, on the commit it was released from; one that is there is never moved.", "text", "none",
           frozenset({"release", "plan", "doctor"})),
    Option("github-release", "Make a release on GitHub for each new `tag`.", "switch", "off", frozenset({"release", "plan"})),
    Option("public-index", "The index that stands for the public one; `none`: nothing does, and no name is looked up there.", "text",
           "the one pip is configured with", ALL, placeholder="URL"),
    Option("connection", "The name of the workspace connection that Azure ML authenticates with; in the file also tables with `name`, `target`, `category`, `auth-type`, `user`, `token-env`, `expires` and `shared`.", "connections",
           "made from its target", CONNECTING, placeholder="NAME"),
    Option("connection-target", "The base URL that Azure ML matches index URLs against.", "text",
           "made from the destination", CONNECTING, placeholder="URL"),
    Option("connection-category", "What the connection is for.", "choice", "`PythonFeed`", CONNECTING,
           choices=("PythonFeed", "Git")),
    Option("connection-auth-type", "What the connection authenticates with: a personal access token, a user name with a password, or nothing (a public feed).", "choice",
           "`username_password` where `connection-user` is set, else `pat`", CONNECTING, choices=("pat", "username_password", "none")),
    Option("connection-user", "The user name of the connection, beside its password.", "text",
           "none: a personal access token needs none", CONNECTING, placeholder="NAME"),
    _secret("connection-token", "The token or password that the connection gets, and with which the rehearsal reads (Packaging: Read is enough).",
            "none: connections are only checked", CONNECTING),
    Option("connection-expires", "The day on which the connection's token expires, `YYYY-MM-DD` (a personal access token does not tell).", "text",
           "not known", CONNECTING, placeholder="DATE"),
    Option("connection-shared", "Whether all members of the workspace may use the connection.", "switch", "on", CONNECTING),
    Option("allow", "Findings that shall not end the run: `CODE NAME REASON`; in the file also tables with `code`, `name` and `reason`.", "allow",
           "none", CONNECTING, placeholder="TEXT"),
    Option("parallel", "How many things at once.", "number",
           "processors for building, 16 for transfers", ALL, placeholder="N"),
    Option("plan", "The file of a plan that was agreed to: the release does exactly that, or refuses and says what differs.", "text", "none",
           frozenset({"release"}), placeholder="FILE", in_file=False),
    Option("out", "The file that the plan is written to, for `release` to be held to after somebody agreed.", "text", "none",
           frozenset({"plan"}), placeholder="FILE", in_file=False),
    Option("dry-run", "The same as the command `plan`.", "switch", "off", frozenset({"release", "connect", "promote"})),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Output:
    """Something a later step can use."""

    name: str
    meaning: str

    @property
    def camel(self) -> str:
        """The name of the Azure Pipelines task's output variable."""
        head, *tail = self.name.split("-")
        return head + "".join(word.capitalize() for word in tail)


OUTPUTS: Final[tuple[Output, ...]] = (
    Output("changed", "`true` when something was published, pinned or committed, else `false`."),
    Output(
        "status",
        "How it ended, as in the report: `done`, `nothing-to-do`, `planned`, `failed` or `cancelled`. Of the command `plan` it is `nothing-to-do` where a release would do nothing.",
    ),
    Output("packages", "Path of a JSON file: the packages with their versions and wheels."),
    Output("wheels", "Path of a text file: the built or released wheels, one a line."),
    Output(
        "environments",
        "JSON list of the Azure ML environments with name, version, path and the workspaces that have them (`registered`).",
    ),
    Output("commit", "The commit with the definitions; empty when there is none."),
    Output(
        "pull-request-url",
        "The page of the pull request with the definitions; empty when there is none.",
    ),
    Output(
        "matrix",
        "JSON of the packages that would be built, for the matrix of another job; only of the command `plan`.",
    ),
    Output(
        "planned",
        "The digest of the plan that was written, or that the release was held to; empty without one.",
    ),
    Output("exit-code", "wheelstep's exit code."),
    Output("problem-codes", "The codes of the problems met, separated by spaces."),
    Output("report", "Path of the whole report, a JSON file."),
)

_BY_NAME: Final = {row.name: row for row in OPTIONS}


def option(name: str) -> Option:
    """Return an option by its kebab-case name.

    Raises:
        KeyError: When there is none of that name.
    """
    return _BY_NAME[name]
