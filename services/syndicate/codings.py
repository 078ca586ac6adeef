"""Content codings of documents: gzip with the document, br and zstd once somebody can read them.

| coding | level | a feed of 200 KB: CPU, size against gzip |
|---|---|---|
| gzip | ISA-L 2 | 0.3 ms, 1 |
| zstd | 6 | 2 ms, 0.8 |
| br | 5 | 4 ms, 0.8; 9 would take 22 ms for 3 % less |
"""

from collections.abc import Callable
from typing import NamedTuple

import brotli
import isal
import zstandard
from isal import igzip
from xxhash import xxh32_hexdigest

_GZIP_LEVEL, _ZSTD_LEVEL, _BR_QUALITY = 2, 6, 5


class Coding(NamedTuple):
    """One content coding (RFC 9110 §8.4.1). `mark` ends its entity tags, and tells encoder and level apart."""

    mark: str
    compress: Callable[[bytes], bytes]


def _gzip(data: bytes) -> bytes:
    return igzip.compress(data, _GZIP_LEVEL, mtime=0)


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compress(data)


def _br(data: bytes) -> bytes:
    return brotli.compress(data, mode=brotli.MODE_TEXT, quality=_BR_QUALITY)


def _mark(*encoder: object) -> str:
    return "-" + xxh32_hexdigest(repr(encoder).encode())


CODINGS = {
    "identity": Coding("", lambda data: data),
    "gzip": Coding(_mark("gzip", isal.__version__, _GZIP_LEVEL), _gzip),
    "zstd": Coding(_mark("zstd", zstandard.__version__, zstandard.ZSTD_VERSION, _ZSTD_LEVEL), _zstd),
    "br": Coding(_mark("br", brotli.version, _BR_QUALITY), _br),
}
"""All that documents are coded in, by the names that Accept-Encoding has for them."""
