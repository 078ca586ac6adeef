"""lemon24/reader, a feed reader that we did not choose for its agreement with us.

The parser inside it asks for `sgmllib`, which left the standard library with Python 3; feedparser's own copy stands in.
"""

import sys

import feedparser_sgmllib  # pyright: ignore[reportMissingTypeStubs]  # feedparser brings it

sys.modules.setdefault("sgmllib", feedparser_sgmllib)

from reader import UpdatedFeed, make_reader  # noqa: E402 - after its parser's need is met

__all__ = ["UpdatedFeed", "make_reader"]
