"""Articles of about 5 KB for measurements, put together from the demo's own stories."""

from collections.abc import Iterator
from typing import Any

from services.demo.newsroom import stories


def articles(count: int, size: int = 5_000, prefix: str = "bench") -> Iterator[dict[str, Any]]:
    """Yield Article JSON in twelve languages, each with a body of about `size` characters."""
    told = stories()
    for n in range(count):
        story = told[n % len(told)]
        paragraphs: list[str] = []
        length = 0
        turn = 0
        while length < size:
            paragraph = story["body"][turn % len(story["body"])].format(n=n % 89 + 3, m=n + turn)
            paragraphs.append(f"<p>{paragraph} <a href='/more?utm_source=feed&amp;id={n}'>{turn}</a></p>")
            length += len(paragraph)
            turn += 1
        yield {
            "id": f"{prefix}-{n}",
            "revision": 1,
            "title": story["title"].format(n=n % 89 + 3, m=n),
            "url": f"https://newsroom.example/{prefix}/{n}",
            "content_html": "".join(paragraphs),
            "language": story["language"],
            "sections": [story["section"]],
            "tags": story["tags"],
            "authors": [{"name": story["author"]}],
            "source": {"name": story["source"]},
            "published_at": f"2026-05-02T07:{n // 60 % 60:02}:{n % 60:02}+00:00",
        }
