"""A front shaped like an Azure Artifacts feed, in this process.

Paths, status codes, `typeKey`s and texts are those that public threads show (uv #8817 for the 409,
azure-devops-docs #6746 for the 403). Real twine, pip, uv and the azure-devops client are driven
against it by tests/destinations/test_feed_stand_in.py, which keeps it honest.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.feed_handler import Handler, Server
from tests.servers.feed_state import Fault, FeedServer, Recorded, Stored

__all__ = ["Fault", "FeedServer", "Recorded", "Stored", "feed_server"]


@contextmanager
def feed_server(
    *, project: str | None = "ml", visible_after: int = 0, public_upstream: bool = False
) -> Iterator[FeedServer]:
    """Run the stand-in on a free port; stopped, with all its connections closed, at the end."""
    state = FeedServer(
        project=project, visible_after=visible_after, public_upstream=public_upstream
    )
    server = Server(("127.0.0.1", 0), Handler, state)
    state.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.close_all()
