"""Where the step runs: a terminal, GitHub Actions or Azure Pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from wheelstep.hosts.interface import Host, Trigger

__all__ = ["Host", "Trigger", "host_of"]


def host_of(
    environment: Mapping[str, str], stdout: TextIO, stderr: TextIO, *, json: bool = False
) -> Host:
    """Return the host this process runs on; secrets made from now on are masked there.

    Which host it is, is said by the variables that the hosts document for it: GITHUB_ACTIONS and
    TF_BUILD.

    Args:
        environment: This process's.
        stdout: Where text goes, or the report's JSON.
        stderr: Where text goes when standard output carries JSON. Host commands go there too: the
            GitHub runner and the Azure agent look for commands in both streams of a step (observed:
            OutputManager and NodeHandler attach the same reader to both).
        json: True when standard output is kept for one JSON document.
    """
    text = stderr if json else stdout
    if environment.get("GITHUB_ACTIONS", "").lower() == "true":
        from wheelstep.hosts.github_actions import GitHubActions

        return GitHubActions(environment, text, stdout).listening()
    if environment.get("TF_BUILD", "").lower() == "true":
        from wheelstep.hosts.azure_pipelines import AzurePipelines

        return AzurePipelines(environment, text, stdout).listening()
    from wheelstep.hosts.terminal import Terminal

    return Terminal(environment, text, stdout)
