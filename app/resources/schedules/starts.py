"""Which time of which schedule started a run, while its journal knows of it."""

from typing import Final

SOURCE: Final = "schedule"
STARTER: Final = """
SELECT s.id, s.name, r.id AS entry_id
  FROM schedule_runs r JOIN schedules s ON s.id = r.schedule_id
 WHERE r.instance_id = %(instance)s
"""
