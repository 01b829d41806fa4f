"""What an operator meets while the box runs is told with its remedy, and nothing accepted is lost."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from appliance.limits import FEWEST_OPEN_FILES
from appliance.supervisor import Supervisor
from tests.appliance.box import BOOT, Box, box_environment
from tests.appliance.mounts import disk, needs_mounts
from tests.appliance.test_small_disk import ASKED, ROLES, Visitor, wait_for
from tests.e2e.person import OWNER, Json

pytestmark = [pytest.mark.integration, needs_mounts]

FEW_FILES = ("prlimit", f"--nofile={FEWEST_OPEN_FILES}:{FEWEST_OPEN_FILES}", *BOOT)
CARD = {"schema": 1, "name": "On a card", "nodes": [{"id": "work", "type": "debug.gpu_work", "with": {}}]}
REDIS = "redis:redis"


class Watcher(Visitor):
    """Somebody who looks at the box as a probe does."""

    def readiness(self) -> Json:
        """What /readyz says of each part, ready or not."""
        checks: Json = self._http.get("/readyz").json()["checks"]
        return checks

    def wait_until_told(self, words: str, ask: Callable[[], httpx.Response]) -> Json:
        """The first answer that says this."""
        answers: list[Json] = []

        def says() -> bool:
            answers.append(ask().json())
            return words in answers[-1].get("detail", "")

        wait_for(f"“{words}”", says)
        return answers[-1]

    def health(self) -> httpx.Response:
        return self._http.get("/health")


@pytest.mark.timeout(300)  # it waits for looks that come every few seconds
def test_what_goes_away_is_told_and_comes_back_by_itself(tmp_path: Path) -> None:
    env = box_environment(tmp_path, STUDIO_ROLES=ROLES, STORAGE_LOCAL_DIR=str(tmp_path / "local"), **OWNER)
    with (
        disk(Path(env["WORKSPACE_PATH"]), tmp_path / "shelf", "700m") as volume,
        Box(env, FEW_FILES) as box,
    ):
        box.wait_for("Studio is ready at")
        person = Watcher(f"http://127.0.0.1:{env['PORT']}")
        person.log_in(OWNER["ADMIN_EMAIL"], OWNER["ADMIN_PASSWORD"])
        asked, on_a_card = (
            person.post("/api/v1/workflows", {"name": one["name"], "definition": one})["id"]
            for one in (ASKED, CARD)
        )
        lonely = person.start(on_a_card, {})["id"]
        begun = [person.start(asked, {})["id"]]
        kept = person.upload(b"kept before").json()["id"]

        crew = Supervisor(tmp_path / "run" / "supervisor.sock")
        crew.stop(REDIS)
        silent = person.readiness()["redis"]
        assert silent["status"] == "degraded" and "studio-redis" in silent["remedy"]
        begun.append(person.start(asked, {})["id"])
        person.approve(begun[0])
        assert person.wait_for_end(begun[0])["outputs"] == {"value": 7}, "without bells, later"
        crew.start(REDIS)
        person.wait_until_waiting(lonely, "No worker for the gpu lane is here")

        volume.fail()
        for refused in (
            person.wait_until_told("has become read-only", lambda: person.try_start(asked)),
            person.wait_until_told("has become read-only", lambda: person.upload(b"too late")),
        ):
            assert refused["status"] == 503
            assert "mount it writable again" in refused["remedy"]
        ill = person.wait_until_told("does not answer. The volume has become read-only", person.health)
        assert "mount it writable again" in ill["remedy"]
        assert box.process.poll() is None, "it waits for its volume"

        volume.mend()
        wait_for("it takes new things", lambda: person.try_start(asked).status_code == 201)
        person.approve(begun[1])
        assert person.wait_for_end(begun[1])["outputs"] == {"value": 7}
        assert person.download(kept) == b"kept before"
        wait_for("Redis is back", lambda: bool(person.readiness()["redis"]["status"] == "healthy"))
        person.close()
        assert box.stop() == 0
    assert "Traceback" not in box.text
