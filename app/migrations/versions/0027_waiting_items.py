"""An instance waits when all its open steps do, a fan-out of waits among them."""

from alembic import op

from app.migrations.tools import see_every_row

revision = "0027_waiting_items"
down_revision = "0026_retention"
branch_labels = None
depends_on = None

COUNT = """
UPDATE instances i SET busy_steps = (
       SELECT count(*) FROM steps s
        WHERE s.instance_id = i.id AND s.parent_id IS NULL AND s.status IN ('queued', 'running') {which})
 WHERE i.status IN ('pending', 'running', 'waiting') AND i.busy_steps > 0
"""


def upgrade() -> None:
    """What waits is found by its instance, first due first; such a fan-out is not busy any more."""
    see_every_row()
    op.execute("CREATE INDEX steps_waiting ON steps (instance_id, due_at) WHERE status = 'waiting'")
    op.execute(COUNT.format(which="AND s.lane <> 'inline'"))


def downgrade() -> None:
    """Every fan-out under way is busy."""
    see_every_row()
    op.execute("DROP INDEX steps_waiting")
    op.execute(COUNT.format(which="").replace("AND i.busy_steps > 0", ""))
