"""A value that does not fit is described in words that need no knowledge of msgspec.

The values are really converted, so that a change of msgspec's words is noticed here.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta

from app.flow.mismatch import explain


class Colour(Enum):
    red = "red"
    blue = "blue"


class Daily(msgspec.Struct, tag_field="kind", tag="daily", forbid_unknown_fields=True):
    hour: Annotated[int, Meta(ge=0, lt=24)] = 0


class Weekly(msgspec.Struct, tag_field="kind", tag="weekly", forbid_unknown_fields=True):
    day: int = 0


class Form(msgspec.Struct, forbid_unknown_fields=True, rename={"class_": "class"}):
    name: Annotated[str, Meta(min_length=1, max_length=5)] | None = None
    code: Annotated[str, Meta(min_length=3, pattern="^[a-z]+$")] = "abc"
    limit: Annotated[int, Meta(ge=1, le=200)] = 1
    share: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    even: Annotated[int, Meta(multiple_of=2)] = 2
    kind: Literal["image", "video", "audio"] | None = None
    only: Literal["this"] = "this"
    colour: Colour | None = None
    tags: Annotated[list[Literal["a", "b"]], Meta(min_length=1, max_length=2)] = []
    pair: tuple[int, str] = (1, "a")
    rules: list[Daily | Weekly] = []
    extra: Annotated[dict[str, int], Meta(max_length=2)] = {}
    id: UUID | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None
    day: date | None = None
    wait: timedelta | None = None
    data: bytes = b""
    price: Decimal | None = None
    is_on: bool = False
    class_: int = 0


def told(value: Any, at: str = "") -> tuple[str | None, str]:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, Form)
    complaint = explain(str(caught.value), Form, at=at)
    return complaint.field, complaint.message


SENTENCES = [
    ({"limit": "many"}, "limit", "“limit” must be a whole number, not a text."),
    ({"limit": 1.5}, "limit", "“limit” must be a whole number, not a fraction."),
    ({"limit": 0}, "limit", "“limit” must be a whole number of at least 1."),
    ({"limit": 201}, "limit", "“limit” must be a whole number of at most 200."),
    ({"share": 0}, "share", "“share” must be a number above 0."),
    ({"share": 1}, "share", "“share” must be a number below 1."),
    ({"even": 3}, "even", "“even” must be a multiple of 2."),
    ({"name": 3}, "name", "“name” must be a text or null, not a whole number."),
    ({"name": ""}, "name", "“name” must not be empty."),
    ({"name": "abcdef"}, "name", "“name” must have at most 5 characters."),
    ({"code": "ab"}, "code", "“code” must have at least 3 characters."),
    ({"code": "ABC"}, "code", "“code” has not the right form."),
    ({"kind": "bogus"}, "kind", "“kind” must be “audio”, “image” or “video”, not “bogus”."),
    ({"only": "that"}, "only", "“only” must be “this”, not “that”."),
    ({"colour": "green"}, "colour", "“colour” must be “red” or “blue”, not “green”."),
    ({"tags": []}, "tags", "“tags” must not be empty."),
    ({"tags": ["a", "b", "a"]}, "tags", "“tags” must have at most 2 items."),
    ({"tags": ["a", "c"]}, "tags[1]", "“tags[1]” must be “a” or “b”, not “c”."),
    ({"tags": "a"}, "tags", "“tags” must be a list, not a text."),
    ({"pair": [1]}, "pair", "“pair” must have 2 items."),
    ({"pair": ["a", "a"]}, "pair[0]", "“pair[0]” must be a whole number, not a text."),
    ({"rules": [{"kind": "yearly"}]}, "rules[0].kind", "“kind” must be “daily” or “weekly”, not “yearly”."),
    ({"rules": [{}]}, "rules[0].kind", "“kind” is missing."),
    (
        {"rules": [{"kind": "daily", "hour": 24}]},
        "rules[0].hour",
        "“hour” must be a whole number of at most 23.",
    ),
    ({"extra": {"a": "b"}}, "extra[...]", "“extra” must be a whole number, not a text."),
    ({"extra": {"a": 1, "b": 2, "c": 3}}, "extra", "“extra” must have at most 2 fields."),
    ({"id": "bogus"}, "id", "“id” must be an id (a UUID)."),
    ({"at": "soon"}, "at", "“at” must be a time such as 2026-01-31T12:00:00Z."),
    ({"at": "2026-01-31T12:00:00"}, "at", "“at” must be a time with its zone, such as 2026-01-31T12:00:00Z."),
    ({"day": "today"}, "day", "“day” must be a day such as 2026-01-31."),
    ({"wait": "long"}, "wait", "“wait” must be a length of time such as PT1H30M."),
    ({"data": "§"}, "data", "“data” must be bytes as Base64."),
    ({"price": "cheap"}, "price", "“price” must be a decimal number."),
    ({"is_on": "yes"}, "is_on", "“is_on” must be true or false, not a text."),
    ({"class": "a"}, "class", "“class” must be a whole number, not a text."),
    ({"limt": 3}, "limt", "There is no field “limt” here. Did you mean “limit”?"),
    ({"rules": [{"kind": "daily", "day": 1}]}, "rules[0].day", "There is no field “day” here."),
    (None, None, "The value must be an object, not null."),
    ([1], None, "The value must be an object, not a list."),
]


@pytest.mark.parametrize(("value", "field", "message"), SENTENCES, ids=[line[2] for line in SENTENCES])
def test_what_does_not_fit_is_said_in_plain_words(value: Any, field: str | None, message: str) -> None:
    assert told(value) == (field, message)


def test_a_place_of_its_own_goes_before_the_place_within() -> None:
    assert told({"tags": ["c"]}, at="data")[0] == "data.tags[0]"
    assert told({"nope": 1}, at="data")[0] == "data.nope"


def test_without_the_type_what_a_name_may_be_is_not_told() -> None:
    complaint = explain("Invalid enum value 'bogus' - at `$.kind`")
    assert complaint.message == "“bogus” is none of the values that “kind” may have."


def test_a_list_named_without_its_item_says_what_an_item_may_be() -> None:
    complaint = explain("Invalid enum value 'c'", list[Literal["a", "b"]] | None, at="tags")
    assert complaint.message == "“tags” must be “a” or “b”, not “c”."


def test_words_nobody_knows_are_passed_on_without_their_marks() -> None:
    assert explain("Something `new` - at `$.a`").message == "“a”: Something new."
