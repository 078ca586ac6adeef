"""Every table. Alembic's migrations build them; a test finds no difference between the two.

    article ─< revision ─ enrichment          endpoint ─ mailbox (sequence, lease)
       │                                          │
       └─< event ─< work (one per stage)          └─< delivery ─< attempt
               ├──< outbox (what still belongs on a stream)
               └──< delivery                  feed ─< membership >─ article ─ entry ─< fragment
                                                │
        feed_definition, feed_alias, feed_token ┴─ archive ─< archive_item >─ fragment or past_fragment

Open work is found by partial indexes, so finished rows cost nothing but room. Everything that belongs
to a partner carries `subscriber_id`. On SQLite, tables of short rows are their own primary key's tree
(WITHOUT ROWID): half the pages to write.
"""

from typing import Any

from sqlalchemy import Column, ForeignKey, Index, MetaData, Table, func, text

from services.store.columns import Blob, Moment, Small, Whole, Words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _table(name: str, *columns: Column[Any], **options: Any) -> Table:
    return Table(name, metadata, *columns, sqlite_strict=True, **options)


def _must(name: str, kind: Any, **options: Any) -> Column[Any]:
    return Column(name, kind, nullable=False, **options)


meta = _table("meta", Column("name", Words, primary_key=True), _must("value", Words), sqlite_with_rowid=False)

article = _table(
    "article",
    Column("id", Words, primary_key=True),
    _must("version", Whole),  # grows with every change of what a reader or partner could see
    _must("status", Words),
    _must("shown", Whole),  # highest enriched revision out of embargo: what readers may see; 0: none
    _must("newest", Whole),
    Column("newest_hash", Words),
    _must("retracted", Whole),
    Column("retraction_kind", Words),
    Column("retraction_reason", Words),
    Column("retracted_at", Moment),
    Column("retraction_event_id", Words),  # the one that stands; a repeat is answered with it
    _must("reinstated", Whole),
    _must("first_accepted_at", Moment),
    Column("first_published", Moment),  # of revisions that readers may see, like the next (P9)
    Column("first_opened", Moment),
    _must("changed_at", Moment),
    sqlite_with_rowid=False,
)
Index("ix_article_changed", article.c.changed_at, article.c.id)

revision = _table(
    "revision",
    Column("article_id", Words, ForeignKey("article.id"), primary_key=True),
    Column("revision", Whole, primary_key=True, autoincrement=False),
    _must("content_hash", Words),
    _must("content", Blob),
    _must("event_id", Words),
    _must("accepted_at", Moment),
    Column("published_at", Moment),
    Column("embargo_until", Moment),
    Column("expires_at", Moment),
    _must("facts", Whole),  # the highest given out
    _must("expired", Small),
)

enrichment = _table(
    "enrichment",
    Column("article_id", Words, ForeignKey("article.id"), primary_key=True),
    Column("revision", Whole, primary_key=True, autoincrement=False),
    _must("facts", Whole),
    _must("data", Blob),
    _must("recorded_at", Moment),
)

term = _table(  # what lists are filtered by; of the newest revision
    "term",
    Column("kind", Words, primary_key=True),
    Column("slug", Words, primary_key=True),
    Column("article_id", Words, ForeignKey("article.id"), primary_key=True),
    sqlite_with_rowid=False,
)
Index("ix_term_article", term.c.article_id)

event = _table(
    "event",
    Column("id", Words, primary_key=True),
    _must("type", Words),
    _must("article_id", Words),
    _must("revision", Whole),
    _must("facts", Whole),
    _must("accepted_at", Moment),
    Column("occurred_at", Moment),
    _must("origin", Words),
    Column("traceparent", Words),
    Column("event_key", Words),
    _must("waiting", Small),  # open work and deliveries, by state: the event's own state follows
    _must("held", Small),
    _must("dead", Small),
    sqlite_with_rowid=False,
)
Index("uq_event_event_key", event.c.event_key, unique=True)
Index("ix_event_article", event.c.article_id, event.c.accepted_at)

work = _table(
    "work",
    Column("event_id", Words, ForeignKey("event.id"), primary_key=True),
    Column("stage", Words, primary_key=True),
    _must("state", Words),
    _must("tries", Small),
    Column("not_before", Moment),
    Column("cause", Words),
    _must("since", Moment),
    Column("begun_at", Moment),  # part of it is done: a fan-out of several transactions
    Column("finished_at", Moment),
    sqlite_with_rowid=False,
)
_waiting_work = text("state = 'waiting'")
Index("ix_work_waiting", work.c.stage, work.c.since, sqlite_where=_waiting_work, postgresql_where=_waiting_work)

