"""How a request gets to an exchange: over HTTP, or to whatever stands in for it.

A transport takes a signed request and returns what came back; it knows nothing of what it means.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

Reply: TypeAlias = tuple[int, str, Mapping[str, str], str]
"""Status, reason, headers, body."""

Transport: TypeAlias = Callable[[str, str, Mapping[str, str], str | None], Awaitable[Reply]]
"""(method, url, headers, body) -> Reply."""


class Cut(Exception):
    """The body ended before it was whole, or is no text."""


class Unreachable(Exception):
    """No connection. The message names no URL: it would hold the signature."""


class HttpTransport:
    """Requests by aiohttp, over one session of the loop that asks first."""

    def __init__(self, *, timeout: float, proxy: str | None = None) -> None:
        self._timeout = timeout
        self._proxy = proxy
        self._session: Any = None

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None
    ) -> Reply:
        """Ask once.

        Raises:
            TimeoutError: nothing, or not all, came in time.
            Cut: the body is not whole.
            Unreachable: there is no connection.
        """
        import aiohttp
        import yarl

        if self._session is None:
            limit = aiohttp.ClientTimeout(
                total=self._timeout, sock_connect=self._timeout, sock_read=self._timeout
            )
            self._session = aiohttp.ClientSession(timeout=limit)
        try:
            async with self._session.request(
                method,
                yarl.URL(url, encoded=True),
                data=body.encode() if body else None,
                headers=dict(headers),
                # A redirect would carry the signature to somebody else.
                allow_redirects=False,
                proxy=self._proxy,
            ) as response:
                raw = await response.read()
                text = raw.decode("utf-8")
                return response.status, response.reason or "", dict(response.headers), text
        except UnicodeDecodeError:
            failure: Exception = Cut("the body is no UTF-8 text")
        except aiohttp.ClientPayloadError:
            failure = Cut("the body was cut")
        except TimeoutError:
            failure = TimeoutError()
        except aiohttp.ClientError as error:
            failure = Unreachable(_described(error))
        except OSError as error:
            failure = Unreachable(type(error).__name__)
        raise failure  # outside of `except`: aiohttp's errors have the URL in them

    async def aclose(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _described(error: Exception) -> str:
    reason = getattr(getattr(error, "os_error", None), "strerror", None)
    name = type(error).__name__
    return f"{name}: {reason}" if reason else name
