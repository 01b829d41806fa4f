"""News of a running step: how far it is, what it says, what it looks like so far.

Progress is the one thing told live that is not a numbered fact. It needs no lock on the instance: it touches
columns that no move writes, and only under the fence of a held lease.
"""

from datetime import datetime
from typing import Any, Final

from app.engine.parts import Parts
from app.engine.storable import storable
from app.flow.messages import LogLine, Report, live_channel
from app.kit.clock import now
from app.kit.codec import encode
from app.kit.ids import WorkerId
from app.store.database import Row, Scope

MAX_LOG_LINES: Final = 5_000  # of one attempt; a step that says more than this is not read by people
MAX_MESSAGE_CHARS: Final = 4_000
MAX_PREVIEW_CHARS: Final = 400_000  # about 300 kB of picture; a larger one is no preview and is dropped

_PROGRESS: Final = """
UPDATE steps s
   SET progress_fraction = greatest(coalesce(%(fraction)s, s.progress_fraction), 0),
       progress_message = coalesce(%(message)s, s.progress_message)
  FROM attempts a
 WHERE a.id = %(attempt)s AND a.status = 'leased' AND a.worker_id = %(worker)s AND a.fence = %(fence)s
   AND s.id = a.step_id
RETURNING s.id, s.organization_id, s.instance_id, s.node_id, s.path, s.progress_fraction, s.progress_message
"""

_KEEP_LOGS: Final = """
WITH room AS (
    SELECT %(most)s - count(*) AS lines FROM step_logs WHERE step_id = %(step)s AND attempt_id = %(attempt)s
)
INSERT INTO step_logs (instance_id, organization_id, step_id, attempt_id, level, message, at)
SELECT %(instance)s, %(organization)s, %(step)s, %(attempt)s, level, message, at
  FROM ROWS FROM (jsonb_to_recordset(%(lines)s::jsonb) AS (level text, message text, at timestamptz))
       WITH ORDINALITY AS r(level, message, at, place), room
 WHERE place <= room.lines
 ORDER BY place
RETURNING id, level, message, at
"""


async def report(parts: Parts, worker_id: WorkerId, news: Report) -> bool:
    """Note it and pass it on to whoever watches; False when the lease is no longer this worker's."""
    async with parts.database.transaction(Scope.system()) as tx:
        step = await tx.fetch_one(
            _PROGRESS,
            {
                "attempt": news.attempt_id,
                "worker": worker_id,
                "fence": news.fence,
                "fraction": None if news.progress_fraction is None else min(news.progress_fraction, 1.0),
                "message": _plain(news.progress_message),
            },
        )
        if step is None:
            return False
        lines: list[Row] = []
        if news.logs:
            lines = await tx.fetch_all(
                _KEEP_LOGS,
                {
                    "most": MAX_LOG_LINES,
                    "step": step["id"],
                    "attempt": news.attempt_id,
                    "instance": step["instance_id"],
                    "organization": step["organization_id"],
                    "lines": storable([_line(line) for line in news.logs]),
                },
            )
        message = encode(_progress_message(step, lines, news.preview))
        channel = live_channel(step["instance_id"])
        tx.after_commit(lambda: parts.bus.publish(channel, message))
    return True


def _progress_message(step: Row, lines: list[Row], preview: str | None) -> dict[str, Any]:
    message: dict[str, Any] = {
        "type": "step.progress",
        "step_id": step["id"],
        "data": {
            "node": step["node_id"],
            "path": step["path"],
            "progress_fraction": step["progress_fraction"],
            "progress_message": step["progress_message"],
        },
    }
    if lines:
        message["data"]["logs"] = lines
    if preview is not None and len(preview) <= MAX_PREVIEW_CHARS:
        message["data"]["preview"] = preview
    return message


def _line(line: LogLine) -> dict[str, Any]:
    return {"at": _moment(line), "level": line.level, "message": line.message[:MAX_MESSAGE_CHARS]}


def _moment(line: LogLine) -> datetime:
    """When a line was written, by the worker's clock; now, if that cannot be read."""
    try:
        moment = datetime.fromisoformat(line.at)
    except ValueError:
        return now()
    return moment if moment.tzinfo else now()


def _plain(text: str | None) -> str | None:
    return None if text is None else text.replace("\0", "\ufffd")[:MAX_MESSAGE_CHARS]
