"""Which delivery to which webhook started a run, while its log knows of it."""

from typing import Final

SOURCE: Final = "webhook"
STARTER: Final = """
SELECT h.id, h.name, d.id AS entry_id
  FROM webhook_deliveries d JOIN webhooks h ON h.id = d.webhook_id
 WHERE d.instance_id = %(instance)s
"""
