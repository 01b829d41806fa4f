"""A person with a browser's means: claims a box, signs in, runs a workflow and fetches what it made."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.patience import PATIENCE_S

# Who owns the boxes of these tests, as the settings that claim a box at its first boot.
OWNER = {"ADMIN_EMAIL": "ada@example.org", "ADMIN_PASSWORD": "a long walk by the sea"}
ENDED = frozenset({"completed", "failed", "cancelled"})

Json = dict[str, Any]


class Person:
    """Somebody at one box's address, signed in once `claim` or `log_in` has succeeded."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=PATIENCE_S)

    def close(self) -> None:
        self._http.close()

    def is_claimed(self) -> bool:
        return bool(self.get("/api/v1/setup")["claimed"])

    def claim(self, token: str, email: str, password: str) -> None:
        """Makes the box theirs with the token it printed, and signs in."""
        claim = {"token": token, "email": email, "password": password, "name": "Ada", "organization": "Home"}
        self.post("/api/v1/setup", claim)
        self.log_in(email, password)

    def log_in(self, email: str, password: str) -> None:
        answer = self.post("/api/v1/auth/login", {"email": email, "password": password})
        self._http.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def get(self, path: str, **query: str | int) -> Json:
        return self._judged(self._http.get(path, params=query))

    def post(self, path: str, body: object) -> Json:
        return self._judged(self._http.post(path, json=body))

    def download(self, asset_id: str) -> bytes:
        answer = self._http.get(f"/api/v1/assets/{asset_id}/content")
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.content

    def sample_workflow(self) -> Json:
        """The workflow that every box is born with."""
        found = [one for one in self.get("/api/v1/workflows")["items"] if one["is_sample"]]
        assert found, "a fresh box has no sample workflow"
        return self.get(f"/api/v1/workflows/{found[0]['id']}")

    def sample_photos(self) -> list[Json]:
        """The sample's photos as a run's inputs want them."""
        assets = self.get("/api/v1/assets", limit=100)["items"]
        photos = [one for one in assets if one["source"] == "sample" and one["kind"] == "image"]
        assert photos, "a fresh box has no sample photos"
        return [{"asset": one["id"]} for one in photos]

    def start(self, workflow_id: str, inputs: Json) -> Json:
        return self.post("/api/v1/instances", {"workflow_id": workflow_id, "inputs": inputs})

    def wait_for_end(self, instance_id: str, within_s: float = 180.0) -> Json:
        """The instance once it has ended."""
        began = time.monotonic()
        instance = self.get(f"/api/v1/instances/{instance_id}")
        while time.monotonic() - began < within_s:
            if instance["status"] in ENDED:
                return instance
            time.sleep(0.2)
            instance = self.get(f"/api/v1/instances/{instance_id}")
        raise AssertionError(f"the instance did not end within {within_s:.0f} s: {instance}")

    def wait_for_steps(
        self, instance_id: str, is_so: Callable[[Json], bool], within_s: float = PATIENCE_S
    ) -> list[Json]:
        """The steps of the instance once this is so of each of them."""
        began = time.monotonic()
        while True:
            steps: list[Json] = self.get(f"/api/v1/instances/{instance_id}/steps")["items"]
            if all(map(is_so, steps)):
                return steps
            assert time.monotonic() - began < within_s, f"not so within {within_s:.0f} s: {steps}"
            time.sleep(0.1)

    @staticmethod
    def _judged(answer: httpx.Response) -> Json:
        assert answer.is_success, (
            f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        )
        content: Json = answer.json()
        return content
