"""The first tables.

Written out in full: a step never changes with the code. Instants are microseconds since 1970.
"""

from uuid import uuid4  # noqa: TID251 a migration is shell: here the installation is born

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision = None
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create everything, and name the installation: its namespace is what entry ids are made from."""
    _articles()
    _pipeline()
    _feeds()
    _partners()
    _deliveries()
    meta = sa.table("meta", sa.column("name", sa.Text), sa.column("value", sa.Text))
    namespace = str(uuid4())
    op.bulk_insert(meta, [{"name": "namespace", "value": namespace}])


def _articles() -> None:
    """Create articles, their revisions and what enrichment says of them."""
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "article",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("shown", WHOLE, nullable=False),
        sa.Column("newest", WHOLE, nullable=False),
        sa.Column("newest_hash", sa.Text(), nullable=True),
        sa.Column("retracted", WHOLE, nullable=False),
        sa.Column("retraction_kind", sa.Text(), nullable=True),
        sa.Column("retraction_reason", sa.Text(), nullable=True),
        sa.Column("retracted_at", WHOLE, nullable=True),
        sa.Column("retraction_event_id", sa.Text(), nullable=True),
        sa.Column("reinstated", WHOLE, nullable=False),
        sa.Column("first_accepted_at", WHOLE, nullable=False),
        sa.Column("first_published", WHOLE, nullable=True),
        sa.Column("first_opened", WHOLE, nullable=True),
        sa.Column("changed_at", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_article_changed", "article", ["changed_at", "id"], unique=False)
    op.create_table(
        "revision",
        sa.Column("article_id", sa.Text(), nullable=False),
        sa.Column("revision", WHOLE, autoincrement=False, nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("accepted_at", WHOLE, nullable=False),
        sa.Column("published_at", WHOLE, nullable=True),
        sa.Column("embargo_until", WHOLE, nullable=True),
        sa.Column("expires_at", WHOLE, nullable=True),
        sa.Column("facts", WHOLE, nullable=False),
        sa.Column("expired", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_revision_article_id")),
        sa.PrimaryKeyConstraint("article_id", "revision", name=op.f("pk_revision")),
        sqlite_strict=True,
    )
    op.create_table(
        "enrichment",
        sa.Column("article_id", sa.Text(), nullable=False),
        sa.Column("revision", WHOLE, autoincrement=False, nullable=False),
        sa.Column("facts", WHOLE, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_enrichment_article_id")),
        sa.PrimaryKeyConstraint("article_id", "revision", name=op.f("pk_enrichment")),
        sqlite_strict=True,
    )
    op.create_table(
        "term",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("article_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_term_article_id")),
        sa.PrimaryKeyConstraint("kind", "slug", "article_id", name=op.f("pk_term")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_term_article", "term", ["article_id"], unique=False)


def _pipeline() -> None:
    """Create events, the stages' work on them, messages, the books, dead letters."""
    op.create_table(
        "event",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("article_id", sa.Text(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("facts", WHOLE, nullable=False),
        sa.Column("accepted_at", WHOLE, nullable=False),
        sa.Column("occurred_at", WHOLE, nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("traceparent", sa.Text(), nullable=True),
        sa.Column("event_key", sa.Text(), nullable=True),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("dead", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_event_article", "event", ["article_id", "accepted_at"], unique=False)
    op.create_index("uq_event_event_key", "event", ["event_key"], unique=True)
    op.create_table(
        "work",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("not_before", WHOLE, nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("since", WHOLE, nullable=False),
        sa.Column("begun_at", WHOLE, nullable=True),
        sa.Column("finished_at", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_work_event_id")),
        sa.PrimaryKeyConstraint("event_id", "stage", name=op.f("pk_work")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_work_waiting",
        "work",
        ["stage", "since"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("due_at", WHOLE, nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=True),
        sa.Column("added_at", WHOLE, nullable=True),
        sa.Column("adds", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index("ix_outbox_added", "outbox", ["added_at"], unique=False)
    op.create_index("ix_outbox_event", "outbox", ["event_id", "stream"], unique=False)
    op.create_index(
        "ix_outbox_unadded",
        "outbox",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("entry_id IS NULL"),
        postgresql_where=sa.text("entry_id IS NULL"),
    )
    op.create_table(
        "counter",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("name", "shard", name=op.f("pk_counter")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", WHOLE, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("article_id", sa.Text(), nullable=True),
        sa.Column("delivery_id", sa.Text(), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("closed", sa.Text(), nullable=True),
        sa.Column("closed_at", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letter")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(
        "ix_dead_letter_delivery",
        "dead_letter",
        ["delivery_id"],
        unique=False,
        sqlite_where=sa.text("closed IS NULL"),
        postgresql_where=sa.text("closed IS NULL"),
    )
    op.create_index("ix_dead_letter_event", "dead_letter", ["event_id"], unique=False)
    op.create_index(
        "ix_dead_letter_open",
        "dead_letter",
        ["stage", "cause", "at"],
        unique=False,
        sqlite_where=sa.text("closed IS NULL"),
        postgresql_where=sa.text("closed IS NULL"),
    )


def _feeds() -> None:
    """Create feeds, what they carry, and entries' bytes."""
    op.create_table(
        "entry",
        sa.Column("article_id", sa.Text(), nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("made", WHOLE, nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.Column("published", WHOLE, nullable=True),
        sa.Column("updated", WHOLE, nullable=True),
        sa.Column("moved_at", WHOLE, nullable=False),
        sa.Column("gone_at", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_entry_article_id")),
        sa.PrimaryKeyConstraint("article_id", name=op.f("pk_entry")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_entry_gone",
        "entry",
        ["gone_at", "article_id"],
        unique=False,
        sqlite_where=sa.text("gone_at IS NOT NULL"),
        postgresql_where=sa.text("gone_at IS NOT NULL"),
    )
    op.create_table(
        "fragment",
        sa.Column("article_id", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_fragment_article_id")),
        sa.PrimaryKeyConstraint("article_id", "format", name=op.f("pk_fragment")),
        sqlite_strict=True,
    )
    op.create_table(
        "feed",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lang", sa.Text(), nullable=True),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("changed_at", WHOLE, nullable=False),
        sa.Column("items", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feed")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_feed_changed", "feed", ["changed_at"], unique=False)
    op.create_table(
        "membership",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("article_id", sa.Text(), nullable=False),
        sa.Column("first_seen", WHOLE, nullable=False),
        sa.Column("moved_at", WHOLE, nullable=False),
        sa.Column("left_at", WHOLE, nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_membership_article_id")),
        sa.PrimaryKeyConstraint("feed", "article_id", name=op.f("pk_membership")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_membership_article", "membership", ["article_id"], unique=False)
    op.create_index(
        "ix_membership_window",
        "membership",
        ["feed", "moved_at", "article_id"],
        unique=False,
        sqlite_where=sa.text("left_at IS NULL"),
        postgresql_where=sa.text("left_at IS NULL"),
    )


def _partners() -> None:
    """Create subscribers, their endpoints and mailboxes, keys."""
    op.create_table(
        "subscriber",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriber")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "endpoint",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subscriber_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("filter", sa.LargeBinary(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("headers", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("paused_until", WHOLE, nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("deleted_at", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_endpoint_subscriber_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoint")),
        sqlite_strict=True,
    )
    op.create_index("ix_endpoint_subscriber", "endpoint", ["subscriber_id"], unique=False)
    op.create_table(
        "mailbox",
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("sequence", WHOLE, nullable=False),
        sa.Column("due_at", WHOLE, nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("until", WHOLE, nullable=True),
        sa.Column("fence", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"], name=op.f("fk_mailbox_endpoint_id")),
        sa.PrimaryKeyConstraint("endpoint_id", name=op.f("pk_mailbox")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mailbox_due", "mailbox", ["due_at"], unique=False)
    op.create_table(
        "api_key",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("expires_at", WHOLE, nullable=True),
        sa.Column("revoked_at", WHOLE, nullable=True),
        sa.Column("used_at", WHOLE, nullable=True),
        sa.Column("subscriber_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_api_key_subscriber_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _deliveries() -> None:
    """Create deliveries and attempts."""
    op.create_table(
        "payload",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payload")),
        sqlite_strict=True,
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("subscriber_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("article_id", sa.Text(), nullable=True),
        sa.Column("revision", WHOLE, nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("sequence", WHOLE, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("retrying", sa.Integer(), nullable=False),
        sa.Column("next_at", WHOLE, nullable=True),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("finished_at", WHOLE, nullable=True),
        sa.Column("replay_of", sa.Text(), nullable=True),
        sa.Column("payload_id", sa.Text(), nullable=True),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("tail", sa.LargeBinary(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"], name=op.f("fk_delivery_endpoint_id")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_delivery_event_id")),
        sa.ForeignKeyConstraint(["payload_id"], ["payload.id"], name=op.f("fk_delivery_payload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sqlite_strict=True,
    )
    op.create_index("ix_delivery_article", "delivery", ["article_id", "endpoint_id"], unique=False)
    op.create_index("ix_delivery_created", "delivery", ["created_at", "id"], unique=False)
    op.create_index("ix_delivery_endpoint", "delivery", ["endpoint_id", "sequence"], unique=False)
    op.create_index("ix_delivery_event", "delivery", ["event_id"], unique=False)
    op.create_index(
        "ix_delivery_held",
        "delivery",
        ["endpoint_id"],
        unique=False,
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index(
        "ix_delivery_waiting",
        "delivery",
        ["endpoint_id", "retrying", "next_at", "sequence"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "uq_delivery_event_endpoint",
        "delivery",
        ["event_id", "endpoint_id"],
        unique=True,
        sqlite_where=sa.text("replay_of IS NULL AND event_id IS NOT NULL"),
        postgresql_where=sa.text("replay_of IS NULL AND event_id IS NOT NULL"),
    )
    op.create_table(
        "attempt",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("at", WHOLE, nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subscriber_id", sa.Text(), nullable=False),
        sa.Column("us", WHOLE, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("truncated", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_attempt_delivery_id")),
        sa.PrimaryKeyConstraint("delivery_id", "at", "n", name=op.f("pk_attempt")),
        sqlite_strict=True,
    )
