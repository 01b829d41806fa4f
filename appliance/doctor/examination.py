"""Runs every check, side by side and each within its time, and tells what they found.

A check is one file in `appliance/doctor/checks`: its docstring's first line is its title, `look(patient)` its
answer. It stands on files, processes and sockets, so that it works when the database does not. Found, not
listed.
"""

import pkgutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from importlib import import_module
from typing import Final

import msgspec
from rich.console import Console
from rich.markup import escape

from app.kit.redaction import keep_secret, redacted, redacted_value
from app.kit.settings import Settings
from appliance.doctor import checks
from appliance.doctor.finding import Finding, Patient, Verdict, unknown
from appliance.status import is_alive

LIMIT_S: Final = 30.0  # of one check; CUDA alone takes ten to start
MARKS: Final = {
    Verdict.well: ("✓", "green"),
    Verdict.watch: ("!", "yellow"),
    Verdict.ill: ("✗", "red"),
    Verdict.unknown: ("?", "magenta"),
    Verdict.absent: ("–", "dim"),
}


class Check(msgspec.Struct, frozen=True):
    """One module of `appliance.doctor.checks`."""

    name: str
    title: str
    look: Callable[[Patient], Finding]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One check and what it found."""

    check: str
    title: str
    finding: Finding


def every_check() -> list[Check]:
    """All of them, by name."""
    return list(_found())


def _found() -> Iterator[Check]:
    for module in sorted(pkgutil.iter_modules(checks.__path__), key=lambda found: found.name):
        loaded = import_module(f"{checks.__name__}.{module.name}")
        title = (loaded.__doc__ or "").splitlines()[0].rstrip(".")
        yield Check(module.name.replace("_", "-"), title, loaded.look)


def examine(settings: Settings) -> list[Result]:
    """Every check's finding. A check that fails or does not come back is unknown, and says so."""
    patient = Patient(settings=settings, is_up=is_alive(settings))
    wanted = every_check()
    under_way = [(check, _begun(check, patient)) for check in wanted]
    until = time.monotonic() + LIMIT_S
    return [
        Result(check=check.name, title=check.title, finding=_told(_answer(future, until)))
        for check, future in under_way
    ]


def show(settings: Settings, as_json: bool) -> int:
    """Print the findings; 0 all is well, 1 something is ill, 3 nothing is ill but not everything was seen."""
    keep_secret(*settings.secrets)
    results = examine(settings)
    if as_json:
        sys.stdout.write(msgspec.json.encode(results).decode() + "\n")
    else:
        _print(results)
    verdicts = {result.finding.verdict for result in results}
    return 1 if Verdict.ill in verdicts else 3 if Verdict.unknown in verdicts else 0


def _begun(check: Check, patient: Patient) -> Future[Finding]:
    """In a daemon thread: one that hangs must not keep the interpreter from its end, as a pool's would."""
    future: Future[Finding] = Future()

    def look() -> None:
        try:
            future.set_result(check.look(patient))
        except BaseException as exc:  # noqa: BLE001  told by whoever asks for the result
            future.set_exception(exc)

    threading.Thread(target=look, name=f"doctor-{check.name}", daemon=True).start()
    return future


def _answer(future: Future[Finding], until: float) -> Finding:
    try:
        return future.result(max(0.0, until - time.monotonic()))
    except TookTooLong:
        return unknown(f"It did not answer within {LIMIT_S:.0f} s.", "Look at this by hand.")
    except Exception as exc:  # noqa: BLE001  a check that breaks must not hide what the others found
        return unknown(f"The check itself failed: {type(exc).__name__}: {exc}", "Report this.")


def _told(finding: Finding) -> Finding:
    """As it may leave the box."""
    return Finding(
        verdict=finding.verdict,
        sentence=redacted(finding.sentence),
        remedy=None if finding.remedy is None else redacted(finding.remedy),
        facts=redacted_value("facts", finding.facts),
    )


def _print(results: list[Result]) -> None:
    console = Console(highlight=False)
    for result in results:
        mark, color = MARKS[result.finding.verdict]
        console.print(
            f"[{color}]{mark}[/] [bold]{escape(result.title)}.[/] {escape(result.finding.sentence)}"
        )
        if result.finding.remedy:
            console.print(f"  [dim]→[/] {escape(result.finding.remedy)}")
    counts = {verdict: sum(1 for one in results if one.finding.verdict is verdict) for verdict in Verdict}
    console.print(
        f"{counts[Verdict.well]} well, {counts[Verdict.watch]} to watch, {counts[Verdict.ill]} ill, "
        f"{counts[Verdict.unknown]} not seen, {counts[Verdict.absent]} not there."
    )
