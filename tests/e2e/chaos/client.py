"""Those who call the box and do not give up: people, who sign in, and programs, who do not."""

import asyncio
from collections import Counter
from typing import Any, Final

import httpx

from tests.e2e.person import OWNER

KEPT_AWAY: Final = frozenset({429, 502, 503, 504})  # answers that say “later”


class Caller:
    """A program that calls again while the box is away; every call may have been heard more than once."""

    def __init__(self, url: str, troubles: Counter[str]) -> None:
        """`troubles`: counts what it meets in place of answers."""
        self._http = httpx.AsyncClient(base_url=url, timeout=20)
        self._troubles = troubles

    async def close(self) -> None:
        await self._http.aclose()

    async def call(self, method: str, path: str, **how: Any) -> httpx.Response:
        """The box's answer, whatever it takes to get one that is not “later”."""
        while True:
            try:
                answer = await self._http.request(method, path, **how)
            except httpx.HTTPError as exc:
                self._troubles[type(exc).__name__] += 1
            else:
                if answer.status_code not in KEPT_AWAY:
                    return answer
                self._troubles[f"answer {answer.status_code}"] += 1
            await asyncio.sleep(0.1)


class Client(Caller):
    """The owner of the box, who signs in again when it is necessary."""

    def __init__(self, url: str, troubles: Counter[str]) -> None:
        super().__init__(f"{url}/api/v1", troubles)

    async def call(self, method: str, path: str, **how: Any) -> httpx.Response:
        """The same, never “who are you?”."""
        while True:
            answer = await super().call(method, path, **how)
            if answer.status_code != httpx.codes.UNAUTHORIZED:
                return answer
            await self._log_in()

    async def _log_in(self) -> None:
        who = {"email": OWNER["ADMIN_EMAIL"], "password": OWNER["ADMIN_PASSWORD"]}
        answer = await super().call("POST", "/auth/login", json=who)
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
