"""Identities of Azure for tests that need no service: somebody, and nobody."""

from __future__ import annotations

from collections.abc import Callable

from wheelstep.ground.credentials import EntraToken
from wheelstep.ground.entra import NobodyError
from wheelstep.ground.secret import Secret


class Somebody:
    """Signs in with tokens that a test counts: entra-token-1, entra-token-2."""

    def __init__(self, configured: str = "") -> None:
        self.number = 1
        self.asked = 0
        self.outright = configured

    def token(self) -> Secret:
        return self.known().secret

    def known(self) -> EntraToken:
        self.asked += 1
        secret = Secret(f"entra-token-{self.number}")
        return EntraToken(secret, "the Azure CLI", ("the managed identity: there is none",))

    def configured(self) -> str:
        return self.outright

    def renewed(self, old: Secret) -> Secret | None:
        self.number += old == Secret(f"entra-token-{self.number}")
        return self.known().secret


class Nobody(Somebody):
    """Signs nobody in."""

    def __init__(self, tell: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.tell = tell

    def known(self) -> EntraToken:
        self.asked += 1
        self.tell()
        raise NobodyError(
            ("the service connection that is set: `service-connection` is not set", "az: not here"),
            for_feed=True,
        )
