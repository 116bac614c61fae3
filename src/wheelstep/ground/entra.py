"""Entra ID tokens, from whatever identity is configured or found here."""

from __future__ import annotations

import contextlib
import re
import threading
from typing import Final

from wheelstep.errors import ServiceRefused, ServiceUnavailable, SettingError, StepError
from wheelstep.ground.credentials import ENTRA_SCOPE, EntraToken
from wheelstep.ground.entra_identities import Identity, Surroundings, wanted
from wheelstep.ground.secret import Secret, redact
from wheelstep.ground.transport import Transport

__all__ = ["EntraTokens", "NobodyError", "Surroundings"]

MARGIN: Final = 300.0
"""Seconds before its expiry from which on another token is asked for (as azure-identity has it)."""
PAUSE: Final = 30.0
"""Seconds between two such questions: some tools hand out what they keep until its end."""
LONGEST: Final = 160
"""Characters of a library's reason that are shown."""
STALE: Final = "AADSTS700024"
"""The assertion with which a session began has ended (azure-cli #28708)."""


class EntraTokens:
    """Entra ID tokens for one service; safe to use from several threads.

    azure-identity is imported and asked when the first token is wanted. A token is kept until
    shortly before it expires; that nobody is signed in is found out once.
    """

    def __init__(
        self, around: Surroundings, transport: Transport, *, scope: str = ENTRA_SCOPE
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            around: Where identities are looked for.
            transport: The run's HTTP policy, and its clock.
            scope: What the tokens are for: Azure DevOps, or `{endpoint}/.default` of Azure
                Resource Manager.
        """
        self._around = around
        self._transport = transport
        self._scope = scope
        self._identity: Identity | None = None
        self._passed: tuple[str, ...] = ()
        self._kept: EntraToken | None = None
        self._asked = self._renewed = float("-inf")
        self._nobody = False
        self._guard = threading.Lock()

    def token(self) -> Secret:
        """Return a token that is valid now.

        Raises:
            SettingError: Nobody is signed in to Azure here.
            ServiceRefused: Entra ID refuses the identity that is configured here.
            ServiceUnavailable: It does not answer.
        """
        return self.known().secret

    def known(self) -> EntraToken:
        """Return a token that is valid now, and whose it is.

        Raises:
            StepError: As `token`.
        """
        with self._guard:
            now, kept = self._transport.clock.time(), self._kept
            left = kept.expires - now if kept is not None else 0.0
            if kept is not None and (left > MARGIN or (left > 0 and now - self._asked < PAUSE)):
                return kept
            try:
                return self._fresh()
            except ServiceUnavailable:
                if kept is None or kept.expires <= now:
                    raise
                return kept  # it is good for some minutes more

    def configured(self) -> str:
        """Return which identity is configured outright, "" where none is; nothing is asked."""
        try:
            rows = wanted(self._around.environment)
        except SettingError:
            return ""  # whoever asks for a token hears of it
        return next(
            (
                row.title
                for row, out in rows
                if row.outright and not out and not row.unfit(self._around)
            ),
            "",
        )

    def renewed(self, old: Secret) -> Secret | None:
        """Return a fresh token in the place of one that a service does not accept.

        Args:
            old: The one that is not accepted; where another one is kept by now, that is it.

        Returns:
            None where there is no other.

        Raises:
            StepError: As `token`.
        """
        with self._guard:
            if self._kept is not None and self._kept.secret != old:
                return self._kept.secret
            now = self._transport.clock.time()
            if now - self._renewed < PAUSE:
                return None  # it is not the token's age: a hundred requests need no hundred tokens
            self._renewed = now
            fresh = self._fresh().secret
        return fresh if fresh != old else None

    # -- with the guard held

    def _fresh(self) -> EntraToken:
        self._asked = self._transport.clock.time()
        if self._nobody:
            raise self._nobody_here()
        if self._identity is not None:
            self._kept = self._ask(self._identity)
            return self._kept
        for row, out in wanted(self._around.environment):
            why = out or row.unfit(self._around)
            try:
                if not why:
                    self._kept = self._ask(row)
                    self._identity = row
                    return self._kept
            except _NotHereError as error:
                why = str(error)
            self._passed += (f"{row.title}: {why.rstrip('.')}",)
        self._nobody = True
        raise self._nobody_here()

    def _nobody_here(self) -> NobodyError:
        return NobodyError(self._passed, for_feed=self._scope == ENTRA_SCOPE)

    def _ask(self, row: Identity) -> EntraToken:
        """Ask an identity for a token.

        Raises:
            _NotHereError: It shows only now that there is none of the kind.
            StepError: As `token`.
        """
        import logging

        from azure.core.exceptions import AzureError

        # the library would print each identity it tried to standard error: our error says it
        logging.getLogger("azure").addHandler(logging.NullHandler())
        try:
            # made anew each time: the library would keep what it got, by a clock of its own
            with contextlib.closing(row.credential(self._around, self._transport)) as credential:
                # the one place where Entra ID is asked
                got = credential.get_token(self._scope)
        except (AzureError, ValueError) as error:
            raise self._refused(row, redact(str(error))) from error
        return EntraToken(Secret(got.token), row.title, self._passed, float(got.expires_on))

    def _refused(self, row: Identity, text: str) -> StepError | _NotHereError:
        for_feed = self._scope == ENTRA_SCOPE
        if reason := re.search(r"AADSTS\d+:?[^\r\n]*", text):
            cure = "Mend that identity (an expired secret, a missing federated credential, a wrong "
            cure += "tenant)" + (", or set feed-token." if for_feed else ".")
            if STALE in reason[0]:
                cure = (
                    "The sign-in before this step has ended with its assertion, after some "
                    "minutes. Hand over what a fresh one is asked for with: on GitHub "
                    "AZURE_CLIENT_ID and AZURE_TENANT_ID in env; inside AzureCLI@2 env: "
                    "SYSTEM_ACCESSTOKEN: $(System.AccessToken)."
                )
            return ServiceRefused(
                f"Entra ID refuses {row.title}: {reason[0]}", code="entra-refused", cure=cure
            )
        why = re.search(r"^\s*\w+Credential: (.+)$", text, re.MULTILINE)
        said = " ".join((why[1] if why else text).split()).partition(". ")[0][:LONGEST]
        said = said.rstrip(".") or "no reason was given"
        if not row.outright:
            return _NotHereError(said)
        return SettingError(
            f"{row.title[:1].upper()}{row.title[1:]} cannot sign in: {said}.",
            code="not-signed-in",
            cure="Mend what it is configured with"
            + (", or set feed-token." if for_feed else ", or remove it."),
        )


class _NotHereError(Exception):
    """There is no identity of a kind here; the text says why."""


class NobodyError(SettingError):
    """No identity of Azure is signed in."""

    def __init__(self, passed: tuple[str, ...], *, for_feed: bool) -> None:
        """Say so.

        Args:
            passed: Each that was looked for, and why it is not there.
            for_feed: The token was to be a feed's, which can be given otherwise.
        """
        super().__init__(
            f"No identity of Azure is signed in here ({'; '.join(passed)}).",
            code="feed-token-missing" if for_feed else "not-signed-in",
            cure="Run where Azure signs in: after azure/login, in an Azure CLI session, with a "
            "managed identity, or with AZURE_CLIENT_ID and its kin; in the task of Azure Pipelines "
            "set serviceConnection" + ("; or set feed-token." if for_feed else "."),
        )
        self.passed = passed
