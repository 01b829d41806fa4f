"""What the tests of the audit share: its entries, and what a change answered."""

from typing import Any

import httpx

from tests.people import Person


async def entries(person: Person, **asked: Any) -> list[dict[str, Any]]:
    answer = await person.client.get("/api/v1/audit", params=asked)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def made(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json() if answer.content else {}
    return found
