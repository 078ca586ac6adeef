"""The pages' own files: style, script, picture. Each has an address that names its content, kept for a year."""

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from fastapi import Request
from fastapi.responses import Response

from services.http.pages.answers import Ready, answer
from services.http.problems import not_found

PATH = "/static/{file}"
_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_GOOD = "public, max-age=31536000, immutable"
_FOR_NOW = "public, max-age=60"


class Asset(NamedTuple):
    """One file: `address` is the last part of its URL, such as `wireroom.3f2a9c1b7d40.css`."""

    address: str
    ready: Ready


class Assets:
    """All of them, read once."""

    def __init__(self, *more: Path) -> None:
        """Read the files of this package, and of further folders for pages that bring their own."""
        self._by_name: dict[str, Asset] = {}
        for folder in (_FOLDER, *more):
            for path in sorted(folder.iterdir()):
                if path.suffix in _TYPES:
                    self._by_name[path.name] = _asset(path)
        self._by_address = {asset.address: asset for asset in self._by_name.values()}

    def address(self, name: str) -> str:
        """Say under which address `wireroom.css` stands. KeyError: there is no such file."""
        return self._by_name[name].address

    async def serve(self, request: Request) -> Response:
        """Answer `/static/…`.

        A page from before an upgrade may still ask for the file's former address: it gets today's file,
        which must not be kept under that address.
        """
        file: str = request.path_params["file"]
        asset, keep = self._by_address.get(file), _FOR_GOOD
        if asset is None:
            stem, _, rest = file.partition(".")
            asset, keep = self._by_name.get(f"{stem}.{rest.rpartition('.')[2]}"), _FOR_NOW
        if asset is None:
            raise not_found("file")
        headers = {"Cache-Control": keep, "Cross-Origin-Resource-Policy": "same-origin"}
        return answer(request, asset.ready, headers=headers)


def _asset(path: Path) -> Asset:
    data = path.read_bytes()
    return Asset(f"{path.stem}.{sha256(data).hexdigest()[:12]}{path.suffix}", Ready(data, _TYPES[path.suffix]))
