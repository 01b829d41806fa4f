"""Refusals speak of the call, in sentences: no words of the libraries that noticed what is wrong."""

import re

import httpx
import pytest
import pytest_asyncio

from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from app.resources.openapi import document
from tests.furnish import furnish
from tests.people import People, problem

FOREIGN = re.compile(r"`|Expected|Invalid|msgspec|truncated|None|str\b|\bint\b|object has|/api/v1")


@pytest_asyncio.fixture
async def client(people: People) -> httpx.AsyncClient:
    return (await people.member(Role.owner)).client


def told(answer: httpx.Response, status: int = 422) -> tuple[str | None, str]:
    """The field and the sentence of the one complaint, or the detail of a problem without."""
    found = problem(answer, status)
    complaints = found.get("complaints") or [{"message": found["detail"]}]
    assert len(complaints) == 1
    return complaints[0].get("field"), complaints[0]["message"]


@pytest.mark.parametrize(
    ("query", "field", "sentence"),
    [
        ("limit=many", "limit", "“limit” must be a whole number, not a text."),
        ("limit=0", "limit", "“limit” must be a whole number of at least 1."),
        ("limit=201", "limit", "“limit” must be a whole number of at most 200."),
        ("kind=smell", "kind", "“kind” must be “audio”, “file”, “image” or “video”, not “smell”."),
        (
            "source=step&source=x",
            "source",
            "“source” must be “result”, “sample”, “step” or “upload”, not “x”.",
        ),
        ("instance_id=7", "instance_id", "“instance_id” must be an id (a UUID)."),
    ],
)
async def test_a_parameter_says_what_it_may_be(
    client: httpx.AsyncClient, query: str, field: str, sentence: str
) -> None:
    assert told(await client.get(f"/api/v1/assets?{query}")) == (field, sentence)


async def test_a_header_goes_by_its_own_name(client: httpx.AsyncClient) -> None:
    new = {"name": "a.txt", "size_bytes": 3}
    path = f"/api/v1/assets/uploads/{(await client.post('/api/v1/assets/uploads', json=new)).json()['id']}"
    wanted = "Upload-Offset", "This call needs the header “Upload-Offset”."
    assert told(await client.patch(f"{path}?offset=0", content=b"abc")) == wanted
    answer = await client.patch(path, content=b"abc", headers={"upload-offset": "abc"})
    assert told(answer) == ("Upload-Offset", "“Upload-Offset” must be a whole number, not a text.")


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"null", 422, "The value must be an object, not null."),
        (b"{}", 422, "“workflow_id” is missing."),
        (b'{"workflow_id": 7}', 422, "“workflow_id” must be an id (a UUID), not a whole number."),
        (b'{"workflow_id": "7"}', 422, "“workflow_id” must be an id (a UUID)."),
        (
            b'{"workflow_id": "\\ud800"}',
            400,
            "The JSON of this request ends too early, or an escape in it (\\u…) is half a character.",
        ),
        (b'{"workflow_id"', 400, "The JSON of this request ends too early"),
        (b"{nope}", 400, "The body of this request is no JSON: a name stands without quotes near byte 1."),
        (b'{"a": tru}', 400, "The body of this request is no JSON: there is a wrong character near byte 10."),
        (b"{} {}", 400, "The body of this request is no JSON: something follows the value near byte 4."),
    ],
)
async def test_a_body_says_what_is_wrong_with_it(
    client: httpx.AsyncClient, body: bytes, status: int, sentence: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.post("/api/v1/instances", content=body, headers=headers)
    assert told(answer, status)[1].startswith(sentence)


async def test_no_parameter_of_any_list_is_refused_in_foreign_words(
    people: People, settings: Settings
) -> None:
    owner = await people.member(Role.owner, is_super_admin=True)
    belongings = await furnish(owner, settings)
    refused = 0
    for path, methods in document()["paths"].items():
        address = re.sub(r"\{(\w+)\}", lambda found: belongings.get(found[1], "x"), path)
        for parameter in methods.get("get", {}).get("parameters", ()):
            if parameter["in"] != "query":
                continue
            for value in ("§", "-1", "x" * 5000):
                answer = await owner.client.get(address, params={parameter["name"]: value})
                if answer.status_code in {400, 422}:
                    refused += 1
                    found = problem(answer, answer.status_code)
                    words = (found["detail"], *(one["message"] for one in found.get("complaints", ())))
                    assert not [one for one in words if FOREIGN.search(one)], f"{path} {parameter['name']}"
    assert refused > 30
