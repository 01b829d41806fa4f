"""An instance from its first event to its last, through restarts of the box and lines that break off."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx

from app.admin.running.api import Api, Refusal

SILENCE_S: Final = 45.0  # the box says something every 15 s
PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0)
ENDS: Final = frozenset({"instance.completed", "instance.failed", "instance.cancelled"})

Message = dict[str, Any]


def follow(api: Api, instance_id: str, on_silence: Callable[[], None]) -> Iterator[Message]:
    """Every event once and in order, and progress between them; ends behind the event that ends it.

    `on_silence` is called when the box has stopped answering; it is asked again until it does.
    """
    after, failures = 0, 0
    while True:
        try:
            for message in _heard(api, instance_id, after):
                failures = 0
                if "progress" in message:
                    yield message
                for event in message.get("events", ()):
                    after = event["seq"]
                    yield event
                    if event["type"] in ENDS:
                        return
        except httpx.TransportError:
            pass
        except Refusal as refusal:
            if refusal.status == httpx.codes.UNAUTHORIZED:
                api.enter()
            elif refusal.status < 500:
                raise
        if failures == 1:  # the first break may be a proxy's; the second is the box's
            on_silence()
        time.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
        failures += 1


def _heard(api: Api, instance_id: str, after: int) -> Iterator[Message]:
    """The messages of one connection, which ends whenever the other side wants."""
    topic = f"instance:{instance_id}"
    with api.lines("/api/v1/live/sse", SILENCE_S, subscribe=topic, after=after) as lines:
        for line in lines:
            if line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))
