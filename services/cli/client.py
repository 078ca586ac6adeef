"""A small client of the HTTP API, for commands. The operator's own service is its only address."""

import http.client
import ipaddress
import json
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from services.cli.data_dir import ADDRESS, KEY
from services.cli.errors import CommandError, UsageError, fail
from services.cli.options import load_settings

START_IT = "Start it with `wireroom up`, or name a running one with WIREROOM_URL"


class Answer(NamedTuple):
    """A status and its JSON body (None: no body, or none that is JSON)."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300

    def why(self) -> str:
        """One line of a problem document (RFC 9457): its title, and every fault with its place."""
        problem: dict[str, Any] = self.body if isinstance(self.body, dict) else {}
        text = str(problem.get("detail") or problem.get("title") or http.client.responses.get(self.status, "no reason"))
        faults = [f"{fault.get('where')}: {fault.get('what')}" for fault in problem.get("errors") or []]
        wait = self.headers.get("retry-after")
        return "; ".join([text, *faults]) + (f" (try again in {wait} s)" if wait else "")


class Client:
    """Requests to one service with one key. Each call opens a connection of its own, and is never repeated."""

    def __init__(self, url: str, key: str | None, timeout_s: float = 60.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UsageError(f"WIREROOM_URL is no http address: {url}", "Write it like http://127.0.0.1:8080")
        self.url = url.rstrip("/")
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port, self._base = parts.hostname, parts.port, parts.path.rstrip("/")
        self._key, self._timeout_s = key, timeout_s

    def call(self, method: str, path: str, body: bytes | None = None, content_type: str = "application/json") -> Answer:
        """Make one request; any status is an answer. Fails when nothing answers or the key is refused."""
        headers = {"Accept": "application/json", "User-Agent": "wireroom-cli"}
        if body is not None:
            headers["Content-Type"] = content_type
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        connection = self._kind(self._host, self._port, timeout=self._timeout_s)
        try:
            connection.request(method, self._base + path, body, headers)
            response = connection.getresponse()
            raw = response.read()
        except TimeoutError:
            fail(f"no answer from {self.url} within {self._timeout_s:g} s", "wireroom doctor may tell why")
        except (OSError, http.client.HTTPException) as error:
            fail(f"nothing answers at {self.url} ({error})", START_IT)
        finally:
            connection.close()
        answer = Answer(response.status, _json(raw), {name.lower(): value for name, value in response.getheaders()})
        if answer.status == http.client.UNAUTHORIZED:
            fail(
                f"{self.url} refused the key" if self._key else f"{self.url} asks for a key",
                "Set WIREROOM_API_KEY, or run the command as the user who runs the service, with its WIREROOM_DATA_DIR",
            )
        return answer

    def fetch(
        self, method: str, path: str, headers: Mapping[str, str], *, with_key: bool = False
    ) -> tuple[int, dict[str, str], bytes]:
        """Make one request as any reader does: status, headers (names in lower case), bytes as sent.

        Without the key, unless what is asked for is not everybody's.
        """
        if with_key and self._key:
            headers = {**headers, "Authorization": f"Bearer {self._key}"}
        connection = self._kind(self._host, self._port, timeout=self._timeout_s)
        try:
            connection.request(method, self._base + path, headers={"User-Agent": "wireroom-cli", **headers})
            response = connection.getresponse()
            found: dict[str, str] = {}
            for name, value in response.getheaders():
                found[name.lower()] = f"{found[name.lower()]}, {value}" if name.lower() in found else value
            return response.status, found, response.read()
        except TimeoutError:
            fail(f"no answer from {self.url} within {self._timeout_s:g} s", "wireroom doctor may tell why")
        except (OSError, http.client.HTTPException) as error:
            fail(f"nothing answers at {self.url} ({error})", START_IT)
        finally:
            connection.close()

    def get(self, path: str, **query: object) -> Any:
        """GET, and the JSON of a 2xx; everything else fails."""
        return self._good("GET", path + _query(query))

    def post(self, path: str, body: object = None) -> Any:
        """POST JSON, and the JSON of a 2xx; everything else fails."""
        return self._good("POST", path, body)

    def put(self, path: str, body: object) -> Any:
        """PUT JSON, and the JSON of a 2xx; everything else fails."""
        return self._good("PUT", path, body)

    def patch(self, path: str, body: object) -> Any:
        """PATCH JSON, and the JSON of a 2xx; everything else fails."""
        return self._good("PATCH", path, body)

    def delete(self, path: str, body: object = None) -> Any:
        """DELETE, and the JSON of a 2xx; everything else fails."""
        return self._good("DELETE", path, body)

    def items(self, path: str, limit: int, **query: object) -> Iterator[dict[str, Any]]:
        """Walk a list page by page, until `limit` items have come."""
        after: str | None = None
        while limit > 0:
            page = self.get(path, **query, limit=min(limit, 200), cursor=after)
            yield from page["items"][:limit]
            limit -= len(page["items"])
            after = page.get("next")
            if after is None or not page["items"]:
                return

    def _good(self, method: str, path: str, body: object = None) -> Any:
        raw = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        answer = self.call(method, path, raw)
        if not answer.ok:
            raise CommandError(f"{answer.status} {answer.why()}")
        return answer.body


def segment(value: str) -> str:
    """Quote one part of a path; an article's id may hold slashes."""
    return quote(value, safe="")


def connect() -> Client:
    """Find the running service: WIREROOM_URL and WIREROOM_API_KEY, else what `up` left in DATA_DIR.

    The key of DATA_DIR travels to this machine only, never to a WIREROOM_URL elsewhere.
    """
    settings = load_settings()
    url = settings.url or _line(settings.data_dir / ADDRESS)
    if url is None:
        fail(f"no service runs on {settings.data_dir}", START_IT)
    secret = settings.api_key or (settings.admin_key if _is_local(url) else None)
    if secret is not None:
        return Client(url, secret.get_secret_value())
    return Client(url, _line(settings.data_dir / KEY, private=True) if settings.url is None or _is_local(url) else None)


def _line(path: Path, *, private: bool = False) -> str | None:
    try:
        if private and stat.S_IMODE(path.stat().st_mode) & 0o077:
            fail(f"{path} is open to others", f"Close it: chmod 600 '{path}'; and make a new key, for it may be known")
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except OSError as error:
        fail(f"cannot read {path}: {error.strerror}", "Run the command as the user who runs the service")


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _query(query: Mapping[str, object]) -> str:
    stated = {name: value for name, value in query.items() if value is not None}
    return "?" + urlencode(stated, doseq=True) if stated else ""


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None
