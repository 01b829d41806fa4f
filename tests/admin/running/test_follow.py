"""Following an instance where the line is good, where it breaks, and where no stream comes through."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.admin.running.api import Api, Refusal
from app.admin.running.follow import ASKED_BETWEEN, DEAF_AFTER, follow

EVENTS = [
    {"seq": 1, "type": "instance.created", "data": {}},
    {"seq": 2, "type": "step.completed", "data": {}},
    {"seq": 3, "type": "instance.completed", "data": {}},
]


class NoSignIn:
    """Whoever asks is somebody."""

    def token(self, http: httpx.Client) -> str:
        return "a token"

    def leave(self, http: httpx.Client) -> None: ...


class Box:
    """A box whose events come one by one when it is asked, behind what treats streams in its own way."""

    def __init__(
        self,
        stream: Callable[[int], httpx.Response],
        events: list[dict[str, Any]] = EVENTS,
        gone: httpx.Response | None = None,
    ) -> None:
        self._stream = stream
        self._events = events
        self._gone = gone
        self.streams = self.asked = self.silences = 0
        self.pauses: list[float] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        after = int(request.url.params["after"])
        if request.url.path == "/api/v1/live/sse":
            self.streams += 1
            return self._stream(after)
        self.asked += 1
        if self._gone is not None:
            return self._gone
        page = self._events[after : after + 1] if self.asked % 2 else []
        return httpx.Response(200, json={"items": page})

    def follow(self) -> list[int]:
        """The numbers of the events that were heard."""
        api = Api("http://studio.test", NoSignIn(), httpx.MockTransport(self.answer))
        return [event["seq"] for event in follow(api, "1", self._fell_silent, self.pauses.append)]

    def _fell_silent(self) -> None:
        self.silences += 1


def told(*events: dict[str, Any]) -> httpx.Response:
    """A stream that says this and ends."""
    lines = "".join(f"data: {json.dumps({'events': [event]})}\n\n" for event in events)
    return httpx.Response(200, text=lines)


def broken(_after: int) -> httpx.Response:
    raise httpx.ReadTimeout("nothing came")


def cut(after: int) -> httpx.Response:
    return told(*EVENTS[after : after + 1])


@pytest.mark.parametrize(
    "stream",
    [
        broken,
        lambda _: httpx.Response(403, text="<html>not here</html>"),
        lambda _: httpx.Response(502, text="<html>bad gateway</html>"),
        lambda _: httpx.Response(200, text="<html>please sign in</html>"),
    ],
    ids=["silent", "forbidden", "bad gateway", "another page"],
)
def test_where_no_stream_comes_through_the_events_are_asked_for(
    stream: Callable[[int], httpx.Response],
) -> None:
    box = Box(stream)
    assert box.follow() == [1, 2, 3]
    assert box.streams == DEAF_AFTER + 1
    assert box.silences == 1


def test_a_stream_that_breaks_off_goes_on_behind_the_last_event_and_nobody_asks() -> None:
    box = Box(cut)
    assert box.follow() == [1, 2, 3]
    assert (box.streams, box.asked, box.silences) == (3, 0, 0)


def test_the_stream_is_tried_again_now_and_then() -> None:
    def later(after: int) -> httpx.Response:
        return broken(after) if box.streams <= DEAF_AFTER + 1 else told(*EVENTS[after:])

    box = Box(later, events=[])
    assert box.follow() == [1, 2, 3]
    assert box.asked == ASKED_BETWEEN - 1


def test_an_instance_that_is_gone_is_told_so_whatever_the_way() -> None:
    gone = httpx.Response(404, json={"detail": "There is no such instance here.", "status": 404})
    with pytest.raises(Refusal, match="no such instance"):
        Box(lambda _: gone, gone=gone).follow()
