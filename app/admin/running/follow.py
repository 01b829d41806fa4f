"""An instance from its first event to its last, through restarts of the box and lines that break off.

The box tells its events as they happen. Between here and there may stand something that lets no such answer
pass, or keeps it until it is whole; then the events are asked for instead, and the stream is tried now and
then. Both say the same: every event once, in order.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx

from app.admin.running.api import Api, Refusal
from app.admin.running.faults import Unreachable

SILENCE_S: Final = 45.0  # the box says something every 15 s
PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0)
DEAF_AFTER: Final = 2  # streams in a row that brought nothing: a restart of the box may break one
ASKED_BETWEEN: Final = 60  # times, until the stream is tried again
ASKED_EVERY_S: Final = 1.0
PAGE: Final = 500  # events of one answer
ENDS: Final = frozenset({"instance.completed", "instance.failed", "instance.cancelled"})

Message = dict[str, Any]


def follow(
    api: Api, instance_id: str, on_silence: Callable[[], None], pause: Callable[[float], None] = time.sleep
) -> Iterator[Message]:
    """Every event once and in order, and progress between them; ends behind the event that ends it.

    `on_silence` is called when the box has stopped answering; it is asked again until it does.

    Raises Refusal.
    """
    after, failures = 0, 0
    while True:
        is_deaf = failures >= DEAF_AFTER and (failures - DEAF_AFTER) % ASKED_BETWEEN
        for message in _asked(api, instance_id, after) if is_deaf else _told(api, instance_id, after):
            if not is_deaf:
                failures = 0
            if "progress" in message:
                yield message
            for event in message.get("events", ()):
                after = event["seq"]
                yield event
                if event["type"] in ENDS:
                    return
        if failures == 1:  # the first break may be a proxy's; the second is the box's
            on_silence()
        pause(ASKED_EVERY_S if is_deaf else PAUSES_S[min(failures, len(PAUSES_S) - 1)])
        failures += 1


def _told(api: Api, instance_id: str, after: int) -> Iterator[Message]:
    """What one stream tells until it ends; one that is refused or breaks has ended."""
    try:
        yield from _heard(api, instance_id, after)
    except httpx.TransportError:
        return
    except Refusal as refusal:
        if refusal.status == httpx.codes.UNAUTHORIZED:
            api.enter()


def _asked(api: Api, instance_id: str, after: int) -> Iterator[Message]:
    """What has happened since. Raises Refusal: what refuses this too is the box, not the way to it."""
    address = f"/api/v1/instances/{instance_id}/events"
    try:
        while events := api.get(address, after=after, limit=PAGE)["items"]:
            yield {"events": events}
            after = events[-1]["seq"]
    except Unreachable:  # it may be down for long; whoever is tired of waiting ends the command
        return


def _heard(api: Api, instance_id: str, after: int) -> Iterator[Message]:
    """The messages of one connection, which ends whenever the other side wants."""
    topic = f"instance:{instance_id}"
    with api.lines("/api/v1/live/sse", SILENCE_S, subscribe=topic, after=after) as lines:
        for line in lines:
            if line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))
