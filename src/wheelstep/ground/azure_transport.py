"""What Azure's libraries send with: azure-core's transport under this project's HTTP policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wheelstep.ground.transport import Transport

if TYPE_CHECKING:
    import requests
    from azure.core.pipeline.transport import RequestsTransport

__all__ = ["azure_transport"]


def azure_transport(transport: Transport, session: requests.Session) -> RequestsTransport:
    """Return what sends by a session, and leaves its end to whoever has it.

    Args:
        transport: The run's HTTP policy.
        session: Of `transport`.
    """
    from azure.core.pipeline.transport import RequestsTransport

    return RequestsTransport(
        session=session,
        session_owner=False,
        use_env_settings=False,
        connection_verify=session.verify,
        connection_timeout=transport.timeout[0],
        read_timeout=transport.timeout[1],
    )
