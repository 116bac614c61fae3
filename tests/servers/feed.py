"""A front shaped like an Azure Artifacts feed, in this process.

Paths, status codes, `typeKey`s and texts are those that public threads show (uv #8817 for the 409,
azure-devops-docs #6746 for the 403). Real twine, pip, uv and the azure-devops client are driven
against it by tests/destinations/test_feed_stand_in.py, which keeps it honest.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.servers.feed_handler import Handler, Server
from tests.servers.feed_state import Fault, FeedServer, Recorded, Stored

__all__ = ["Fault", "FeedServer", "Recorded", "Stored", "feed_server"]


@contextmanager
def feed_server(
    *,
    project: str | None = "ml",
    visible_after: int = 0,
    public_upstream: bool = False,
    two_hosts: bool = False,
) -> Iterator[FeedServer]:
    """Run the stand-in on a free port; stopped, with all its connections closed, at the end.

    Args:
        project: The feed's; None: it is the organization's.
        visible_after: As `FeedServer` has it.
        public_upstream: As `FeedServer` has it.
        two_hosts: The feeds' REST area is at a port of its own, as Azure has two hosts.
    """
    state = FeedServer(
        project=project, visible_after=visible_after, public_upstream=public_upstream
    )
    with ExitStack() as stack:
        server = Server(("127.0.0.1", 0), Handler, state)
        state.base = stack.enter_context(_running(server))
        if two_hosts:
            server.areas = ("Location", "pypi")
            feeds = Server(("127.0.0.1", 0), Handler, state)
            feeds.areas = ("Location", "Packaging")
            state.feeds_base = stack.enter_context(_running(feeds))
        yield state


@contextmanager
def _running(server: Server) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.close_all()
