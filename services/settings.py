"""Settings: read once at start from the environment (`WIREROOM_*`) or a file, then frozen.

Every field's description becomes a row of the table in README.md; durations and sizes carry their
unit in the name.
"""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_SCHEMES = {
    "database_url": ("postgresql", "postgres", "sqlite"),
    "redis_url": ("redis", "rediss", "unix"),
}

_BEGINNINGS = {
    "hub_urls": ("https://", "http://"),
    "security_contact": ("mailto:", "https://", "tel:"),
    "publish_url": ("file:///", "s3://"),
}


def _commas(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/wireroom`, else `~/.local/share/wireroom`, else (no HOME) `./.wireroom`."""
    base = os.environ.get("XDG_DATA_HOME")
    if base:
        return Path(base) / "wireroom"
    home = os.environ.get("HOME")
    return Path(home) / ".local" / "share" / "wireroom" if home else Path.cwd() / ".wireroom"


class Settings(BaseSettings):
    """All that can be set. `wireroom config` prints it, with secrets masked."""

    model_config = SettingsConfigDict(env_prefix="WIREROOM_", frozen=True, extra="forbid", env_ignore_empty=True)

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Where the embedded SQLite file, the private Redis and the key file live (0700).",
    )
    bind: str = Field(
        "127.0.0.1:8080", description="host:port to listen on; a taken default port is replaced by a free one."
    )
    public_url: str | None = Field(
        None, description="The URL under which readers reach us; it stands in feeds. Default: http://BIND."
    )
    title: str = Field("Wireroom", min_length=1, max_length=200, description="The newsroom's name, in feed titles.")
    database_url: SecretStr | None = Field(None, description="postgresql://… ; default: SQLite in DATA_DIR.")
    redis_url: SecretStr | None = Field(
        None, description="redis://… , rediss://… or unix://… ; default: a private Redis in DATA_DIR."
    )
    admin_key: SecretStr | None = Field(
        None, description="A preset admin key of 32 characters or more, instead of a minted one."
    )
    allow_addresses: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="CIDRs that endpoints may resolve to although special, comma-separated; inside them plain http and any port are allowed too.",
    )
    allow_http: bool = Field(default=False, description="Allow http:// endpoints everywhere.")
    allow_ports: Annotated[tuple[int, ...], NoDecode] = Field(
        (), description="Ports that endpoints may use beside 443, 80, 8443 and 8080, comma-separated."
    )
    behind_proxy: bool = Field(
        default=False,
        description="A reverse proxy ends TLS in front of us: other binds than loopback are allowed, X-Forwarded-* of TRUSTED_PROXIES is believed.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.0/8", "::1/128"),
        description="CIDRs of the reverse proxies whose X-Forwarded-For and -Proto are believed, comma-separated; with BEHIND_PROXY.",
    )
    url: str | None = Field(
        None, description="For commands: the address of a running service. Default: the one that `up` left in DATA_DIR."
    )
    api_key: SecretStr | None = Field(
        None, description="For commands: the key to use. Default: the one that `up` left in DATA_DIR."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: readable on a terminal, else JSON."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log line that is written."
    )
    enrich_workers: int = Field(
        0, ge=0, le=64, description="Processes for enrichment and rendering; 0: one per core, two at least."
    )
    enrich_off: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Enrichment steps to leave out, comma-separated."
    )
    feed_cache_mb: int = Field(64, ge=1, le=65_536, description="Memory for ready feed documents, MiB.")
    feed_max_age_s: int = Field(
        60, ge=1, le=86_400, description="Cache-Control max-age of feeds, seconds; their ttl follows it."
    )
    public_feeds: bool = Field(
        default=True,
        description="Anybody may read; false: feeds need a token, their pages, directory and stream an operator's key.",
    )
    feed_fast_path: bool = Field(
        default=True, description="Answer feeds from within the HTTP parser; off: by the plain route, for comparison."
    )
    poll_limit: bool = Field(
        default=True,
        description="Answer 429 to clients that fetch feeds whole, again and again, without asking for news.",
    )
    poll_burst: int = Field(
        20, ge=3, le=1_000_000_000, description="Unconditional fetches of one feed document by one client, at once."
    )
    poll_every_s: float = Field(
        60.0, gt=0, le=86_400, description="After that burst one such fetch in so many seconds is allowed."
    )
    poll_client_burst: int = Field(
        2_000, ge=3, le=1_000_000_000, description="Unconditional fetches of all feeds together by one client, at once."
    )
    poll_client_per_s: float = Field(5.0, gt=0, description="After that burst so many of them a second are allowed.")
    poll_local_per_s: float = Field(
        20.0, gt=0, description="What clients on this machine may fetch of one feed document, per second; burst 40."
    )
    hub_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="WebSub hubs that feeds name, comma-separated; somebody else tells them of changes."
    )
    security_contact: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Whom to tell of a weakness, for /.well-known/security.txt: mailto:, https: or tel:, comma-separated.",
    )
    robots_txt: str | None = Field(
        None, description=r"Text of /robots.txt in place of ours; \n breaks a line. Default: feeds yes, API no."
    )
    sitemap_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Hosts whose story pages stand in the news sitemap, comma-separated; others are listed by their page here. Default: all.",
    )
    publish_url: str | None = Field(
        None,
        description="file:///directory or s3://bucket/prefix that gets a copy of every public feed, for a CDN; S3 by the usual AWS_* variables.",
    )
    publish_codings: Annotated[tuple[Literal["gzip", "br"], ...], NoDecode] = Field(
        ("gzip",), description="Compressed copies beside each such object, .gz and .br; comma-separated, or none."
    )
    publish_in_flight: int = Field(16, ge=1, le=256, description="Such objects written at a time.")
    redis_maxmemory_mb: int = Field(256, ge=32, le=1_048_576, description="Memory of the private Redis, MiB.")
    delivery_timeout_s: float = Field(15.0, ge=1, le=30, description="Deadline over a whole webhook exchange, seconds.")
    delivery_in_flight: int = Field(8, ge=1, le=256, description="Requests under way to one endpoint at a time.")
    delivery_schedule_s: Annotated[tuple[float, ...], NoDecode] = Field(
        (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400),
        description="Pauses between tries of a webhook, seconds, comma-separated.",
    )
    min_free_mb: int = Field(
        64, ge=0, description="Publishing is refused (507) while the data disk has less room, MiB."
    )

    @field_validator(
        "allow_addresses", "allow_ports", "trusted_proxies", "enrich_off", "delivery_schedule_s", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return _commas(value)

    @field_validator("hub_urls", "security_contact", "sitemap_hosts", "publish_codings", mode="before")
    @classmethod
    def _split_or_none(cls, value: object) -> object:
        return () if value == "none" else _commas(value)

    @field_validator("hub_urls", "security_contact", "publish_url")
    @classmethod
    def _absolute(cls, value: tuple[str, ...] | str | None, info: ValidationInfo) -> tuple[str, ...] | str | None:
        beginnings = _BEGINNINGS[info.field_name or ""]
        for each in (value,) if isinstance(value, str) else value or ():
            if (
                not each.startswith(beginnings)
                or each.strip() != each
                or not each.isascii()
                or any(map(str.isspace, each))
            ):
                raise ValueError(f"{each!r} does not begin with {' or '.join(beginnings)}")
        return value

    @field_validator("bind")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
            raise ValueError("BIND is host:port, such as 127.0.0.1:8080")
        return value

    @field_validator("allow_addresses", "trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for part in value:
            ip_network(part)
        return value

    @field_validator("admin_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("ADMIN_KEY needs 32 characters or more")
        return value

    @field_validator("database_url", "redis_url")
    @classmethod
    def _known_scheme(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        schemes = _SCHEMES[info.field_name or ""]
        if value is not None and value.get_secret_value().partition("://")[0].partition("+")[0] not in schemes:
            raise ValueError(f"begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        return value

    @field_validator("redis_url")
    @classmethod
    def _resp2(cls, value: SecretStr | None) -> SecretStr | None:
        # FastStream's stream subscribers fail on RESP3 replies (TypeError, the entry is orphaned).
        if value is not None and "protocol=3" in value.get_secret_value():
            raise ValueError("REDIS_URL must not ask for protocol=3: remove that option")
        return value

    @property
    def host(self) -> str:
        """The address part of `bind`."""
        return self.bind.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port part of `bind`."""
        return int(self.bind.rpartition(":")[2])
