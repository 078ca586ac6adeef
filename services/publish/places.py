"""Where static copies go: a directory, or a bucket of a store that speaks S3. The one door to obstore."""

import os
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, InvalidPathError
from obstore.store import S3Store

from schemas.publishing import StaticObject
from services.publish.directory import DirectoryPlace
from services.publish.naming import SUFFIXES, with_copies
from services.publish.ports import Place, PlaceAway, Refused

_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN")
_LIMITS: dict[str, Any] = {"timeout": "20s", "connect_timeout": "5s"}
_RETRIES: dict[str, Any] = {"max_retries": 2}


def open_place(url: str, environment: Mapping[str, str] = os.environ) -> Place:
    """Open `file:///directory` or `s3://bucket/prefix`; does no I/O. Raises ValueError for any other URL.

    S3: endpoint, region and credentials come by the usual variables (AWS_ENDPOINT_URL, AWS_REGION,
    AWS_ACCESS_KEY_ID …), which obstore reads itself, or from the machine's role.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and len(parts.path) > 1:
        return DirectoryPlace(unquote(parts.path))
    if parts.scheme == "s3" and parts.netloc:
        return BucketPlace(parts.netloc, parts.path.strip("/"), environment)
    raise ValueError("begins with file:/// or s3://bucket")


class BucketPlace:
    """A bucket. One object is one PUT, which S3 shows whole or not at all.

    Compressed copies are objects of their own, `.gz` and `.br`, with Content-Encoding: the store itself
    cannot negotiate, the CDN before it can.
    """

    def __init__(self, bucket: str, prefix: str, environment: Mapping[str, str]) -> None:
        endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or ""
        endpoint = endpoint or environment.get("AWS_ENDPOINT", "")
        self.name = f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}"
        self._hide = _hider(environment)
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            client_options={**_LIMITS, "allow_http": endpoint.startswith("http://")},  # pyright: ignore[reportArgumentType]
            retry_config=_RETRIES,  # pyright: ignore[reportArgumentType]
        )

    async def prepare(self) -> None:
        """Do nothing: a PUT that did not end left nothing."""

    async def put(self, one: StaticObject) -> None:
        """PUT the object, its compressed copies first: who prefers one shall not find it older."""
        headers = {"Content-Type": one.media_type, "Cache-Control": one.cache_control}
        for coding, data in one.codings.items():
            await self._put(one.path + SUFFIXES[coding], data, {**headers, "Content-Encoding": coding})
        await self._put(one.path, one.data, headers)

    async def _put(self, path: str, data: bytes, headers: dict[str, str]) -> None:
        try:
            await obstore.put_async(self._store, path, data, attributes=headers, use_multipart=False)
        except (InvalidPathError, ValueError) as error:
            raise Refused(self._hide(error)) from error
        except (BaseError, OSError) as error:
            raise PlaceAway(self._hide(error)) from error

    async def remove(self, paths: Collection[str]) -> None:
        """DELETE them, a thousand a request."""
        try:
            await obstore.delete_async(self._store, [name for path in paths for name in with_copies(path)])
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise PlaceAway(self._hide(error)) from error


def _hider(environment: Mapping[str, str]) -> Callable[[Exception], str]:
    """Make what tells an error in a line without the secrets that a store may have put into it."""
    secrets = [environment[name] for name in _SECRETS if environment.get(name)]

    def hide(error: Exception) -> str:
        text = next(iter(str(error).splitlines()), "") or type(error).__name__
        for secret in secrets:
            text = text.replace(secret, "***")
        return text[:300]

    return hide
