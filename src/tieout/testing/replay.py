"""A venue that answers what it was told to: recorded or written answers over real HTTP.

    async with Replay() as venue:
        venue.on("GET", "/api/v3/account", {"balances": []})
        venue.on("POST", "/info", [], where={"type": "userFills"})
        ...  # an adapter with base_url=venue.url
        assert venue.asked("GET", "/api/v3/account")[0].query == {"recvWindow": "5000"}

A body is sent as it was given: numbers of a text keep their digits, and whether they were quoted.
Answers are looked for from the last one given to the first, so that a later one takes over.
What nothing answers gets 404 and is kept in `unanswered`: a test asks that it is empty.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qsl

from aiohttp import web

MALFORMED: Final[Mapping[str, bytes]] = {
    "html": b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    "empty": b"",
    "cut": b'{"code": "0", "data": [{"currency": "US',
    "object": b"{}",
    "list": b"[]",
    "null": b"null",
    "text": b'"ok"',
    "number": b"0",
}
"""Bodies that come with status 200 and say nothing. Where `[]` is a good answer, leave it out."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came. `body` is JSON as Python values, a form as a dict, or None."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    raw: bytes = b""

    @property
    def fields(self) -> dict[str, Any]:
        """What was asked by name: in the query, and in the body."""
        return {**self.query, **(self.body if isinstance(self.body, dict) else {})}


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent. `body`: bytes and texts go out as they are, other values as JSON.

    Attributes:
        announced: the `Content-Length` to state; more than there is cuts the connection.
        hang: never answer, until the server closes.
    """

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    announced: int | None = None
    hang: bool = False

    @property
    def raw(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body).encode()


Answering = Callable[[Asked], Any]
"""From a request to a `Reply`, or to its body."""


@dataclass(frozen=True, slots=True)
class _Rule:
    method: str
    path: str
    where: Mapping[str, Any]
    answer: Any

    def fits(self, asked: Asked) -> bool:
        if self.method not in ("*", asked.method):
            return False
        if self.path.endswith("*"):
            if not asked.path.startswith(self.path[:-1]):
                return False
        elif self.path != asked.path:
            return False
        given = asked.fields
        return all(str(given.get(name)) == str(value) for name, value in self.where.items())


class Replay:
    """The server. An asynchronous context manager; the port is the system's choice."""

    def __init__(self) -> None:
        self.requests: list[Asked] = []
        self.unanswered: list[Asked] = []
        self._rules: list[_Rule] = []
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._port}"

    def on(
        self, method: str, path: str, answer: Any, *, where: Mapping[str, Any] | None = None
    ) -> None:
        """Answer requests like this one, and before whatever was said of them earlier.

        Args:
            method: `GET`, `POST`; `*` for any. `path`: a final `*` stands for any rest.
            answer: a `Reply`, the body of one, or a function from `Asked` to either.
            where: what query or body must say, by name; compared as text.
        """
        self._rules.append(_Rule(method, path, where or {}, answer))

    def load(self, path: Path) -> None:
        """Answer what a file says. A block begins with a line `### METHOD PATH name=value ...`.

        The lines up to the next block are the body, sent as they stand; after the path come the
        status, if it is not 200 (`### GET /time 503`), and what query or body must say.
        """
        for block in path.read_text(encoding="utf-8").split("\n### ")[1:]:
            head, _, body = block.partition("\n")
            method, where, *rest = head.split()
            status = int(rest.pop(0)) if rest and rest[0].isdecimal() else 200
            fields = dict(each.split("=", 1) for each in rest)
            self.on(method, where, Reply(body.strip(), status), where=fields)

    def off(self, method: str, path: str) -> None:
        """Forget the last answer given for exactly this method and path."""
        for rule in reversed(self._rules):
            if (rule.method, rule.path) == (method, path):
                self._rules.remove(rule)
                return

    def asked(self, method: str, path: str, **where: Any) -> list[Asked]:
        """The requests like this one, in the order in which they came."""
        rule = _Rule(method, path, where, None)
        return [asked for asked in self.requests if rule.fits(asked)]

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{rest:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = await _asked(request)
        self.requests.append(asked)
        for rule in reversed(self._rules):
            if rule.fits(asked):
                answer = rule.answer(asked) if callable(rule.answer) else rule.answer
                return await _send(request, answer if isinstance(answer, Reply) else Reply(answer))
        self.unanswered.append(asked)
        return web.json_response({"replay": "nothing answers this"}, status=404)


async def _asked(request: web.Request) -> Asked:
    raw = await request.read()
    body: Any = None
    if raw:
        text = raw.decode(errors="replace")
        try:
            body = json.loads(text, parse_float=str)
        except ValueError:
            body = dict(parse_qsl(text, keep_blank_values=True))
    return Asked(
        request.method, request.path, dict(request.query), dict(request.headers), body, raw
    )


async def _send(request: web.Request, reply: Reply) -> web.StreamResponse:
    if reply.hang:
        # The client goes away or the server is closed, whichever is first; both cancel this.
        import asyncio

        await asyncio.Event().wait()
    raw = reply.raw
    headers = {"Content-Type": reply.content_type, **reply.headers}
    if reply.announced is None:
        return web.Response(body=raw, status=reply.status, headers=headers)
    response = web.StreamResponse(status=reply.status, headers=headers)
    response.content_length = reply.announced
    await response.prepare(request)
    await response.write(raw)
    if request.transport is not None:
        request.transport.close()
    return response


# Recorded responses


@dataclass(frozen=True, slots=True)
class Case:
    """A recorded response, and what the unified parser made of it.

    Attributes:
        venue: ccxt's id. `method`: ccxt's, `fetchMyTrades`. `input`: its arguments.
        responses: body by URL; the key `*` is the answer to whatever is asked.
        expected: the parsed answer, numbers as exact texts; None where it raised `raises`.
    """

    id: str
    venue: str
    method: str
    input: tuple[Any, ...]
    responses: Mapping[str, Any]
    expected: Any
    raises: str | None
    options: Mapping[str, Any]


def recorded(directory: Path, venue: str) -> Iterator[Case]:
    """The recorded cases of a venue in a directory of them; none where it has no such file.

    The directory holds `fixtures/VENUE.json` (an object with `cases`), and `markets/VENUE.json`,
    `currencies/VENUE.json`, the tables that the cases need.
    """
    path = directory / "fixtures" / f"{venue}.json"
    if not path.is_file():
        return
    document = json.loads(path.read_text(encoding="utf-8"), parse_float=str)
    for case in document["cases"]:
        responses = case.get("httpResponseByUrl")
        yield Case(
            id=case["id"],
            venue=venue,
            method=case["method"],
            input=tuple(case.get("input") or ()),
            responses={"*": case["httpResponse"]} if responses is None else responses,
            expected=case.get("exact_4_5_90"),
            raises=case.get("raises_4_5_90"),
            options=case.get("options") or {},
        )


def recorded_table(directory: Path, kind: str, venue: str) -> dict[str, Any]:
    """`markets` or `currencies` of a venue, as ccxt's constructor takes them."""
    path = directory / kind / f"{venue}.json"
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_float=str)
    return table
