"""Microsoft's own client reads what we stored."""

from __future__ import annotations

from tests.connecting.conftest import Scene
from tests.workspaces.test_arm_stand_in import driven


def test_microsofts_own_client_reads_what_we_stored(scene: Scene) -> None:
    assert scene.connect("--connection-expires", "2099-03-01").code == 0
    (found, all_of_them) = driven(
        scene.arm, scene.train, [("get", {"name": "ml-feed"}), ("list", {})]
    )
    assert (found["type"], found["target"], found["authentication"], found["shared"]) == (
        "python_feed",
        scene.target,
        "pat",
        True,
    )
    assert found["metadata"]["madeBy"] == "wheelstep"
    assert [one["target"] for one in all_of_them] == [scene.target]