outbox = _table(
    "outbox",
    Column("id", Whole, primary_key=True, autoincrement=True),
    _must("stream", Words),
    Column("event_id", Words),
    _must("payload", Blob),
    _must("created_at", Moment),
    _must("due_at", Moment),  # the sweeper publishes it no sooner
    Column("entry_id", Words),
    Column("added_at", Moment),
    _must("adds", Small),
    sqlite_autoincrement=True,  # an id is never reused: mark_added would hit a stranger
)
_unadded = text("entry_id IS NULL")
Index("ix_outbox_unadded", outbox.c.due_at, sqlite_where=_unadded, postgresql_where=_unadded)
Index("ix_outbox_added", outbox.c.added_at)
Index("ix_outbox_event", outbox.c.event_id, outbox.c.stream)

counter = _table(
    "counter",
    Column("name", Words, primary_key=True),
    Column("shard", Small, primary_key=True, autoincrement=False),
    _must("value", Whole),
    sqlite_with_rowid=False,
)

entry = _table(
    "entry",
    Column("article_id", Words, ForeignKey("article.id"), primary_key=True),
    _must("version", Whole),  # article.version that was recorded last: older or equal changes nothing
    _must("made", Whole),  # the version in which entry or fragments last changed
    Column("entry_id", Words),  # its IRI, once it was seen
    Column("data", Blob),  # None: it shows nothing now
    Column("published", Moment),
    Column("updated", Moment),
    _must("moved_at", Moment),
    Column("gone_at", Moment),  # taken back or expired; None: it shows
    Column("key", Words),  # its page's address: /articles/{key}
    Column("size", Whole),  # bytes of its longest fragment
)
Index("uq_entry_key", entry.c.key, unique=True)
_shown = text("data IS NOT NULL AND gone_at IS NULL")
Index("ix_entry_published", entry.c.published, entry.c.article_id, sqlite_where=_shown, postgresql_where=_shown)
_gone = text("gone_at IS NOT NULL")
Index("ix_entry_gone", entry.c.gone_at, entry.c.article_id, sqlite_where=_gone, postgresql_where=_gone)

fragment = _table(
    "fragment",
    Column("article_id", Words, ForeignKey("article.id"), primary_key=True),
    Column("format", Words, primary_key=True),
    _must("version", Whole),
    _must("data", Blob),
)

search = _table(  # what filters ask of each entry that shows, in the order in which they first did
    "search",
    Column("id", Whole, primary_key=True, autoincrement=True),
    Column("article_id", Words, ForeignKey("article.id"), nullable=False),
    _must("version", Whole),  # of the entry, when it was read
    _must("shown_at", Moment),
    _must("facets", Blob),
    _must("words", Words),  # U+001F before and after each; SQLite's FTS5 table `search_words` follows it by triggers
    sqlite_autoincrement=True,  # grows: cursors and the order of pages rest on it
)
Index("uq_search_article_id", search.c.article_id, unique=True)
search_vector = func.array_to_tsvector(
    func.array_remove(func.string_to_array(search.c.words, text("chr(31)")), text("''::text"))
)
"""The words as PostgreSQL looks for them: exactly ours, since no parser and no locale has a say."""
Index("ix_search_words", search_vector, postgresql_using="gin")

feed = _table(
    "feed",
    Column("name", Words, primary_key=True),
    _must("title", Words),
    _must("kind", Words),
    Column("lang", Words),
    _must("version", Whole),
    _must("changed_at", Moment),
    _must("items", Whole),
    Column("created_at", Moment),
    sqlite_with_rowid=False,
)
Index("ix_feed_changed", feed.c.changed_at)

