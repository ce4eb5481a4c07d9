"""One connection to an account at an exchange: asks, judges, asks again, or says why not.

Every question ends in data that passed its envelope check, or in a `VenueError` that names venue,
method, code and what to do. Secrets and signed URLs are in none of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final

from tieout.adapters.venues.breaker import Breaker
from tieout.adapters.venues.classify import (
    Action,
    Failed,
    Fault,
    Misshapen,
    Wire,
    by_class,
    judge,
)
from tieout.adapters.venues.driver import exchange_of, falls
from tieout.adapters.venues.faults import as_error, fault_of
from tieout.adapters.venues.offset import Offset, nanoseconds, offset_of, time_shape
from tieout.adapters.venues.patience import Patience
from tieout.adapters.venues.settings import VenueSettings, insecure
from tieout.adapters.venues.shapes import Shape
from tieout.adapters.venues.transport import Cut, HttpTransport, Transport, Unreachable
from tieout.errors import VenueError, VenueRefused
from tieout.ports import Clock

MILLI: Final = 1_000_000
"""Nanoseconds in a millisecond."""

_FRESH: Final = 120.0
"""Seconds for which a measured clock is believed."""

_STEP: Final = 250 * MILLI
"""Nanoseconds by which our clock was set, if it differs so much from the loop's."""


@dataclass(slots=True)
class _Attempt:
    """One attempt: what went wrong, even where ccxt swallows it, and when it was sent."""

    faults: list[Fault] = field(default_factory=list)
    sent_at: int = 0


_attempt: ContextVar[_Attempt] = ContextVar("attempt")

spans: ContextVar[list[tuple[int, int]] | None] = ContextVar("spans", default=None)
"""When each question of the present task that got its answer was sent, and answered, by our clock.

Attempts that failed are not in it, nor the time that the limiter or the venue made it wait.
"""


