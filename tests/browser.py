"""Real Chromium for tests, and what a visit to a page showed in it.

A missing Chromium skips on a laptop and fails where CI=true.
"""

import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Route, async_playwright

from tests.servers_redis import missing

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text("utf-8")
WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")

_PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"><rect width="4" height="3" fill="#567"/></svg>'
_WATCH = """
window.broken = [];
document.addEventListener("securitypolicyviolation", (said) =>
  window.broken.push(`${said.violatedDirective}: ${said.blockedURI || said.sourceFile}`));
"""
_RUN_AXE = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
  (found) => `${found.id}: ${found.nodes.map((node) => node.html).join(" ").slice(0, 400)}`)"""


@dataclass
class Visit:
    """One page, as Chromium saw it. `elsewhere`: (kind, URL) of each request to another origin."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    html: str = ""
    violations: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    elsewhere: list[tuple[str, str]] = field(default_factory=list)
    axe: list[str] = field(default_factory=list)
    sideways: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def chromium() -> str:
    """The program's path."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    missing("chromium")
    return ""


@asynccontextmanager
async def browsing() -> AsyncGenerator[Browser]:
    """One browser. Without its sandbox only as root, where there is none."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield browser
        await browser.close()


@asynccontextmanager
async def tab(browser: Browser, **options: Any) -> AsyncGenerator[tuple[Page, Visit]]:
    """A fresh page that records. Nothing leaves this machine: other origins are answered here."""
    context: BrowserContext = await browser.new_context(viewport={"width": 1280, "height": 800}, **options)
    page, visit = await context.new_page(), Visit()

    async def answer(route: Route) -> None:
        request = route.request
        if urlsplit(request.url).hostname == "127.0.0.1":
            await route.continue_()
            return
        visit.elsewhere.append((request.resource_type, request.url))
        if request.resource_type == "image":
            await route.fulfill(status=200, content_type="image/svg+xml", body=_PICTURE)
        else:
            await route.abort()

    def hear(message: ConsoleMessage) -> None:
        own = message.location.get("url") == page.url  # a 404 or 410 of the page itself is no fault in it
        if not (own and "Failed to load resource" in message.text):
            visit.console.append(f"{message.type}: {message.text}")

    await page.route("**/*", answer)
    page.on("console", hear)
    page.on("pageerror", lambda error: visit.console.append(f"error: {error}"))
    await page.add_init_script(_WATCH)
    try:
        yield page, visit
    finally:
        await context.close()


async def look(browser: Browser, url: str) -> Visit:
    """Visit a page and judge it in every light and width."""
    async with tab(browser) as (page, visit):
        response = await page.goto(url, wait_until="load")
        assert response is not None
        visit.status, visit.headers = response.status, await response.all_headers()
        await page.evaluate(AXE)
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                visit.sideways.append(str(width))
            for scheme in SCHEMES:
                await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                visit.axe += [f"{width} {scheme} {found}" for found in await page.evaluate(_RUN_AXE)]
        visit.text = await page.inner_text("body")
        visit.html = await page.content()
        visit.violations = await page.evaluate("window.broken")
        visit.facts = await page.evaluate(
            """() => ({
              hacked: typeof window.hacked,
              inline: document.querySelectorAll("script:not([src]), style, [style]").length,
              handlers: [...document.querySelectorAll("*")].filter(
                (one) => one.getAttributeNames().some((name) => name.startsWith("on"))).length,
              frames: document.querySelectorAll("iframe, object, embed").length,
              planted: [...document.querySelectorAll("img[src$='x']")].filter((one) => !one.closest(".body")).length,
              lang: document.documentElement.lang,
            })"""
        )
    return visit