membership = _table(  # rows are never deleted: what a feed ever carried, corrections and retractions reach
    "membership",
    Column("feed", Words, primary_key=True),
    Column("article_id", Words, ForeignKey("article.id"), primary_key=True),
    _must("first_seen", Moment),
    _must("moved_at", Moment),
    Column("left_at", Moment),
    Column("why", Words),
    Column("version", Whole),  # the feed's, when it moved last: counts in the order of commits
    Column("sealed", Whole),  # the archive page that holds it as it is now; None: the subscription document does
    Column("filtered", Small),  # 1: the feed's filter took it out; it is told there only that it is gone
    Column("gone_at", Moment),  # since when a stub or tombstone stands in its place
    sqlite_with_rowid=False,
)
Index("ix_membership_article", membership.c.article_id)
_carried = text("left_at IS NULL")
_unsealed = text("left_at IS NULL AND sealed IS NULL")
Index(
    "ix_membership_moved",
    membership.c.feed,
    membership.c.version,
    membership.c.article_id,
    sqlite_where=_carried,
    postgresql_where=_carried,
)
Index(
    "ix_membership_unsealed",
    membership.c.feed,
    membership.c.version,
    membership.c.article_id,
    sqlite_where=_unsealed,
    postgresql_where=_unsealed,
)
_stubs = text("left_at IS NULL AND gone_at IS NOT NULL")
Index(
    "ix_membership_gone",
    membership.c.feed,
    membership.c.gone_at,
    sqlite_where=_stubs,
    postgresql_where=_stubs,
)
Index(
    "ix_membership_window",
    membership.c.feed,
    membership.c.moved_at,
    membership.c.article_id,
    sqlite_where=_carried,
    postgresql_where=_carried,
)

subscriber = _table(
    "subscriber",
    Column("id", Words, primary_key=True),
    _must("name", Words),
    _must("created_at", Moment),
    Column("filter", Words),  # all that this partner may see, in every private feed; None: no bound
    sqlite_with_rowid=False,
)

feed_definition = _table(  # what people say of a feed; automatic feeds need none
    "feed_definition",
    Column("feed", Words, primary_key=True),  # feed.name, its key for good: ids are minted from it
    _must("address", Words),  # under which it is read now
    Column("title", Words),
    Column("description", Words),
    Column("filter", Words),  # None: an automatic feed
    Column("owner", Words, ForeignKey("subscriber.id")),  # None: public
    _must("body", Words),  # full or summary
    Column("max_age_s", Whole),
    Column("silent_after_s", Whole),
    _must("created_at", Moment),
    _must("changed_at", Moment),
    Column("ended_at", Moment),
    _must("searches", Small),  # 1: its filter asks for words
    _must("version", Whole),  # `meta` definitions, when what it carries was said last
    _must("filled", Whole),  # up to this version, what was there before has been looked through
    _must("evaluated", Whole),  # articles looked through for the version that is being filled
    Column("claimed_until", Moment),  # some process is filling it; the claim lapses by itself
    sqlite_with_rowid=False,
)
Index("uq_feed_definition_address", feed_definition.c.address, unique=True)
Index("ix_feed_definition_version", feed_definition.c.version)
_unfilled = text("filled < version")
Index(
    "ix_feed_definition_unfilled",
    feed_definition.c.version,
    sqlite_where=_unfilled,
    postgresql_where=_unfilled,
)
Index("ix_feed_definition_owner", feed_definition.c.owner)

feed_alias = _table(  # addresses that a feed had: never given to another
    "feed_alias",
    Column("address", Words, primary_key=True),
    _must("feed", Words),
    _must("since", Moment),
    sqlite_with_rowid=False,
)

archive = _table(
    "archive",
    Column("feed", Words, primary_key=True),
    _must("generation", Whole),  # grows when a sealed page must change: all pages get new addresses
    _must("items", Whole),  # sealed so far, 25 to a page
    _must("changed_at", Moment),  # when the generation began
    sqlite_with_rowid=False,
)

archive_item = _table(
    "archive_item",
    Column("feed", Words, primary_key=True),
    Column("page", Whole, primary_key=True, autoincrement=False),
    Column("article_id", Words, primary_key=True),
    _must("version", Whole),  # of the entry (`made`), when it was sealed
    Column("updated", Moment),  # of the entry, likewise
    _must("sealed_at", Moment),
    sqlite_with_rowid=False,
)
Index("ix_archive_item_article", archive_item.c.article_id)

past_fragment = _table(  # what sealed pages still show of entries that changed since; a retraction deletes it
    "past_fragment",
    Column("article_id", Words, primary_key=True),
    Column("format", Words, primary_key=True),
    Column("version", Whole, primary_key=True, autoincrement=False),
    _must("data", Blob),
)

feed_token = _table(
    "feed_token",
    Column("id", Words, primary_key=True),
    Column("subscriber_id", Words, ForeignKey("subscriber.id"), nullable=False),
    _must("feed", Words),
    _must("sha256", Words),
    _must("hint", Words),  # its last characters
    _must("name", Words),
    _must("created_at", Moment),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Column("used_at", Moment),
    sqlite_with_rowid=False,
)
Index("ix_feed_token_subscriber", feed_token.c.subscriber_id)
Index("ix_feed_token_feed", feed_token.c.feed)

