"""Feeds that people define, their history, private access, and addresses of pages.

Only adds: a service of the step before could go on reading. New columns may be NULL for that reason;
what stands already gets its values here.
"""

from collections.abc import Iterator
from uuid import UUID, uuid5

import sqlalchemy as sa
from alembic import op

revision = "v0002"
down_revision = "v0001"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CARRIED = sa.text("left_at IS NULL")
_UNSEALED = sa.text("left_at IS NULL AND sealed IS NULL")
_STUBS = sa.text("left_at IS NULL AND gone_at IS NOT NULL")
_SHOWN = sa.text("data IS NOT NULL AND gone_at IS NULL")


def upgrade() -> None:
    """Create the tables, add the columns, and fill them for what is there."""
    _definitions()
    _archives()
    _tokens()
    _search()
    op.add_column("subscriber", sa.Column("filter", sa.Text(), nullable=True))
    _memberships()
    _entries()
    _static()
    _health()


def _definitions() -> None:
    """Create what people say of a feed, and addresses that it had."""
    op.create_table(
        "feed_definition",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("filter", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("max_age_s", WHOLE, nullable=True),
        sa.Column("silent_after_s", WHOLE, nullable=True),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("changed_at", WHOLE, nullable=False),
        sa.Column("ended_at", WHOLE, nullable=True),
        sa.Column("searches", sa.Integer(), nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("filled", WHOLE, nullable=False),
        sa.Column("evaluated", WHOLE, nullable=False),
        sa.Column("claimed_until", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(["owner"], ["subscriber.id"], name=op.f("fk_feed_definition_owner")),
        sa.PrimaryKeyConstraint("feed", name=op.f("pk_feed_definition")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("uq_feed_definition_address", "feed_definition", ["address"], unique=True)
    op.create_index("ix_feed_definition_version", "feed_definition", ["version"])
    unfilled = sa.text("filled < version")
    op.create_index(
        "ix_feed_definition_unfilled",
        "feed_definition",
        ["version"],
        sqlite_where=unfilled,
        postgresql_where=unfilled,
    )
    op.create_index("ix_feed_definition_owner", "feed_definition", ["owner"])
    op.execute(sa.text("INSERT INTO meta (name, value) VALUES ('definitions', '0')"))
    op.create_table(
        "feed_alias",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("since", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_feed_alias")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _archives() -> None:
    """Create sealed pages, and the bytes that they alone still hold."""
    op.create_table(
        "archive",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("generation", WHOLE, nullable=False),
        sa.Column("items", WHOLE, nullable=False),
        sa.Column("changed_at", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("feed", name=op.f("pk_archive")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "archive_item",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("page", WHOLE, nullable=False),
        sa.Column("article_id", sa.Text(), nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("updated", WHOLE, nullable=True),
        sa.Column("sealed_at", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("feed", "page", "article_id", name=op.f("pk_archive_item")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_archive_item_article", "archive_item", ["article_id"])
    op.create_table(
        "past_fragment",
        sa.Column("article_id", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("article_id", "format", "version", name=op.f("pk_past_fragment")),
        sqlite_strict=True,
    )


def _tokens() -> None:
    op.create_table(
        "feed_token",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subscriber_id", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("expires_at", WHOLE, nullable=True),
        sa.Column("revoked_at", WHOLE, nullable=True),
        sa.Column("used_at", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_feed_token_subscriber_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_token")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_feed_token_subscriber", "feed_token", ["subscriber_id"])
    op.create_index("ix_feed_token_feed", "feed_token", ["feed"])


def _search() -> None:
    """Create the index of words. What shows already gets into it at the next start (`services.syndicate.fill`)."""
    op.create_table(
        "search",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("article_id", sa.Text(), nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("shown_at", WHOLE, nullable=False),
        sa.Column("facets", sa.LargeBinary(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_search_article_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search")),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_index("uq_search_article_id", "search", ["article_id"], unique=True)
    if op.get_bind().dialect.name == "postgresql":
        vector = "array_to_tsvector(array_remove(string_to_array(words, chr(31)), ''::text))"
        op.execute(sa.text(f"CREATE INDEX ix_search_words ON search USING gin ({vector})"))
        return
    # Words are joined by U+001F, which `ascii` takes for a space; all beyond ASCII it leaves as it is.
    op.execute(
        sa.text(
            "CREATE VIRTUAL TABLE search_words USING fts5"
            "(words, content='search', content_rowid='id', tokenize='ascii', detail='none')"
        )
    )
    forget = "INSERT INTO search_words (search_words, rowid, words) VALUES ('delete', old.id, old.words)"
    learn = "INSERT INTO search_words (rowid, words) VALUES (new.id, new.words)"
    for name, when, steps in (
        ("search_added", "INSERT", (learn,)),
        ("search_removed", "DELETE", (forget,)),
        ("search_changed", "UPDATE OF words", (forget, learn)),
    ):
        done = "; ".join(steps)
        op.execute(sa.text(f"CREATE TRIGGER {name} AFTER {when} ON search BEGIN {done}; END"))


def _memberships() -> None:
    """Give what moved in a feed the feed's own version as its number: the order in which it was committed."""
    op.add_column("membership", sa.Column("version", WHOLE, nullable=True))
    op.add_column("membership", sa.Column("sealed", WHOLE, nullable=True))
    op.add_column("membership", sa.Column("filtered", sa.Integer(), nullable=True))
    op.add_column("membership", sa.Column("gone_at", WHOLE, nullable=True))
    op.add_column("feed", sa.Column("created_at", WHOLE, nullable=True))
    first = "SELECT min(membership.first_seen) FROM membership WHERE membership.feed = feed.name"
    op.execute(sa.text(f"UPDATE feed SET created_at = ({first})"))  # noqa: S608 - no input
    op.execute(
        sa.text("UPDATE membership SET version = (SELECT feed.version FROM feed WHERE feed.name = membership.feed)")
    )
    gone = "SELECT entry.gone_at FROM entry WHERE entry.article_id = membership.article_id"
    op.execute(sa.text(f"UPDATE membership SET gone_at = ({gone}) WHERE left_at IS NULL"))  # noqa: S608 - no input
    op.create_index(
        "ix_membership_gone", "membership", ["feed", "gone_at"], sqlite_where=_STUBS, postgresql_where=_STUBS
    )
    op.create_index(
        "ix_membership_moved",
        "membership",
        ["feed", "version", "article_id"],
        sqlite_where=_CARRIED,
        postgresql_where=_CARRIED,
    )
    op.create_index(
        "ix_membership_unsealed",
        "membership",
        ["feed", "version", "article_id"],
        sqlite_where=_UNSEALED,
        postgresql_where=_UNSEALED,
    )


def _entries() -> None:
    op.add_column("entry", sa.Column("key", sa.Text(), nullable=True))
    op.add_column("entry", sa.Column("size", WHOLE, nullable=True))
    connection = op.get_bind()
    namespace = UUID(connection.execute(sa.text("SELECT value FROM meta WHERE name = 'namespace'")).scalar_one())
    change = sa.text("UPDATE entry SET key = :key WHERE article_id = :of")
    for part in _parts(connection):
        connection.execute(change, [{"of": name, "key": uuid5(namespace, name).hex} for name in part])
    longest = "SELECT max(length(fragment.data)) FROM fragment WHERE fragment.article_id = entry.article_id"
    op.execute(sa.text(f"UPDATE entry SET size = ({longest})"))  # noqa: S608 - no input
    op.create_index("uq_entry_key", "entry", ["key"], unique=True)
    op.create_index(
        "ix_entry_published", "entry", ["published", "article_id"], sqlite_where=_SHOWN, postgresql_where=_SHOWN
    )


def _static() -> None:
    """Create what is known of static copies."""
    op.create_table(
        "static_place",
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("until", WHOLE, nullable=True),
        sa.Column("fence", WHOLE, nullable=False),
        sa.Column("asked_at", WHOLE, nullable=True),
        sa.Column("done_at", WHOLE, nullable=True),
        sa.Column("behind_since", WHOLE, nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("written", WHOLE, nullable=False),
        sa.Column("unchanged", WHOLE, nullable=False),
        sa.Column("removed", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_static_place")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "static_feed",
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("defined_at", WHOLE, nullable=True),
        sa.Column("layout", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("generation", WHOLE, nullable=False),
        sa.Column("sealed", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("place", "feed", name=op.f("pk_static_feed")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "static_object",
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("place", "path", name=op.f("pk_static_object")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_static_object_feed", "static_object", ["place", "feed", "part"])


def _health() -> None:
    """Create what is counted and judged of feeds."""
    op.create_table(
        "feed_client",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("day", WHOLE, nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("requests", WHOLE, nullable=False),
        sa.Column("not_modified", WHOLE, nullable=False),
        sa.Column("unconditional", WHOLE, nullable=False),
        sa.Column("limited", WHOLE, nullable=False),
        sa.Column("bytes", WHOLE, nullable=False),
        sa.Column("subscribers", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("feed", "day", "format", "client", name=op.f("pk_feed_client")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_feed_client_day", "feed_client", ["day"])
    op.create_table(
        "feed_readers",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("day", WHOLE, nullable=False),
        sa.Column("readers", WHOLE, nullable=False),
        sa.Column("sketch", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("feed", "day", name=op.f("pk_feed_readers")),
        sqlite_strict=True,
    )
    op.create_index("ix_feed_readers_day", "feed_readers", ["day"])
    op.create_table(
        "feed_pulse",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("since", WHOLE, nullable=False),
        sa.Column("last_at", WHOLE, nullable=False),
        sa.Column("moves", WHOLE, nullable=False),
        sa.Column("longest_s", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("feed", name=op.f("pk_feed_pulse")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feed_check",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("checked_at", WHOLE, nullable=False),
        sa.Column("bytes", WHOLE, nullable=False),
        sa.Column("faults", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("feed", "format", name=op.f("pk_feed_check")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    faulty = sa.text("faults > 0")
    op.create_index("ix_feed_check_faulty", "feed_check", ["feed"], sqlite_where=faulty, postgresql_where=faulty)
    op.create_table(
        "feed_fault",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("rule", sa.Integer(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("feed", "format", "n", name=op.f("pk_feed_fault")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _parts(connection: sa.Connection, size: int = 10_000) -> Iterator[list[str]]:
    """Read ids of entries, some at a time: there may be millions."""
    last = ""
    more = sa.text("SELECT article_id FROM entry WHERE article_id > :last ORDER BY article_id LIMIT :most")
    while part := [row[0] for row in connection.execute(more, {"last": last, "most": size})]:
        yield part
        last = part[-1]
