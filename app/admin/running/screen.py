"""What a run looks like at the command line: for people in lines and bars, for machines as JSON lines."""

import json
import sys
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from app.flow.wording import count

MARKS: Final = {
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("⊘", "yellow"),
    "skipped": ("–", "dim"),
}
SHORT: Final = 2_000  # characters of one output on the screen; --json has it whole

Json = dict[str, Any]


class Screen(AbstractContextManager["Screen"], Protocol):
    """Where the story of a run is told."""

    def said(self, sentence: str) -> None:
        """Something on the way."""

    def begun(self, instance: Json, address: str) -> None:
        """It has started."""

    def heard(self, message: Json) -> None:
        """An event, or progress between two."""

    def ended(self, instance: Json, files: dict[str, Path]) -> None:
        """It has ended; `files` are those written here, by the id of their asset."""


class Machine(Screen):
    """One JSON object a line on standard output: the start, every event, the end."""

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()

    def said(self, sentence: str) -> None:
        sys.stderr.write(f"{sentence}\n")

    def begun(self, instance: Json, address: str) -> None:
        facts = ("id", "number", "workflow_id", "workflow_name", "version", "status")
        self._write({"instance": {name: instance[name] for name in facts}, "address": address})

    def heard(self, message: Json) -> None:
        if "progress" not in message:
            self._write(message)

    def ended(self, instance: Json, files: dict[str, Path]) -> None:
        facts = ("id", "status", "outputs", "error", "started_at", "ended_at")
        names = {asset: str(path) for asset, path in files.items()}
        self._write({"ended": {name: instance[name] for name in facts}, "files": names})

    @staticmethod
    def _write(value: Json) -> None:
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        sys.stdout.flush()


class Person(Screen):
    """A line for every step that has ended, and below them a bar for each at work."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)  # a path in a pipe stays in one piece
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[words]}", style="dim"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}  # by node
        self._nodes: dict[str, str] = {}  # node by the id of its step
        self._begun_at: dict[str, str] = {}  # when each node was first heard of

    def __enter__(self) -> Self:
        if self._console.is_terminal:  # in a file or a pipe the lines alone tell it
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def said(self, sentence: str) -> None:
        self._console.print(sentence, style="dim")

    def begun(self, instance: Json, address: str) -> None:
        head = Text.assemble(
            (f"{instance['workflow_name']} #{instance['number']}", "bold"), f"  version {instance['version']}"
        )
        self._console.print(head)
        self._console.print(f"{address}/instances/{instance['id']}", style="dim")

    def heard(self, message: Json) -> None:
        if "progress" in message:
            self._show_progress(message["progress"])
            return
        data, step_id = message["data"], message["step_id"]
        node = data.get("node")
        if step_id is None or node is None:
            return
        items = data.get("items") or {}
        if data.get("path"):  # an item of a fan-out: how far the whole is
            self._show(node, words=_items(items), total=items.get("total"), done=items.get("done"))
            return
        self._nodes[step_id] = node
        self._begun_at.setdefault(node, message["at"])
        status = data.get("status", "")
        if status in MARKS:
            self._settle(node, status, data, message["at"])
        else:
            self._show(node, words=data.get("reason") or _items(items) or status)

    def ended(self, instance: Json, files: dict[str, Path]) -> None:
        self._bars.stop()
        mark, color = MARKS.get(instance["status"], ("·", "dim"))
        took = _between(instance["started_at"] or instance["created_at"], instance["ended_at"])
        head = f"{mark} {instance['workflow_name']} #{instance['number']} {instance['status']} in {took}"
        self._console.print(Text(head, f"bold {color}"))
        if error := instance.get("error"):
            self._console.print(Text(f"  {_sentence(error)}", "red"))
        for name, value in (instance.get("outputs") or {}).items():
            self._console.print(Text.assemble((f"  {name}: ", "bold"), _shown(value, files)))

    def _show_progress(self, progress: Json) -> None:
        node = self._nodes.get(progress.get("step_id", ""))
        if node is not None and node in self._tasks:
            fraction = progress.get("progress_fraction")
            words = progress.get("progress_message") or ""
            self._show(node, words=words, total=None if fraction is None else 1.0, done=fraction)

    def _show(self, node: str, *, words: str, total: float | None = None, done: float | None = None) -> None:
        if node not in self._tasks:
            self._tasks[node] = self._bars.add_task(node, total=None, words="")
        self._bars.update(self._tasks[node], words=words, total=total, completed=done or 0)

    def _settle(self, node: str, status: str, data: Json, at: str) -> None:
        task = self._tasks.pop(node, None)
        if task is not None:
            self._bars.remove_task(task)
        mark, color = MARKS[status]
        items = _items(data.get("items") or {})
        line = Text.assemble((mark, color), f" {node}", (f"  {items}" if items else "", "dim"))
        if status != "skipped":
            line.append(f"  {_between(self._begun_at[node], at)}", "dim")
        self._console.print(line)
        if error := data.get("error"):
            self._console.print(Text(f"  {_sentence(error)}", "red"))
        elif status == "skipped" and data.get("reason"):
            self._console.print(Text(f"  {data['reason']}", "dim"))


def _sentence(error: Json) -> str:
    return " ".join(part for part in (error.get("message"), error.get("remedy")) if part)


def _items(items: Json) -> str:
    if not items:
        return ""
    failed = f", {items['failed']} failed" if items.get("failed") else ""
    return f"{items.get('done', 0)} of {count(items.get('total', 0), 'item')}{failed}"


def _between(start: str, end: str) -> str:
    seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _shown(value: Any, files: dict[str, Path]) -> str:
    """One output: files by where they are, text as it is, anything else as JSON."""
    match value:
        case {"asset": str(asset), "name": str(name)}:
            return str(files.get(asset) or f"{name} (asset:{asset})")
        case list() if value and all(isinstance(one, dict) and "asset" in one for one in value):
            return ", ".join(_shown(one, files) for one in value)
        case str():
            text = value
        case _:
            text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHORT else f"{text[:SHORT]}… ({len(text):,} characters; --json has them all)"