static_place = _table(  # an object store or directory that holds what HTTP serves
    "static_place",
    Column("place", Words, primary_key=True),
    Column("owner", Words),  # the process that writes there now
    Column("until", Moment),
    _must("fence", Whole),
    Column("asked_at", Moment),  # everything is to be written anew, whatever is known to be there
    Column("done_at", Moment),  # since when nothing is left to write
    Column("behind_since", Moment),  # the oldest change that is not there yet
    Column("fault", Words),  # why
    _must("written", Whole),  # objects, since `asked_at`
    _must("unchanged", Whole),
    _must("removed", Whole),
    sqlite_with_rowid=False,
)

static_feed = _table(  # which version of each feed is there, whole
    "static_feed",
    Column("place", Words, primary_key=True),
    Column("feed", Words, primary_key=True),
    _must("version", Whole),
    Column("defined_at", Moment),  # feed_definition.changed_at
    _must("layout", Words),  # of what all documents depend: addresses, formats, the newsroom's name
    _must("address", Words),
    _must("generation", Whole),
    _must("sealed", Whole),  # items in archive pages that are there
    sqlite_with_rowid=False,
)

static_object = _table(
    "static_object",
    Column("place", Words, primary_key=True),
    Column("path", Words, primary_key=True),
    _must("feed", Words),  # "": of the installation
    _must("part", Words),  # "": changes with the feed; else the address and generation of its archive
    Column("tag", Words),  # of bytes and headers; None: it may be there, in whatever state
    sqlite_with_rowid=False,
)
Index("ix_static_object_feed", static_object.c.place, static_object.c.feed, static_object.c.part)

endpoint = _table(
    "endpoint",
    Column("id", Words, primary_key=True),
    Column("subscriber_id", Words, ForeignKey("subscriber.id"), nullable=False),
    _must("url", Words),
    _must("filter", Blob),
    _must("format", Words),
    _must("secret", Words),
    _must("headers", Blob),
    _must("state", Words),
    Column("state_reason", Words),
    Column("paused_until", Moment),
    Column("description", Words),
    _must("created_at", Moment),
    Column("deleted_at", Moment),
)
Index("ix_endpoint_subscriber", endpoint.c.subscriber_id)

mailbox = _table(
    "mailbox",
    Column("endpoint_id", Words, ForeignKey("endpoint.id"), primary_key=True),
    _must("sequence", Whole),
    Column("due_at", Moment),  # no delivery is due sooner; None: none waits
    Column("owner", Words),
    Column("until", Moment),
    _must("fence", Whole),
    sqlite_with_rowid=False,
)
Index("ix_mailbox_due", mailbox.c.due_at)

payload = _table("payload", Column("id", Words, primary_key=True), _must("data", Blob))

delivery = _table(
    "delivery",
    Column("id", Words, primary_key=True),
    _must("webhook_id", Words),
    Column("endpoint_id", Words, ForeignKey("endpoint.id"), nullable=False),
    _must("subscriber_id", Words),
    Column("event_id", Words, ForeignKey("event.id")),  # None: a test
    Column("article_id", Words),
    Column("revision", Whole),
    _must("type", Words),
    _must("sequence", Whole),
    _must("state", Words),
    Column("cause", Words),
    _must("tries", Small),
    _must("retrying", Small),  # 0: never tried; first tries go before retries
    Column("next_at", Moment),
    _must("created_at", Moment),
    Column("finished_at", Moment),
    Column("replay_of", Words),
    Column("payload_id", Words, ForeignKey("payload.id")),  # None: the head is the whole body
    _must("head", Blob),
    Column("tail", Blob),
    _must("sha256", Words),
)
_first = text("replay_of IS NULL AND event_id IS NOT NULL")
Index(
    "uq_delivery_event_endpoint",
    delivery.c.event_id,
    delivery.c.endpoint_id,
    unique=True,
    sqlite_where=_first,
    postgresql_where=_first,
)
_open = text("state = 'waiting'")
Index(
    "ix_delivery_waiting",
    delivery.c.endpoint_id,
    delivery.c.retrying,
    delivery.c.next_at,
    delivery.c.sequence,
    sqlite_where=_open,
    postgresql_where=_open,
)
_kept = text("state = 'held'")
Index("ix_delivery_held", delivery.c.endpoint_id, sqlite_where=_kept, postgresql_where=_kept)
Index("ix_delivery_article", delivery.c.article_id, delivery.c.endpoint_id)
Index("ix_delivery_endpoint", delivery.c.endpoint_id, delivery.c.sequence)
Index("ix_delivery_event", delivery.c.event_id)
Index("ix_delivery_created", delivery.c.created_at, delivery.c.id)

