"""Runs find the delivery or the line of a schedule's journal that started them."""

from alembic import op

revision = "0036_starters"
down_revision = "0035_exact_limit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What started names the run already; only the way back is missing."""
    for table in ("webhook_deliveries", "schedule_runs"):
        op.execute(f"CREATE INDEX {table}_of_instance ON {table} (instance_id) WHERE instance_id IS NOT NULL")


def downgrade() -> None:
    """There is no way back."""
    for table in ("webhook_deliveries", "schedule_runs"):
        op.execute(f"DROP INDEX {table}_of_instance")
