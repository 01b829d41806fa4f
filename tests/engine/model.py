"""A second opinion on the language: what becomes of every step, written down again as simply as possible.

It shares no line with `app.flow.plan` and none with the engine; only the words of the states are the same.
Everything is in memory, one instance, one thing at a time.
"""

from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec

Status = str
SETTLED: Final = ("completed", "failed", "skipped", "cancelled")
LOSSES: Final = 5  # the fifth ends a step


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One node and its rules. `items`: of a fan-out, None for a plain step."""

    id: str
    kind: Literal["work", "set", "delay"]
    needs: tuple[str, ...] = ()
    join: Literal["all", "any", "always"] = "all"
    when: bool = True
    goes_on: bool = False  # on_error: continue
    retries: int = 0
    items: int | None = None
    window: int = 1
    collects: bool = False

    def document(self) -> dict[str, Any]:
        """The node as a workflow has it."""
        kind = {"work": "debug.work", "set": "core.set", "delay": "core.delay"}[self.kind]
        given: dict[str, Any] = {"value": self.id}
        if self.kind == "delay":
            given["seconds"] = "{{ 3600.0 }}"
        node: dict[str, Any] = {"id": self.id, "type": kind, "with": given, "needs": list(self.needs)}
        node |= {"join": self.join, "when": self.when, "on_error": "continue" if self.goes_on else "fail"}
        if self.kind == "work" and self.retries:
            node["retry"] = {"max": self.retries, "backoff_s": 0, "on": ["transient"]}
        if self.items is not None:
            node |= {"each": list(range(self.items)), "max_parallel": self.window}
            node["on_item_error"] = "collect" if self.collects else "fail_fast"
        return node


Place = tuple[str, int | None]  # a node, or one item of it


class Model:
    """What one instance is, and how it changes with each thing that happens."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = {node.id: node for node in nodes}
        self.status: dict[Place, Status] = {(name, None): "pending" for name in self.nodes}
        self.end: Status | None = None
        self.failures: dict[Place, int] = {}
        self.losses: dict[Place, int] = {}
        self._advance()

    def those(self, status: Status) -> list[Place]:
        """Every step and item in this state."""
        return [place for place, known in self.status.items() if known == status]

    # What happens ----------------------------------------------------------------------------------------

    def claimed(self, place: Place) -> None:
        """A worker has begun."""
        assert self.status[place] == "queued", place
        self.status[place] = "running"

    def completed(self, place: Place) -> None:
        """A worker, or the clock, has completed it."""
        self._settle(place, "completed")

    def failed(self, place: Place, *, is_transient: bool) -> None:
        """A worker has failed at it; perhaps it is tried again."""
        self.failures[place] = self.failures.get(place, 0) + 1
        if is_transient and self.failures[place] <= self.nodes[place[0]].retries:
            self.status[place] = "queued"
        else:
            self._settle(place, "failed")

    def handed_on(self, place: Place) -> None:
        """Its worker gave it back."""
        self.status[place] = "queued"

    def lost(self, place: Place) -> None:
        """Its worker is gone."""
        self.losses[place] = self.losses.get(place, 0) + 1
        if self.losses[place] < LOSSES:
            self.status[place] = "queued"
        else:
            self._settle(place, "failed")

    def cancelled(self) -> None:
        """Somebody has cancelled the instance."""
        self._finish("cancelled")

    # What follows ----------------------------------------------------------------------------------------

    def _settle(self, place: Place, status: Status) -> None:
        self.status[place] = status
        name, ordinal = place
        node = self.nodes[name]
        if ordinal is not None:
            if status == "failed" and not node.collects:
                self._cancel(other for other in self.status if other[0] == name and other[1] is not None)
                self._settle((name, None), "failed")
            else:
                self._fill(node)
            return
        if status == "failed" and not node.goes_on:
            self._finish("failed")
        else:
            self._advance()

    def _advance(self) -> None:
        """Open whatever may open, until nothing may any more; end when nothing is left."""
        while self.end is None:
            ready = [node for node in self.nodes.values() if self._may_open(node)]
            if not ready:
                break
            self._open(ready[0])
        if self.end is None and all(self.status[name, None] in SETTLED for name in self.nodes):
            self.end = "completed"

    def _leads(self, name: str) -> bool:
        status = self.status[name, None]
        return status == "completed" or (status == "failed" and self.nodes[name].goes_on)

    def _may_open(self, node: Node) -> bool:
        if self.status[node.id, None] != "pending":
            return False
        if all(self.status[name, None] in SETTLED for name in node.needs):
            return True
        return node.join == "any" and any(self._leads(name) for name in node.needs)

    def _open(self, node: Node) -> None:
        place: Place = (node.id, None)
        nothing_led_here = node.needs and not any(self._leads(name) for name in node.needs)
        if (nothing_led_here and node.join != "always") or not node.when:
            self.status[place] = "skipped"
        elif node.items is not None:
            self.status[place] = "running"
            self.status |= {(node.id, ordinal): "pending" for ordinal in range(node.items)}
            self._fill(node)
        else:
            self.status[place] = {"work": "queued", "set": "completed", "delay": "waiting"}[node.kind]

    def _fill(self, node: Node) -> None:
        """Open items while there is room; complete the fan-out when none is left."""
        items = [self.status[node.id, ordinal] for ordinal in range(node.items or 0)]
        room = node.window - sum(status not in (*SETTLED, "pending") for status in items)
        for ordinal, status in enumerate(items):
            if status == "pending" and room > 0:
                self.status[node.id, ordinal] = "completed" if node.kind == "set" else "queued"
                room -= node.kind != "set"
        if all(self.status[node.id, ordinal] in SETTLED for ordinal in range(node.items or 0)):
            self._settle((node.id, None), "completed")

    def _finish(self, end: Status) -> None:
        self.end = end
        self._cancel(self.status)

    def _cancel(self, places: Iterable[Place]) -> None:
        for place in list(places):
            if self.status[place] not in SETTLED:
                self.status[place] = "cancelled"
