"""The file to run: a document, an exported workflow, or Python that builds one."""

import contextlib
import json
import runpy
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from app.admin.running.faults import Unusable
from app.admin.running.places import place_of
from app.flow.builder import building_on, workflow_in
from app.flow.catalog import Catalog
from app.flow.portable import Portable, unpack
from app.kit.errors import Complaint, Invalid

MAX_BYTES: Final = 16 * 1024**2  # as much as the API takes in one call


class Source(msgspec.Struct, frozen=True):
    """A file that was read; `text` only where complaints can point into it."""

    name: str
    portable: Portable
    text: str | None
    is_export: bool

    def say(self, complaint: Complaint) -> str:
        """A complaint as a compiler writes it: file, line and column, then what and where in the document."""
        where = ".".join(part for part in (complaint.node, complaint.field) if part)
        if complaint.column is not None:
            where += f", column {complaint.column}"
        place = ":".join((self.name, *map(str, self._place(complaint))))
        return f"{place}: {f'{where}: ' if where else ''}{complaint.message}"

    def refusal(self, complaints: Sequence[Complaint]) -> Unusable:
        """The end of a command whose file has mistakes."""
        count = "1 mistake" if len(complaints) == 1 else f"{len(complaints)} mistakes"
        lines = [self.say(complaint) for complaint in sorted(complaints, key=self._place)]
        return Unusable(*lines, f"{self.name} has {count}; nothing was started.")

    def _place(self, complaint: Complaint) -> tuple[int, ...]:
        """Line and column, where there is a text to point into."""
        if self.text is None:
            return ()
        return place_of(self.text, complaint, ("definition",) if self.is_export else ())


def load(file: Path, catalog: Catalog) -> Source:
    """Read it, or run it when it is Python. Raises Unusable with every mistake of its form."""
    name = str(file)
    if file.suffix == ".py":
        return Source(name, _built(file, catalog), None, False)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise Unusable(f"{name} is larger than {MAX_BYTES // 1024**2} MiB, which is no workflow.")
        text = file.read_text(encoding="utf-8")
        raw = json.loads(text)
    except OSError as exc:
        raise Unusable(f"{name} cannot be read: {exc.strerror}.") from None
    except json.JSONDecodeError as exc:
        raise Unusable(f"{name}:{exc.lineno}:{exc.colno}: This is not JSON: {exc.msg}.") from None
    except (UnicodeDecodeError, RecursionError):
        raise Unusable(f"{name} is neither JSON nor a Python file (.py).") from None
    is_export = isinstance(raw, dict) and "format" in raw
    try:
        return Source(name, unpack(raw), text, is_export)
    except Invalid as exc:
        blank = Source(name, Portable(name="", definition={}), text, False)
        raise blank.refusal(exc.complaints) from None


def _built(file: Path, catalog: Catalog) -> Portable:
    """What a Python file builds. It is the operator's own code and runs as such."""
    if not file.is_file():
        raise Unusable(f"{file} cannot be read: there is no such file.")
    sys.path.insert(0, str(file.parent.absolute()))
    try:
        # What it prints is not our answer.
        with building_on(catalog), contextlib.redirect_stdout(sys.stderr):
            names = runpy.run_path(str(file), run_name="__studio__")
            workflow = workflow_in(names)
            document = workflow.document()
    except Exception as exc:  # noqa: BLE001  whatever the file raises is told with its line, and ends the command
        raise Unusable(_told(file, exc)) from None
    finally:
        sys.path.pop(0)
    return Portable(name=workflow.name, definition=document)


def _told(file: Path, exc: Exception) -> str:
    """The line of the file that failed, and why."""
    if isinstance(exc, SyntaxError) and exc.filename == str(file):
        return f"{file}:{exc.lineno}:{exc.offset}: {exc.msg}."
    lines = [frame.lineno for frame in traceback.extract_tb(exc.__traceback__) if frame.filename == str(file)]
    place = f"{file}:{lines[-1]}" if lines else str(file)
    name = "" if isinstance(exc, ValueError | AttributeError) else f"{type(exc).__name__}: "
    return f"{place}: {name}{exc}"


def declared_inputs(source: Source) -> dict[str, Any]:
    """What the workflow asks for, by name, as its document says."""
    inputs = source.portable.definition.get("inputs")
    return inputs if isinstance(inputs, dict) else {}
