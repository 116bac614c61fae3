"""A service connection of Azure Pipelines, as far as it signs in at Entra ID."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wheelstep.ground.secret import Secret

__all__ = ["Scheme", "ServiceConnection"]

Scheme = Literal["workload-identity-federation", "service-principal", "managed-identity"]


@dataclass(frozen=True, slots=True)
class ServiceConnection:
    """An Azure Resource Manager service connection."""

    id: str
    """A GUID."""
    scheme: Scheme
    client: str = ""
    """The application's id; "" for a managed identity."""
    tenant: str = ""
    key: Secret | None = None
    """The client secret of a service principal."""
    certificate: Secret | None = None
    """In place of a key: certificate and private key, PEM."""
