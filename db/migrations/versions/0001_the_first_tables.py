"""The first tables."""

# ruff: noqa: E501  a CHECK lists its choices on one line

import sqlalchemy as sa
from alembic import op

import db.base
from db.keeping import drop_kept

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One step forward."""
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("account", sa.String(length=60), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("operation", sa.String(length=40), nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("entity_id", sa.String(length=64), nullable=False),
        sa.Column("old", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("new", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("previous_sha256", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
        sa.UniqueConstraint("sha256", name=op.f("uq_audit_entry_sha256")),
    )
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_entry_account"), ["account"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_entry_entity_id"), ["entity_id"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("batch", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("path", sa.String(length=1000), nullable=False),
        sa.Column("unenhanced", sa.String(length=1000), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(length=120), nullable=True),
        sa.Column("leased_until", db.base.UTC(timezone=True), nullable=True),
        sa.Column("output_sha256", sa.String(length=64), nullable=True),
        sa.Column("code", sa.String(length=60), nullable=True),
        sa.Column("reason", sa.String(length=1000), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("created_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("finished_at", db.base.UTC(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'running', 'done', 'failed', 'poisoned')", name=op.f("ck_job_state")),
        sa.CheckConstraint("attempts IS NULL OR attempts >= 0", name=op.f("ck_job_attempts_not_negative")),
        sa.CheckConstraint("seconds IS NULL OR seconds >= 0", name=op.f("ck_job_seconds_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("batch", "name", name=op.f("uq_job_batch_name")),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_job_batch"), ["batch"], unique=False)

    op.create_table(
        "site",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("time_zone", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
        sa.UniqueConstraint("code", name=op.f("uq_site_code")),
    )
    op.create_table(
        "study",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("created_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("activated_at", db.base.UTC(timezone=True), nullable=True),
        sa.Column("locked_at", db.base.UTC(timezone=True), nullable=True),
        sa.Column("unblinded_at", db.base.UTC(timezone=True), nullable=True),
        sa.Column("archived_at", db.base.UTC(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('draft', 'active', 'locked', 'unblinded', 'archived')", name=op.f("ck_study_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
        sa.UniqueConstraint("name", name=op.f("uq_study_name")),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("display_name", sa.String(length=120), nullable=False),
        sa.Column("site_id", sa.String(length=16), nullable=True),
        sa.Column("password_hash", sa.String(length=300), nullable=True),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("oidc_subject", sa.String(length=300), nullable=True),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("created_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("disabled_at", db.base.UTC(timezone=True), nullable=True),
        sa.Column("failed_attempts", sa.Integer(), nullable=False),
        sa.Column("locked_until", db.base.UTC(timezone=True), nullable=True),
        sa.CheckConstraint("failed_attempts IS NULL OR failed_attempts >= 0", name=op.f("ck_account_failed_attempts_not_negative")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_account_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("code", name=op.f("uq_account_code")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
        sa.UniqueConstraint("oidc_subject", name=op.f("uq_account_oidc_subject")),
    )
    op.create_table(
        "data_query",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("entity_id", sa.String(length=40), nullable=False),
        sa.Column("question", sa.String(length=2000), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("raised_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("raised_by", sa.String(length=60), nullable=False),
        sa.Column("answer", sa.String(length=2000), nullable=True),
        sa.Column("answered_at", db.base.UTC(timezone=True), nullable=True),
        sa.Column("answered_by", sa.String(length=60), nullable=True),
        sa.Column("closed_at", db.base.UTC(timezone=True), nullable=True),
        sa.Column("closed_by", sa.String(length=60), nullable=True),
        sa.CheckConstraint("state IN ('open', 'answered', 'closed')", name=op.f("ck_data_query_state")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_data_query_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_query")),
    )
    with op.batch_alter_table("data_query", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_data_query_study_id"), ["study_id"], unique=False)

    op.create_table(
        "import_batch",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("mapping", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("imported_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("imported_by", sa.String(length=60), nullable=False),
        sa.CheckConstraint("row_count IS NULL OR row_count >= 0", name=op.f("ck_import_batch_row_count_not_negative")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_import_batch_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_batch")),
        sa.UniqueConstraint("study_id", "file_sha256", name=op.f("uq_import_batch_study_id_file_sha256")),
    )
    op.create_table(
        "protocol_version",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("toml", sa.String(), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("created_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=60), nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_protocol_version_number")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_protocol_version_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_protocol_version")),
        sa.UniqueConstraint("study_id", "number", name=op.f("uq_protocol_version_study_id_number")),
    )
    with op.batch_alter_table("protocol_version", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_protocol_version_study_id"), ["study_id"], unique=False)

    op.create_table(
        "sealed_entry",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("stratum", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("key_fingerprint", sa.String(length=16), nullable=False),
        sa.Column("created_at", db.base.UTC(timezone=True), nullable=False),
        sa.CheckConstraint("position >= 1", name=op.f("ck_sealed_entry_position")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_sealed_entry_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sealed_entry")),
        sa.UniqueConstraint("study_id", "stratum", "position", name=op.f("uq_sealed_entry_study_id_stratum_position")),
    )
    with op.batch_alter_table("sealed_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sealed_entry_study_id"), ["study_id"], unique=False)

    op.create_table(
        "study_case",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("site_id", sa.String(length=16), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("pseudonym", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("training", sa.Boolean(), nullable=False),
        sa.Column("strata", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("features", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("sex", sa.String(length=10), nullable=True),
        sa.Column("age_band", sa.String(length=20), nullable=True),
        sa.Column("scanner", sa.String(length=120), nullable=True),
        sa.Column("ctdi_vol_mgy", sa.Float(), nullable=True),
        sa.Column("dlp_mgy_cm", sa.Float(), nullable=True),
        sa.Column("scans", sa.Integer(), nullable=False),
        sa.Column("scan_path", sa.String(length=500), nullable=True),
        sa.Column("scan_sha256", sa.String(length=64), nullable=True),
        sa.Column("scanned_at", db.base.UTC(timezone=True), nullable=True),
        sa.Column("enrolled_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("withdrawn_at", db.base.UTC(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('screened', 'eligible', 'excluded', 'allocated', 'withdrawn')", name=op.f("ck_study_case_state")),
        sa.CheckConstraint("ctdi_vol_mgy IS NULL OR ctdi_vol_mgy >= 0", name=op.f("ck_study_case_ctdi_vol_mgy_not_negative")),
        sa.CheckConstraint("dlp_mgy_cm IS NULL OR dlp_mgy_cm >= 0", name=op.f("ck_study_case_dlp_mgy_cm_not_negative")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_study_case_site_id_site")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_study_case_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_case")),
        sa.UniqueConstraint("study_id", "number", name=op.f("uq_study_case_study_id_number")),
        sa.UniqueConstraint("study_id", "pseudonym", name=op.f("uq_study_case_study_id_pseudonym")),
    )
    with op.batch_alter_table("study_case", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_study_case_site_id"), ["site_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_study_case_study_id"), ["study_id"], unique=False)

    op.create_table(
        "allocation",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("stratum", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.String(length=20), nullable=False),
        sa.Column("method", sa.String(length=40), nullable=False),
        sa.Column("revealed_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("revealed_by", sa.String(length=60), nullable=False),
        sa.CheckConstraint("sequence IN ('manual', 'ai', 'manual-ai', 'ai-manual')", name=op.f("ck_allocation_sequence")),
        sa.ForeignKeyConstraint(["case_id"], ["study_case.id"], name=op.f("fk_allocation_case_id_study_case")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_allocation_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation")),
        sa.UniqueConstraint("case_id", name=op.f("uq_allocation_case_id")),
        sa.UniqueConstraint("study_id", "stratum", "position", name=op.f("uq_allocation_study_id_stratum_position")),
    )
    with op.batch_alter_table("allocation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_allocation_study_id"), ["study_id"], unique=False)

    op.create_table(
        "consent",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.String(length=16), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("text_version", sa.String(length=20), nullable=False),
        sa.Column("text_sha256", sa.String(length=64), nullable=False),
        sa.Column("given_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("withdrawn_at", db.base.UTC(timezone=True), nullable=True),
        sa.Column("erase_data", sa.Boolean(), nullable=False),
        sa.Column("retain_until", db.base.UTC(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_consent_account_id_account")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_consent_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint("account_id", "study_id", "given_at", name=op.f("uq_consent_account_id_study_id_given_at")),
    )
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consent_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_consent_study_id"), ["study_id"], unique=False)

    op.create_table(
        "deviation",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=True),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("description", sa.String(length=2000), nullable=False),
        sa.Column("recorded_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["study_case.id"], name=op.f("fk_deviation_case_id_study_case")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_deviation_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deviation")),
    )
    with op.batch_alter_table("deviation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deviation_study_id"), ["study_id"], unique=False)

    op.create_table(
        "login_session",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=16), nullable=False),
        sa.Column("created_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("last_seen_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("authenticated_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("ended_at", db.base.UTC(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(length=20), nullable=True),
        sa.CheckConstraint(
            "end_reason IS NULL OR end_reason IN ('logout', 'idle', 'expired', 'revoked')", name=op.f("ck_login_session_end_reason")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_login_session_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
    )
    with op.batch_alter_table("login_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_login_session_account_id"), ["account_id"], unique=False)

    op.create_table(
        "role_grant",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.String(length=16), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=True),
        sa.Column("granted_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("granted_by", sa.String(length=60), nullable=False),
        sa.Column("revoked_at", db.base.UTC(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(length=60), nullable=True),
        sa.CheckConstraint(
            "role IN ('investigator', 'technologist', 'reader', 'observer', 'manager', 'monitor', 'allocator', 'adjudicator', 'administrator', 'scientist')",
            name=op.f("ck_role_grant_role"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_role_grant_account_id_account")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_role_grant_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
    )
    with op.batch_alter_table("role_grant", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_role_grant_account_id"), ["account_id"], unique=False)
        batch_op.create_index(
            "uq_role_grant_everywhere",
            ["account_id", "role"],
            unique=True,
            sqlite_where=sa.text("revoked_at IS NULL AND study_id IS NULL"),
            postgresql_where=sa.text("revoked_at IS NULL AND study_id IS NULL"),
        )
        batch_op.create_index(
            "uq_role_grant_study",
            ["account_id", "role", "study_id"],
            unique=True,
            sqlite_where=sa.text("revoked_at IS NULL"),
            postgresql_where=sa.text("revoked_at IS NULL"),
        )

    op.create_table(
        "run",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("method", sa.String(length=40), nullable=False),
        sa.Column("model_name", sa.String(length=120), nullable=False),
        sa.Column("model_version", sa.String(length=60), nullable=False),
        sa.Column("model_sha256", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=60), nullable=False),
        sa.Column("engine", sa.String(length=60), nullable=False),
        sa.Column("software_version", sa.String(length=40), nullable=False),
        sa.Column("started_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("stages", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=True),
        sa.Column("findings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("output_path", sa.String(length=500), nullable=True),
        sa.Column("output_sha256", sa.String(length=64), nullable=True),
        sa.Column("failure", sa.String(length=1000), nullable=True),
        sa.CheckConstraint("state IN ('running', 'done', 'failed')", name=op.f("ck_run_state")),
        sa.CheckConstraint("verdict IS NULL OR verdict IN ('accept', 'review', 'reject')", name=op.f("ck_run_verdict")),
        sa.CheckConstraint("seconds IS NULL OR seconds >= 0", name=op.f("ck_run_seconds_not_negative")),
        sa.ForeignKeyConstraint(["case_id"], ["study_case.id"], name=op.f("fk_run_case_id_study_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_case_id"), ["case_id"], unique=False)

    op.create_table(
        "screening",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("eligible", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("remark", sa.String(length=1000), nullable=False),
        sa.Column("screened_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("screened_by", sa.String(length=60), nullable=False),
        sa.Column("locked_at", db.base.UTC(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["study_case.id"], name=op.f("fk_screening_case_id_study_case")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_screening_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screening")),
        sa.UniqueConstraint("case_id", name=op.f("uq_screening_case_id")),
    )
    with op.batch_alter_table("screening", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_screening_study_id"), ["study_id"], unique=False)

    op.create_table(
        "signature",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.String(length=16), nullable=False),
        sa.Column("printed_name", sa.String(length=120), nullable=False),
        sa.Column("meaning", sa.String(length=200), nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("entity_id", sa.String(length=40), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("signed_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.Column("voided_at", db.base.UTC(timezone=True), nullable=True),
        sa.Column("void_reason", sa.String(length=500), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_signature_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signature")),
    )
    with op.batch_alter_table("signature", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signature_entity_id"), ["entity_id"], unique=False)

    op.create_table(
        "task",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("case_id", sa.String(length=16), nullable=False),
        sa.Column("technologist_id", sa.String(length=16), nullable=False),
        sa.Column("arm", sa.String(length=10), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.String(length=20), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("instrument", sa.String(length=20), nullable=False),
        sa.Column("training", sa.Boolean(), nullable=False),
        sa.Column("missing_reason", sa.String(length=200), nullable=True),
        sa.Column("available_from", db.base.UTC(timezone=True), nullable=True),
        sa.Column("created_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("batch_id", sa.String(length=16), nullable=True),
        sa.CheckConstraint("arm IN ('manual', 'ai')", name=op.f("ck_task_arm")),
        sa.CheckConstraint(
            "state IN ('planned', 'open', 'paused', 'interrupted', 'finished', 'aborted', 'undone')", name=op.f("ck_task_state")
        ),
        sa.CheckConstraint("period >= 1", name=op.f("ck_task_period")),
        sa.ForeignKeyConstraint(["batch_id"], ["import_batch.id"], name=op.f("fk_task_batch_id_import_batch")),
        sa.ForeignKeyConstraint(["case_id"], ["study_case.id"], name=op.f("fk_task_case_id_study_case")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_task_study_id_study")),
        sa.ForeignKeyConstraint(["technologist_id"], ["account.id"], name=op.f("fk_task_technologist_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
    )
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_task_case_id"), ["case_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_task_study_id"), ["study_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_task_technologist_id"), ["technologist_id"], unique=False)
        batch_op.create_index(
            "uq_task_live",
            ["case_id", "arm", "technologist_id"],
            unique=True,
            sqlite_where=sa.text("state NOT IN ('undone', 'aborted')"),
            postgresql_where=sa.text("state NOT IN ('undone', 'aborted')"),
        )

    op.create_table(
        "image_set",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("task_id", sa.String(length=16), nullable=False),
        sa.Column("run_id", sa.String(length=16), nullable=True),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("views", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("problem", sa.String(length=500), nullable=True),
        sa.Column("calibration", sa.Boolean(), nullable=False),
        sa.Column("created_at", db.base.UTC(timezone=True), nullable=False),
        sa.CheckConstraint("frames IS NULL OR frames >= 0", name=op.f("ck_image_set_frames_not_negative")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_image_set_run_id_run")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_image_set_study_id_study")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_image_set_task_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image_set")),
        sa.UniqueConstraint("path", name=op.f("uq_image_set_path")),
    )
    with op.batch_alter_table("image_set", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_image_set_study_id"), ["study_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_image_set_task_id"), ["task_id"], unique=False)

    op.create_table(
        "lease",
        sa.Column("task_id", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.String(length=16), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("renewed_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("renewed_monotonic_seconds", sa.Float(), nullable=False),
        sa.Column("renewed_boot", sa.String(length=40), nullable=False),
        sa.Column("expires_at", db.base.UTC(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_lease_account_id_account")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_lease_task_id_task")),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_lease")),
    )
    op.create_table(
        "observation",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("task_id", sa.String(length=16), nullable=False),
        sa.Column("observer_id", sa.String(length=16), nullable=False),
        sa.Column("started_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("ended_at", db.base.UTC(timezone=True), nullable=True),
        sa.Column("note", sa.String(length=2000), nullable=False),
        sa.ForeignKeyConstraint(["observer_id"], ["account.id"], name=op.f("fk_observation_observer_id_account")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_observation_task_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observation")),
    )
    with op.batch_alter_table("observation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_observation_task_id"), ["task_id"], unique=False)

    op.create_table(
        "task_token",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("task_id", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.String(length=16), nullable=False),
        sa.Column("issued_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("expires_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("revoked_at", db.base.UTC(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_task_token_account_id_account")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_token_task_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_token")),
    )
    with op.batch_alter_table("task_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_task_token_task_id"), ["task_id"], unique=False)

    op.create_table(
        "reading",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("image_set_id", sa.String(length=16), nullable=False),
        sa.Column("reader_id", sa.String(length=16), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("available_from", db.base.UTC(timezone=True), nullable=True),
        sa.Column("assigned_at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("submitted_at", db.base.UTC(timezone=True), nullable=True),
        sa.Column("draft", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("guess", sa.String(length=10), nullable=True),
        sa.Column("confidence", sa.Integer(), nullable=True),
        sa.Column("remark", sa.String(length=4000), nullable=False),
        sa.Column("problem", sa.String(length=1000), nullable=True),
        sa.Column("batch_id", sa.String(length=16), nullable=True),
        sa.CheckConstraint("guess IS NULL OR guess IN ('manual', 'ai', 'unsure')", name=op.f("ck_reading_guess")),
        sa.CheckConstraint("purpose IN ('primary', 'repeat', 'calibration', 'adjudication')", name=op.f("ck_reading_purpose")),
        sa.CheckConstraint("state IN ('assigned', 'open', 'submitted', 'void')", name=op.f("ck_reading_state")),
        sa.CheckConstraint("confidence IS NULL OR confidence BETWEEN 1 AND 5", name=op.f("ck_reading_confidence")),
        sa.CheckConstraint("revision IS NULL OR revision >= 0", name=op.f("ck_reading_revision_not_negative")),
        sa.CheckConstraint("round >= 1", name=op.f("ck_reading_round")),
        sa.ForeignKeyConstraint(["batch_id"], ["import_batch.id"], name=op.f("fk_reading_batch_id_import_batch")),
        sa.ForeignKeyConstraint(["image_set_id"], ["image_set.id"], name=op.f("fk_reading_image_set_id_image_set")),
        sa.ForeignKeyConstraint(["reader_id"], ["account.id"], name=op.f("fk_reading_reader_id_account")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_reading_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reading")),
        sa.UniqueConstraint("reader_id", "image_set_id", "round", name=op.f("uq_reading_reader_id_image_set_id_round")),
    )
    with op.batch_alter_table("reading", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reading_image_set_id"), ["image_set_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_reading_reader_id"), ["reader_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_reading_study_id"), ["study_id"], unique=False)

    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("task_id", sa.String(length=16), nullable=True),
        sa.Column("reading_id", sa.String(length=16), nullable=True),
        sa.Column("observation_id", sa.String(length=16), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("input", sa.String(length=20), nullable=True),
        sa.Column("area", sa.String(length=60), nullable=True),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("span_seconds", sa.Float(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("detail", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("at", db.base.UTC(timezone=True), nullable=False),
        sa.Column("boot", sa.String(length=40), nullable=False),
        sa.Column("monotonic_seconds", sa.Float(), nullable=False),
        sa.Column("client", sa.String(length=40), nullable=True),
        sa.Column("client_offset_seconds", sa.Float(), nullable=True),
        sa.Column("clock_step_seconds", sa.Float(), nullable=True),
        sa.Column("actor_id", sa.String(length=16), nullable=True),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("software_version", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.CheckConstraint("(kind = 'input') = (input IS NOT NULL)", name=op.f("ck_event_input_has_kind")),
        sa.CheckConstraint(
            "input IS NULL OR input IN ('click', 'double_click', 'drag', 'other_button', 'wheel', 'key')", name=op.f("ck_event_input")
        ),
        sa.CheckConstraint(
            "kind IN ('start', 'pause', 'resume', 'interruption', 'return', 'input', 'tool', 'lap', 'ai_wait', 'ai_ready', 'correction', 'hidden', 'visible', 'hand_over', 'lost', 'note', 'finish', 'abort', 'undo')",
            name=op.f("ck_event_kind"),
        ),
        sa.CheckConstraint("source IN ('browser', 'agent', 'observer', 'import', 'machine', 'simulation')", name=op.f("ck_event_source")),
        sa.CheckConstraint("(task_id IS NULL) <> (reading_id IS NULL)", name=op.f("ck_event_task_or_reading")),
        sa.CheckConstraint("count IS NULL OR count >= 0", name=op.f("ck_event_count_not_negative")),
        sa.CheckConstraint("span_seconds IS NULL OR span_seconds >= 0", name=op.f("ck_event_span_seconds_not_negative")),
        sa.ForeignKeyConstraint(["actor_id"], ["account.id"], name=op.f("fk_event_actor_id_account")),
        sa.ForeignKeyConstraint(["observation_id"], ["observation.id"], name=op.f("fk_event_observation_id_observation")),
        sa.ForeignKeyConstraint(["reading_id"], ["reading.id"], name=op.f("fk_event_reading_id_reading")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_event_task_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("key", name=op.f("uq_event_key")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_reading_id"), ["reading_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_event_task_id"), ["task_id"], unique=False)

    op.create_table(
        "rating",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("reading_id", sa.String(length=16), nullable=False),
        sa.Column("region", sa.String(length=40), nullable=False),
        sa.Column("quality", sa.Integer(), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("amendment", sa.Integer(), nullable=False),
        sa.Column("amend_reason", sa.String(length=500), nullable=True),
        sa.Column("rated_at", db.base.UTC(timezone=True), nullable=False),
        sa.CheckConstraint("amendment = 0 OR length(amend_reason) > 0", name=op.f("ck_rating_amendment_has_reason")),
        sa.CheckConstraint("amendment IS NULL OR amendment >= 0", name=op.f("ck_rating_amendment_not_negative")),
        sa.CheckConstraint("quality IS NULL OR quality BETWEEN 1 AND 5", name=op.f("ck_rating_quality")),
        sa.ForeignKeyConstraint(["reading_id"], ["reading.id"], name=op.f("fk_rating_reading_id_reading")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rating")),
        sa.UniqueConstraint("reading_id", "region", "amendment", name=op.f("uq_rating_reading_id_region_amendment")),
    )
    with op.batch_alter_table("rating", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rating_reading_id"), ["reading_id"], unique=False)


def downgrade() -> None:
    """One step back."""
    drop_kept()
    with op.batch_alter_table("rating", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rating_reading_id"))

    op.drop_table("rating")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_task_id"))
        batch_op.drop_index(batch_op.f("ix_event_reading_id"))

    op.drop_table("event")
    with op.batch_alter_table("reading", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reading_study_id"))
        batch_op.drop_index(batch_op.f("ix_reading_reader_id"))
        batch_op.drop_index(batch_op.f("ix_reading_image_set_id"))

    op.drop_table("reading")
    with op.batch_alter_table("task_token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_task_token_task_id"))

    op.drop_table("task_token")
    with op.batch_alter_table("observation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_observation_task_id"))

    op.drop_table("observation")
    op.drop_table("lease")
    with op.batch_alter_table("image_set", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_image_set_task_id"))
        batch_op.drop_index(batch_op.f("ix_image_set_study_id"))

    op.drop_table("image_set")
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_task_live",
            sqlite_where=sa.text("state NOT IN ('undone', 'aborted')"),
            postgresql_where=sa.text("state NOT IN ('undone', 'aborted')"),
        )
        batch_op.drop_index(batch_op.f("ix_task_technologist_id"))
        batch_op.drop_index(batch_op.f("ix_task_study_id"))
        batch_op.drop_index(batch_op.f("ix_task_case_id"))

    op.drop_table("task")
    with op.batch_alter_table("signature", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signature_entity_id"))

    op.drop_table("signature")
    with op.batch_alter_table("screening", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_screening_study_id"))

    op.drop_table("screening")
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_run_case_id"))

    op.drop_table("run")
    with op.batch_alter_table("role_grant", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_role_grant_study", sqlite_where=sa.text("revoked_at IS NULL"), postgresql_where=sa.text("revoked_at IS NULL")
        )
        batch_op.drop_index(
            "uq_role_grant_everywhere",
            sqlite_where=sa.text("revoked_at IS NULL AND study_id IS NULL"),
            postgresql_where=sa.text("revoked_at IS NULL AND study_id IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_role_grant_account_id"))

    op.drop_table("role_grant")
    with op.batch_alter_table("login_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_login_session_account_id"))

    op.drop_table("login_session")
    with op.batch_alter_table("deviation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deviation_study_id"))

    op.drop_table("deviation")
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_consent_study_id"))
        batch_op.drop_index(batch_op.f("ix_consent_account_id"))

    op.drop_table("consent")
    with op.batch_alter_table("allocation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_allocation_study_id"))

    op.drop_table("allocation")
    with op.batch_alter_table("study_case", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_study_case_study_id"))
        batch_op.drop_index(batch_op.f("ix_study_case_site_id"))

    op.drop_table("study_case")
    with op.batch_alter_table("sealed_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sealed_entry_study_id"))

    op.drop_table("sealed_entry")
    with op.batch_alter_table("protocol_version", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_protocol_version_study_id"))

    op.drop_table("protocol_version")
    op.drop_table("import_batch")
    with op.batch_alter_table("data_query", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_data_query_study_id"))

    op.drop_table("data_query")
    op.drop_table("account")
    op.drop_table("study")
    op.drop_table("site")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_job_batch"))

    op.drop_table("job")
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_entry_entity_id"))
        batch_op.drop_index(batch_op.f("ix_audit_entry_account"))

    op.drop_table("audit_entry")
