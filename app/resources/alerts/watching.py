"""The box watches itself: rules look at it, and what they find wrong is told once, and again when it is well.

A rule is a file of `rules`. Trouble has to last before it is told (`holds_s`), so that a restart is no alarm;
an end has to last as long, so that something that comes and goes does not ring all day.

The rules are in `rules`: one file a rule, found, not listed.
    RULE = Rule(name="disk", title="The volume fills up", judge=of_check("storage"), holds_s=60.0)

Most rules are a check of the health page that is not well (`of_check`). One of its own brings `judge`, which
looks at the `Box` and gives `Trouble(sentence, remedy)`, or None while all is well:

    async def judge(box: Box) -> Trouble | None:
        status = await asyncio.to_thread(Backups(box.settings.workspace).status)
        …

`holds_s`: for how long trouble has to last before it is told, and wellness before it counts as over. What is
`critical` comes also in the quiet hours of a channel that may wake.
"""

import functools
import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from app.kit.ids import new_id
from app.kit.log import get_logger
from app.resources.alerts import rules
from app.resources.infrastructure.looking import Box, Finding, all_checks, look_around
from app.resources.notifications import model as notifications
from app.resources.notifications.ways import Severity
from app.store.database import Database, Row, Scope, Transaction

log = get_logger(__name__)

SYSTEM_PAGE: Final = "/system"
_OPEN: Final = """
SELECT id, rule, sentence, told_at, extract(epoch FROM now() - began_at)::float8 AS age_s,
       extract(epoch FROM now() - well_since)::float8 AS well_s
  FROM box_alerts WHERE ended_at IS NULL FOR UPDATE
"""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, and what to do."""

    sentence: str
    remedy: str


Judge = Callable[[Box], Awaitable[Trouble | None]]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One file of `rules`. See there."""

    name: str
    title: str
    judge: Judge
    severity: Severity = Severity.warning
    holds_s: float = 60.0


def of_check(name: str) -> Judge:
    """A rule that is broken while this check of the box is not well.

    A check that could not be run says nothing either way; what depends on its being run is a rule of its own.
    """

    async def judge(box: Box) -> Trouble | None:
        looks = {one.name: one.look for one in all_checks() if one.name == name}
        found: Finding | None = (await look_around(box, looks)).get(name)
        if found is None or found.status not in {"degraded", "unhealthy"}:
            return None
        return Trouble(sentence=found.detail, remedy=found.remedy or "")

    return judge


@functools.cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule there is, in the order of the files' names."""
    modules = sorted(pkgutil.iter_modules(rules.__path__), key=lambda one: one.name)
    return tuple(importlib.import_module(f"{rules.__name__}.{one.name}").RULE for one in modules)


async def watch(box: Box) -> int:
    """Look once; how many troubles were told or ended."""
    found: dict[str, Trouble | None] = {}
    for rule in all_rules():
        try:
            found[rule.name] = await rule.judge(box)
        except Exception as exc:  # noqa: BLE001  one rule's fault must not blind the others
            log.error("rule failed", action="rule_failed", rule=rule.name, error=repr(exc))
    return await _keep(box.database, found)


async def _keep(database: Database, found: dict[str, Trouble | None]) -> int:
    """Compare with what is known, and tell what has lasted."""
    told = 0
    async with database.transaction(Scope.system()) as tx:
        known = {row["rule"]: row for row in await tx.fetch_all(_OPEN)}
        for rule in all_rules():
            if rule.name not in found:
                continue  # nobody could judge; it stays as it was
            trouble, row = found[rule.name], known.get(rule.name)
            if trouble is None:
                told += row is not None and await _is_well(tx, rule, row)
            else:
                told += await _goes_on(tx, rule, trouble, row or await _begin(tx, rule, trouble))
    return told


async def _begin(tx: Transaction, rule: Rule, trouble: Trouble) -> Row:
    row = {"id": new_id(), "age_s": 0.0, "told_at": None}
    await tx.execute(
        "INSERT INTO box_alerts (id, rule, severity, sentence, remedy) "
        "VALUES (%(id)s, %(rule)s, %(severity)s, %(sentence)s, %(remedy)s)",
        {"id": row["id"], "rule": rule.name, "severity": rule.severity, **msgspec.structs.asdict(trouble)},
    )
    return row


async def _goes_on(tx: Transaction, rule: Rule, trouble: Trouble, row: Row) -> bool:
    is_due = row["told_at"] is None and row["age_s"] >= rule.holds_s
    await tx.execute(
        "UPDATE box_alerts SET sentence = %(sentence)s, remedy = %(remedy)s, well_since = NULL, "
        "told_at = CASE WHEN %(is_due)s THEN now() ELSE told_at END WHERE id = %(id)s",
        {"id": row["id"], "is_due": is_due, **msgspec.structs.asdict(trouble)},
    )
    if is_due:
        log.warning(trouble.sentence, action="alert_raised", rule=rule.name)
        await notifications.add(
            tx,
            organization_id=None,
            severity=rule.severity,
            title=rule.title,
            body=trouble.sentence,
            remedy=trouble.remedy or None,
            link=SYSTEM_PAGE,
        )
    return is_due


async def _is_well(tx: Transaction, rule: Rule, row: Row) -> bool:
    if (row["well_s"] or 0.0) < rule.holds_s and row["told_at"] is not None:
        await tx.execute(
            "UPDATE box_alerts SET well_since = coalesce(well_since, now()) WHERE id = %(id)s",
            {"id": row["id"]},
        )
        return False
    await tx.execute("UPDATE box_alerts SET ended_at = now() WHERE id = %(id)s", {"id": row["id"]})
    if row["told_at"] is None:
        return False
    log.info("%s: it is well again", rule.title, action="alert_ended", rule=rule.name)
    await notifications.add(
        tx,
        organization_id=None,
        severity=Severity.info if rule.severity is not Severity.critical else Severity.warning,
        title=f"Well again: {rule.title}",
        body=f"This is over: {row['sentence']}",
        link=SYSTEM_PAGE,
    )
    return True


async def forget_ended(tx: Transaction, after_s: float) -> int:
    """Drop alerts that ended so long ago; how many."""
    return await tx.execute(
        "DELETE FROM box_alerts WHERE ended_at < now() - make_interval(secs => %(after_s)s)",
        {"after_s": after_s},
    )
