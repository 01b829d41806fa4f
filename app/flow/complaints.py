"""Gathering complaints, up to a number somebody might still read."""

from typing import Final

from msgspec.structs import replace

from app.kit.errors import Complaint

MAX_COMPLAINTS: Final = 200  # bounds the work on a hostile document too: each may search for a suggestion


class Enough(Exception):
    """So much is wrong that looking further teaches nothing."""


class Complaints:
    """Complaints in the order they were found, none twice."""

    def __init__(self) -> None:
        self._found: dict[Complaint, None] = {}

    def __len__(self) -> int:
        return len(self._found)

    def add(
        self, message: str, *, node: str | None = None, field: str | None = None, column: int | None = None
    ) -> None:
        """Note one. Raises Enough after the two hundredth."""
        self.put(Complaint(message=message, node=node, field=field, column=column))

    def put(self, complaint: Complaint) -> None:
        """Note one made elsewhere. Raises Enough after the two hundredth."""
        if len(self._found) >= MAX_COMPLAINTS:
            raise Enough
        self._found[complaint] = None

    def listed(self) -> tuple[Complaint, ...]:
        """All of them, with a last word when there may be more."""
        if len(self._found) < MAX_COMPLAINTS:
            return tuple(self._found)
        more = Complaint(message=f"There may be more; these are the first {MAX_COMPLAINTS}.")
        return (*self._found, more)


class Within(Complaints):
    """Complaints about a workflow that is written into a node of another one: told as `again.inner`."""

    def __init__(self, outer: Complaints, node: str, field: str) -> None:
        super().__init__()
        self._outer = outer
        self._node = node
        self._field = field

    def put(self, complaint: Complaint) -> None:
        """Note one at its place in the outer document. Raises Enough."""
        super().put(complaint)
        if complaint.node is None:
            field = f"{self._field}.{complaint.field}" if complaint.field else self._field
            self._outer.put(replace(complaint, node=self._node, field=field))
        else:
            self._outer.put(replace(complaint, node=f"{self._node}.{complaint.node}"))


class About:
    """Complains about one node, or about the document (None)."""

    def __init__(self, complaints: Complaints, node: str | None) -> None:
        self._complaints = complaints
        self._node = node

    def __call__(self, field: str | None, column: int | None, message: str) -> None:
        """Note what is wrong in a field, at a column from 1. Raises Enough."""
        self._complaints.add(message, node=self._node, field=field, column=column)
