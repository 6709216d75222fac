"""Rows taken in by a batch name it.

The way back keeps the names aside, so no imported row loses its import, and the audit's hash of the import holds after both ways.
"""

import sqlalchemy as sa
from alembic import op

from db.keeping import keep_column, put_column_back

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("event", "image_set", "rating", "study_case")


def upgrade() -> None:
    """One step forward."""
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.add_column(sa.Column("batch_id", sa.String(length=16), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_event_batch_id_import_batch"), "import_batch", ["batch_id"], ["id"])

    with op.batch_alter_table("image_set", schema=None) as batch_op:
        batch_op.add_column(sa.Column("batch_id", sa.String(length=16), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_image_set_batch_id_import_batch"), "import_batch", ["batch_id"], ["id"])

    with op.batch_alter_table("rating", schema=None) as batch_op:
        batch_op.add_column(sa.Column("batch_id", sa.String(length=16), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_rating_batch_id_import_batch"), "import_batch", ["batch_id"], ["id"])

    with op.batch_alter_table("study_case", schema=None) as batch_op:
        batch_op.add_column(sa.Column("batch_id", sa.String(length=16), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_study_case_batch_id_import_batch"), "import_batch", ["batch_id"], ["id"])
    for table in TABLES:
        put_column_back(table, "batch_id")


def downgrade() -> None:
    """One step back."""
    for table in TABLES:
        keep_column(table, "batch_id", where="batch_id IS NOT NULL")
    with op.batch_alter_table("study_case", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_study_case_batch_id_import_batch"), type_="foreignkey")
        batch_op.drop_column("batch_id")

    with op.batch_alter_table("rating", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_rating_batch_id_import_batch"), type_="foreignkey")
        batch_op.drop_column("batch_id")

    with op.batch_alter_table("image_set", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_image_set_batch_id_import_batch"), type_="foreignkey")
        batch_op.drop_column("batch_id")

    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_event_batch_id_import_batch"), type_="foreignkey")
        batch_op.drop_column("batch_id")