attempt = _table(
    "attempt",
    Column("delivery_id", Words, ForeignKey("delivery.id"), primary_key=True),
    Column("at", Moment, primary_key=True),
    Column("n", Small, primary_key=True, autoincrement=False),
    _must("subscriber_id", Words),
    _must("us", Whole),  # microseconds of the whole exchange
    _must("outcome", Words),
    Column("status", Small),
    Column("cause", Words),
    _must("detail", Words),
    _must("body", Blob),
    _must("truncated", Small),
)

dead_letter = _table(
    "dead_letter",
    Column("id", Whole, primary_key=True, autoincrement=True),
    _must("stage", Words),
    _must("cause", Words),
    _must("detail", Words),
    _must("at", Moment),
    Column("event_id", Words),
    Column("article_id", Words),
    Column("delivery_id", Words),
    Column("raw", Blob),
    Column("closed", Words),
    Column("closed_at", Moment),
    sqlite_autoincrement=True,
)
_unclosed = text("closed IS NULL")
Index(
    "ix_dead_letter_open",
    dead_letter.c.stage,
    dead_letter.c.cause,
    dead_letter.c.at,
    sqlite_where=_unclosed,
    postgresql_where=_unclosed,
)
Index("ix_dead_letter_delivery", dead_letter.c.delivery_id, sqlite_where=_unclosed, postgresql_where=_unclosed)
Index("ix_dead_letter_event", dead_letter.c.event_id)

api_key = _table(
    "api_key",
    Column("id", Words, primary_key=True),
    _must("name", Words),
    _must("scopes", Words),
    _must("sha256", Words),
    _must("created_at", Moment),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Column("used_at", Moment),
    Column("subscriber_id", Words, ForeignKey("subscriber.id")),
    sqlite_with_rowid=False,
)

feed_client = _table(  # what programs fetched, by their name: never an address, nor anything made of one
    # `day` counts days since 1970, UTC
    "feed_client",
    Column("feed", Words, primary_key=True),
    Column("day", Whole, primary_key=True, autoincrement=False),
    Column("format", Words, primary_key=True),
    Column("client", Words, primary_key=True),
    _must("requests", Whole),
    _must("not_modified", Whole),
    _must("unconditional", Whole),  # 200s to requests that named no validator
    _must("limited", Whole),
    _must("bytes", Whole),
    Column("subscribers", Whole),  # as it reported; None: it reads for one person
    sqlite_with_rowid=False,
)
Index("ix_feed_client_day", feed_client.c.day)

feed_readers = _table(  # how many different single readers came on a day
    "feed_readers",
    Column("feed", Words, primary_key=True),
    Column("day", Whole, primary_key=True, autoincrement=False),
    _must("readers", Whole),
    Column("sketch", Blob),  # of the day that is not over: a count that several processes can add to
)
Index("ix_feed_readers_day", feed_readers.c.day)

feed_pulse = _table(  # the rhythm in which a feed changes
    "feed_pulse",
    Column("feed", Words, primary_key=True),
    _must("since", Moment),
    _must("last_at", Moment),
    _must("moves", Whole),
    _must("longest_s", Whole),  # the longest pause, halved every fortnight
    sqlite_with_rowid=False,
)

feed_check = _table(  # a document as it was judged last
    "feed_check",
    Column("feed", Words, primary_key=True),
    Column("format", Words, primary_key=True),
    _must("version", Whole),
    _must("checked_at", Moment),
    _must("bytes", Whole),
    _must("faults", Whole),
    sqlite_with_rowid=False,
)
_faulty = text("faults > 0")
Index("ix_feed_check_faulty", feed_check.c.feed, sqlite_where=_faulty, postgresql_where=_faulty)

feed_fault = _table(  # the rules that it broke
    "feed_fault",
    Column("feed", Words, primary_key=True),
    Column("format", Words, primary_key=True),
    Column("n", Small, primary_key=True, autoincrement=False),
    _must("rule", Small),
    _must("place", Words),
    _must("what", Words),
    sqlite_with_rowid=False,
)
