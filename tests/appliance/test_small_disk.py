"""A box whose disk becomes full and whose volume goes away says so, goes on by itself, and loses nothing."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.appliance.box import Box, attentive_boot, box_environment
from tests.appliance.mounts import fill, mount, needs_mounts, small, unmount
from tests.e2e.person import OWNER, Json, Person
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.integration, needs_mounts]

ROLES = "api,daemon,worker-cpu,postgres,redis"
ASKED = {
    "schema": 1,
    "name": "Asked",
    "nodes": [
        {"id": "ask", "type": "human.approve", "with": {"question": "Go on?"}},
        {"id": "work", "type": "debug.work", "needs": ["ask"], "with": {"value": 7}},
    ],
    "outputs": {"value": "{{ steps.work.outputs.value }}"},
}


def wait_for(what: str, is_so: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.05)


class Visitor(Person):
    """Somebody who also hears refusals."""

    def upload(self, content: bytes) -> httpx.Response:
        return self._http.post("/api/v1/assets", files={"file": ("a.txt", content, "text/plain")})

    def try_start(self, workflow_id: str) -> httpx.Response:
        return self._http.post("/api/v1/instances", json={"workflow_id": workflow_id, "inputs": {}})

    def storage(self) -> Json:
        storage: Json = self.get("/api/v1/infrastructure/health/full")["storage"]
        return storage

    def approve(self, instance_id: str) -> None:
        (step,) = [one for one in self.steps(instance_id) if one["status"] == "waiting"]
        self.post(
            f"/api/v1/instances/{instance_id}/steps/{step['id']}/answer", {"value": {"decision": "approved"}}
        )

    def steps(self, instance_id: str) -> list[Json]:
        found: list[Json] = self.get(f"/api/v1/instances/{instance_id}/steps")["items"]
        return found

    def wait_until_waiting(self, instance_id: str, reason: str) -> None:
        def waits() -> bool:
            instance = self.get(f"/api/v1/instances/{instance_id}")
            return instance["status"] == "waiting" and reason in (instance["reason"] or "")

        wait_for(f"waiting because “{reason}”", waits)


@pytest.mark.timeout(900)  # three boots, and bells that are rung again every few seconds
def test_a_full_disk_and_a_volume_that_goes_away_cost_time_and_nothing_else(tmp_path: Path) -> None:
    env = box_environment(tmp_path, STUDIO_ROLES=ROLES, STORAGE_LOCAL_DIR=str(tmp_path / "local"), **OWNER)
    workspace = Path(env["WORKSPACE_PATH"])
    workspace.mkdir()
    with small(tmp_path / "disk", "400m") as disk:
        mount("--bind", str(disk), str(workspace))
        try:
            with Box(env, attentive_boot(0.1)) as box:
                box.wait_for("Studio is ready at")
                person = Visitor(f"http://127.0.0.1:{env['PORT']}")
                person.log_in(OWNER["ADMIN_EMAIL"], OWNER["ADMIN_PASSWORD"])
                assert person.storage()["volume"]["mode"] == "local"
                workflow = person.post("/api/v1/workflows", {"name": "Asked", "definition": ASKED})["id"]
                begun = [person.start(workflow, {})["id"] for _ in range(3)]
                kept = person.upload(b"kept before").json()["id"]
                cluster = disk / "postgres"
                (before,) = (pid for pid in postmasters(cluster))

                fill(disk / "film", person.storage()["free_bytes"] - 40 * 1024**2)
                wait_for("the intake closes", lambda: person.storage()["state"] == "closed")
                for refused in (person.upload(b"too late"), person.try_start(workflow)):
                    assert refused.status_code == 507, refused.text
                    assert "Delete what is no longer needed" in refused.json()["remedy"]
                person.approve(begun[0])
                person.wait_until_waiting(begun[0], "starts when there is room")

                (disk / "film").unlink()
                assert person.wait_for_end(begun[0])["outputs"] == {"value": 7}
                assert person.upload(b"there is room").status_code == 201

                unmount(workspace)
                wait_for("the loss is seen", lambda: person.storage()["state"] == "shut")
                for refused in (person.upload(b"nowhere"), person.try_start(workflow)):
                    assert refused.status_code == 503, refused.text
                    assert "Mount it again" in refused.json()["remedy"]
                person.approve(begun[1])  # Postgres goes on with the files it holds
                assert list(workspace.iterdir()) == [], "nothing is begun beside the volume"
                mount("--bind", str(disk), str(workspace))
                assert person.wait_for_end(begun[1])["outputs"] == {"value": 7}
                assert person.download(kept) == b"kept before"
                assert postmasters(cluster) == [before], "Postgres was never disturbed"
                person.close()
                assert box.stop() == 0
            assert "was not properly shut down" not in box.text
            unmount(workspace)
            with Box(env) as missing:
                assert missing.end() == 75
                assert "is not mounted" in missing.text
            mount("--bind", str(disk), str(workspace))
            with Box(env) as again:
                again.wait_for("Studio is ready at")
                person = Visitor(f"http://127.0.0.1:{env['PORT']}")
                person.log_in(OWNER["ADMIN_EMAIL"], OWNER["ADMIN_PASSWORD"])
                person.approve(begun[2])
                assert person.wait_for_end(begun[2])["outputs"] == {"value": 7}
                person.close()
                assert again.stop() == 0
        finally:
            unmount(workspace)


def postmasters(cluster: Path) -> list[int]:
    (data,) = cluster.glob("*/PG_VERSION")
    return [int((data.parent / "postmaster.pid").read_text().splitlines()[0])]