class Client:
    """A connection to one account: limiter, nonce, breaker, and the venue's clock.

    Adapters of one account share it (`Clients`). All methods run on one event loop.
    """

    def __init__(
        self,
        settings: VenueSettings,
        wire: Wire,
        clock: Clock,
        transport: Transport | None = None,
    ) -> None:
        self.settings = settings
        self.wire = wire
        self.markets: dict[str, Any] = {}
        """What adapters remember of markets, by their own kind: metadata, nothing else."""
        self._clock = clock
        self._http = (
            None
            if transport
            else HttpTransport(timeout=settings.timeout, proxy=settings.options.get("proxy"))
        )
        self._transport: Transport = transport or self._http  # type: ignore[assignment]
        self.exchange = exchange_of(settings, wire, self._reply, self._milliseconds)
        self._falls = falls()
        self._breaker = Breaker(settings.retry.failures, settings.retry.cooldown)
        self._not_before = 0.0
        self._refused: dict[str | None, VenueRefused] = {}  # by question; None: the key itself
        self._turn = asyncio.Lock()
        self._measuring = asyncio.Lock()
        self._offset = Offset(0, 0)
        self._measured_at = -inf
        self._was_ahead = 0

    # Time

    def now(self) -> int:
        """The venue's time, as far as we know it: our clock and the skew. UTC nanoseconds."""
        return self._nanoseconds() + self._offset.middle

    def earliest(self, ours: int | None = None) -> int:
        """The venue's time is not before this, now or when our clock said `ours`."""
        known = self._offset.aged(self._age())
        return (self._nanoseconds() if ours is None else ours) + known.low

    def latest(self, ours: int | None = None) -> int:
        """The venue's time is not behind this."""
        known = self._offset.aged(self._age())
        return (self._nanoseconds() if ours is None else ours) + known.high

    async def skew(self, *, name: str | None = None, fresh: bool = True) -> int:
        """The venue's clock minus ours, in nanoseconds, halfway between request and reply.

        Args:
            fresh: measure now; else what was measured in the last minutes will do.
        """
        async with self._measuring:
            age = self._age()
            known = age < _FRESH and abs(self._ahead() - self._was_ahead) < _STEP
            if self.wire.clock is None or (known and not fresh):
                return self._offset.middle
            endpoint, read = self.wire.clock
            theirs, before, after = await self._run(
                endpoint,
                lambda: self._timed(endpoint),
                time_shape(read),
                name,
                signed=False,
                inner=True,
            )
            seen = offset_of(theirs * MILLI, self.wire.resolution * MILLI, before, after)
            # Where the venue's time is coarse, several measurements know more than the last one.
            self._offset = self._offset.narrowed(seen, age) if self.wire.resolution > 1 else seen
            self._measured_at, self._was_ahead = self._loop_time(), self._ahead()
            if self.wire.resolution == 1:
                self.exchange.options["timeDifference"] = -(self._offset.middle // MILLI)
            return self._offset.middle

    async def _timed(self, endpoint: str) -> tuple[Any, int, int]:
        data = await getattr(self.exchange, endpoint)(dict(self.wire.clock_params))
        return data, _attempt.get().sent_at, self._nanoseconds()

    # Questions

    async def call(
        self,
        endpoint: str,
        params: Mapping[str, Any] | None = None,
        *,
        shape: Shape | None = None,
        signed: bool = True,
        name: str | None = None,
        label: str | None = None,
    ) -> Any:
        """Ask one of ccxt's implicit endpoints: `privateGetV5PositionList`.

        Args:
            shape: what is wanted of the body; raises Misshapen where it is not there.
            signed: it needs the credentials.
            name: the source that asks, for errors; the client's first one by default.
            label: what is asked, for errors, where one endpoint answers everything.

        Raises:
            VenueError: there is no answer that can be used, after all that could be tried.
        """
        sent = dict(params or {})
        return await self._run(
            label or endpoint,
            lambda: getattr(self.exchange, endpoint)(sent.copy()),
            shape,
            name,
            signed=signed,
        )

    async def unified(
        self,
        method: str,
        *args: Any,
        shape: Shape | None = None,
        signed: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Ask by one of ccxt's unified methods: `fetch_balance`. An error inside of it is one."""
        return await self._run(
            method,
            lambda: getattr(self.exchange, method)(*args, **kwargs),
            shape,
            name,
            signed=signed,
        )

    async def aclose(self) -> None:
        if self._http is not None:
            await self._http.aclose()
        await self.exchange.close()

    async def _run(
        self,
        method: str,
        ask: Callable[[], Awaitable[Any]],
        shape: Shape | None,
        name: str | None = None,
        *,
        signed: bool = True,
        inner: bool = False,
    ) -> Any:
        """Ask until there is an answer or an error. `inner`: on behalf of a question under way."""
        source = name or self.settings.name
        patience = Patience(self.settings.retry)
        if not inner:
            self._check_open(method, source, signed)
            self._breaker.enter()
        try:
            while True:
                fault = await self._held_back(patience)
                if fault is None:
                    data, fault = await self._attempt_once(ask, shape, signed)
                if fault is None:
                    self._breaker.succeeded()
                    return data
                error = as_error(fault, source, method, self.settings.credentials)
                if isinstance(error, VenueRefused):
                    self._refused[None if fault.action is Action.STOP else method] = error
                if not await self._once_more(fault, patience, source):
                    self._count(fault)
                    raise error
        finally:
            if not inner:
                self._breaker.left()

    def _check_open(self, method: str, source: str, signed: bool) -> None:
        refused = self._refused.get(None) or self._refused.get(method)
        if signed and refused is not None:
            raise VenueRefused(
                f"not asked, since the venue refused this key before: {refused.what}",
                venue=source,
                method=method,
                code=refused.code,
                hint=refused.hint,
            )
        left = self._breaker.remaining()
        if left > 0:
            raise VenueError(
                f"not asked: the last {self._breaker.failures} questions failed, and the circuit "
                f"breaker lets the next one through in {left:.0f} s",
                venue=source,
                method=method,
                retry_after=left,
                hint="the errors before this one say why; `tieout doctor` asks the venue itself",
            )

    async def _once_more(self, fault: Fault, patience: Patience, source: str) -> bool:
        """Whether to ask again; returns when it is time."""
        if fault.action is Action.CLOCK:
            if not patience.clock() or self._measuring.locked():
                return False
            await self.skew(name=source)
            return True
        delay = patience.next(fault)
        if fault.action is Action.WAIT:
            # Nobody asks before the venue allows: it counts by key or address.
            wait = fault.retry_after if delay is None else delay
            self._not_before = max(self._not_before, self._loop_time() + (wait or 0.0))
        elif delay:
            await asyncio.sleep(delay)
        return delay is not None

    def _count(self, fault: Fault) -> None:
        """What the breaker learns: an answer, even a refusal, is a sign of life."""
        if fault.action in (Action.RETRY, Action.MALFORMED):
            self._breaker.failed()
        elif fault.action in (Action.REJECT, Action.UNSUPPORTED, Action.CLOCK):
            self._breaker.succeeded()

    async def _held_back(self, patience: Patience) -> Fault | None:
        """Wait until the venue allows; a fault where that is too long."""
        left = self._not_before - self._loop_time()
        if left <= 0:
            return None
        if not patience.spend(left):
            return Fault(Action.WAIT, "the venue asked to wait before", None, None, left)
        await asyncio.sleep(left)
        return None

    async def _attempt_once(
        self, ask: Callable[[], Awaitable[Any]], shape: Shape | None, signed: bool
    ) -> tuple[Any, Fault | None]:
        """Ask once: the data, or the fault."""
        attempt = _Attempt()
        token = _attempt.set(attempt)
        fault = None
        try:
            async with AsyncExitStack() as stack:
                if self.wire.serial and signed:
                    await stack.enter_async_context(self._turn)
                data = await ask()
            # ccxt goes on where some of its questions fail (gate, bitget), as if nothing was.
            if not attempt.faults:
                answered = spans.get()
                if answered is not None:
                    answered.append((attempt.sent_at, self._nanoseconds()))
                return (shape(data) if shape else data), None
        except Failed as failure:
            fault = failure.fault
        except Misshapen as why:
            fault = Fault(Action.MALFORMED, str(why))
        except self._falls as error:
            fault = fault_of(error, sent=attempt.sent_at > 0)
        finally:
            _attempt.reset(token)
        return None, attempt.faults[0] if attempt.faults else fault

    # What ccxt's exchange calls

    async def _reply(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None
    ) -> Any:
        """The data of a good reply. Raises Failed."""
        attempt = _attempt.get()
        attempt.sent_at = attempt.sent_at or self._nanoseconds()
        data, fault = await self._ask(method, url, headers, body)
        if fault is None:
            return data
        attempt.faults.append(fault)
        raise Failed(fault)

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None
    ) -> tuple[Any, Fault | None]:
        problem = insecure(url)
        if problem:
            return None, Fault(Action.REJECT, problem)
        try:
            async with asyncio.timeout(self.settings.timeout):
                reply = await self._transport(method, url, headers, body)
        except TimeoutError:
            what = f"no answer within {self.settings.timeout:g} s"
            return None, Fault(Action.RETRY, what, "timeout")
        except Cut as why:
            return None, Fault(Action.MALFORMED, str(why))
        except Unreachable as why:
            return None, Fault(Action.RETRY, f"cannot be reached: {why}")
        except OSError as why:  # a transport in this process
            return None, Fault(Action.RETRY, f"cannot be reached: {type(why).__name__}")
        data, fault = judge(self.wire, reply)
        if self.wire.ccxt:
            fault = self._asked_ccxt(fault, method, url, reply, data)
        return data, fault

    def _asked_ccxt(
        self, fault: Fault | None, method: str, url: str, reply: Any, data: Any
    ) -> Fault | None:
        """What ccxt makes of a reply of an exchange that we have no table for."""
        status, reason, headers, body = reply
        if fault is not None and (fault.action is Action.MALFORMED or fault.code is not None):
            return fault
        try:
            self.exchange.handle_errors(
                status, reason, url, method, dict(headers), body, data, {}, None
            )
        except self._falls as error:
            action = by_class(error)
            if fault is not None and action is Action.REJECT:
                return fault
            what = f"{type(error).__name__}: {body[:200]}"
            after = fault.retry_after if fault is not None else None
            return Fault(action, what, None, status, after)
        return fault

    # The clock

    def _nanoseconds(self) -> int:
        return nanoseconds(self._clock)

    def _milliseconds(self) -> int:
        return self._nanoseconds() // MILLI

    def _age(self) -> float:
        """Seconds since the venue's clock was measured; endless, if it never was."""
        return self._loop_time() - self._measured_at

    def _ahead(self) -> int:
        """Our clock minus the loop's, which nobody sets."""
        return self._nanoseconds() - int(self._loop_time() * 1e9)

    @staticmethod
    def _loop_time() -> float:
        return asyncio.get_running_loop().time()
