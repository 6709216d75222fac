"""Known changes are kept, a case may leave open how many scans its exam had, and accrual counts from indexes.

The way back keeps marks and open numbers aside.
"""

import sqlalchemy as sa
from alembic import op

import db.base
from db.keeping import keep_column, keep_rows, put_column_back, put_rows_back

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One step forward."""
    op.create_table(
        "known_change",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("marked_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("marked_by", sa.String(length=60), nullable=False),
        sa.Column("marked_as", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_known_change_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_change")),
        sa.UniqueConstraint("study_id", "day", "name", name=op.f("uq_known_change_study_id_day_name")),
    )
    with op.batch_alter_table("known_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_known_change_study_id"), ["study_id"], unique=False)
    with op.batch_alter_table("study_case", schema=None) as batch_op:
        batch_op.alter_column("scans", existing_type=sa.Integer(), nullable=True)
        batch_op.create_index("ix_study_case_tally", ["study_id", "training", "state", "enrolled_at"], unique=False)
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.create_index("ix_task_tally", ["study_id", "training", "state", "missing_reason"], unique=False)
    put_rows_back("known_change")
    put_column_back("study_case", "scans")


def downgrade() -> None:
    """One step back; what was left open becomes one scan again, and is kept aside with the known changes."""
    keep_rows("known_change")
    keep_column("study_case", "scans", where="scans IS NULL")
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.drop_index("ix_task_tally")
    op.execute(sa.text("UPDATE study_case SET scans = 1 WHERE scans IS NULL"))
    with op.batch_alter_table("study_case", schema=None) as batch_op:
        batch_op.drop_index("ix_study_case_tally")
        batch_op.alter_column("scans", existing_type=sa.Integer(), nullable=False)
    with op.batch_alter_table("known_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_known_change_study_id"))
    op.drop_table("known_change")
