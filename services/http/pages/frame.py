"""The frame of every page for people: one template, one style, one strict policy.

    pages = Pages(title="Le Fil", base_url="https://news.example")
    return pages.render(request, "feed.html", feed=feed, items=items)

A template extends `base.html` and fills its blocks (`title`, `head`, `nav`, `main`). What it prints is
escaped; only `body.readable` hands over HTML, which the sanitiser wrote. There is no inline script and no
inline style (security rule 41): behaviour goes into `static/wireroom.js`, looks into `static/wireroom.css`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.http.pages.answers import Ready, answer
from services.http.pages.assets import Assets
from services.http.pages.words import FILTERS

_TEMPLATES = Path(__file__).parent / "templates"
_OURS = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
_ENDS = "; frame-ancestors 'none'; base-uri 'none'"

POLICY = f"{_OURS}img-src 'self'{_ENDS}"
"""Content-Security-Policy of a page: nothing but our own origin."""

ARTICLE_POLICY = f"{_OURS}img-src 'self' https: http:; media-src https: http:{_ENDS}"
"""The same for a page with an article's body: pictures, sound and film may come from the publisher."""

HTML = "text/html; charset=utf-8"
_STALE = "stale-while-revalidate=60, stale-if-error=86400"


class Pages:
    """Renders pages. `base_url` (without a trailing slash) stands in full URLs; links in pages have none."""

    def __init__(
        self, *, title: str, base_url: str, folders: tuple[Path, ...] = (), assets: Assets | None = None
    ) -> None:
        """Read the templates of this package; those in `folders` come first. Nothing is watched or reread."""
        self.title = title
        self.base_url = base_url
        self.root = urlsplit(base_url).path.rstrip("/")  # a proxy may put us under a folder of its own
        self.assets = assets or Assets()
        self._templates = Environment(
            loader=FileSystemLoader([*folders, _TEMPLATES]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters.update(FILTERS)
        shared: dict[str, Any] = {
            "newsroom": title,
            "base_url": base_url,
            "root": self.root,
            "asset": self._address_of,
        }
        self._templates.globals |= shared

    def _address_of(self, name: str) -> str:
        return f"{self.root}/static/{self.assets.address(name)}"

    def make(self, template: str, **context: Any) -> Ready:
        """Render a page, to be kept and answered with more than once.

        The same context gives the same bytes: a template prints no time of its own making.
        """
        html = self._templates.get_template(template).render(context)
        return Ready(html.encode("utf-8", "replace"), HTML)

    def answer(
        self,
        request: Request,
        page: Ready,
        *,
        status: int = 200,
        max_age_s: int | None = 60,
        policy: str = POLICY,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Answer with a page (ETag, 304, gzip). `max_age_s` None: nobody may keep it."""
        keep = "no-store" if max_age_s is None else f"public, max-age={max_age_s}, {_STALE}"
        sent = {"Cache-Control": keep, "Content-Security-Policy": policy, **(headers or {})}
        return answer(request, page, status=status, headers=sent)

    def render(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        max_age_s: int | None = 60,
        policy: str = POLICY,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """Make a page and answer with it."""
        page = self.make(template, **context)
        return self.answer(request, page, status=status, max_age_s=max_age_s, policy=policy, headers=headers)

    def notice(
        self,
        request: Request,
        status: int,
        heading: str,
        text: str,
        *,
        max_age_s: int | None = 10,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Say in a page of its own what there is not: 404, 410, 503."""
        sent = {"X-Robots-Tag": "noindex", **(headers or {})}
        return self.render(
            request,
            "notice.html",
            status=status,
            max_age_s=max_age_s,
            headers=sent,
            code=status,
            heading=heading,
            text=text,
        )
