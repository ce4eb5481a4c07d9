"""One connection to an account at an exchange: asks, judges, asks again, or says why not.

Every question ends in data that passed its envelope check, or in a `VenueError` that names venue,
method, code and what to do. Secrets and signed URLs are in none of them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
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
from tieout.adapters.venues.clock import FRESH, MILLI, Moment, VenueClock, sample_of, time_shape
from tieout.adapters.venues.driver import exchange_of, falls
from tieout.adapters.venues.faults import as_error, fault_of
from tieout.adapters.venues.patience import Patience
from tieout.adapters.venues.refusals import Refusals
from tieout.adapters.venues.settings import VenueSettings, insecure
from tieout.adapters.venues.shapes import Shape
from tieout.adapters.venues.transport import Cut, HttpTransport, Transport, Unreachable
from tieout.errors import VenueError, VenueRefused
from tieout.ports import Clock

_SHARPENED: Final = 8
"""Questions for the time, at most, to know a clock better that tells whole seconds."""


@dataclass(slots=True)
class _Attempt:
    """One attempt: what went wrong, even where ccxt swallows it, and when it was sent."""

    faults: list[Fault] = field(default_factory=list)
    sent_at: Moment | None = None


_attempt: ContextVar[_Attempt] = ContextVar("attempt")

spans: ContextVar[list[tuple[Moment, Moment]] | None] = ContextVar("spans", default=None)
"""When each question of the present task that got its answer was sent, and answered, by our clocks.

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
        self.clock = VenueClock(clock, wire.resolution * MILLI)
        self._http = (
            None
            if transport
            else HttpTransport(timeout=settings.timeout, proxy=settings.options.get("proxy"))
        )
        self._transport: Transport = transport or self._http  # type: ignore[assignment]
        self.exchange = exchange_of(settings, wire, self._reply, self._milliseconds)
        self._falls = falls()
        retry = settings.retry
        self._breakers = defaultdict[str, Breaker](lambda: Breaker(retry.failures, retry.cooldown))
        self._not_before = 0.0
        self.refusals = Refusals(settings.name, wire)
        self._turn = asyncio.Lock()
        self._measuring = asyncio.Lock()
        self._sharpening: asyncio.Task[None] | None = None
        self._sharpened_at = float("-inf")

    # Time

    def now(self) -> int:
        """The venue's time, as far as we know it: our clock and the skew. UTC nanoseconds."""
        return self.clock.nanoseconds() + self.clock.offset

    def earliest(self, moment: Moment | None = None) -> int:
        """The venue's time is not before this, now or at a moment of ours. UTC nanoseconds."""
        return self.clock.between(moment)[0]

    def latest(self, moment: Moment | None = None) -> int:
        """The venue's time is not behind this."""
        return self.clock.between(moment)[1]

    async def skew(self, *, name: str | None = None, fresh: bool = True) -> int:
        """The venue's clock minus ours, in nanoseconds, halfway between request and reply.

        Args:
            fresh: measure now; else what was measured in the last minutes will do.
        """
        async with self._measuring:
            if self.wire.clock is None or (self.clock.fresh and not fresh):
                return self.clock.offset
            endpoint, read = self.wire.clock
            theirs, before, after = await self._run(
                endpoint,
                lambda: self._timed(endpoint),
                time_shape(read),
                name,
                signed=False,
                inner=True,
            )
            resolution = self.wire.resolution * MILLI
            self.clock.add(sample_of(theirs * MILLI, resolution, before, after))
            if self.wire.resolution == 1:
                self.exchange.options["timeDifference"] = -(self.clock.offset // MILLI)
            return self.clock.offset

    def sharpen(self) -> None:
        """Ask for the time again, beside whatever else is asked, where that tells more of it."""
        if self._sharpening is not None and not self._sharpening.done():
            return
        if self.clock.begun or self._loop_time() >= self._sharpened_at + FRESH:
            self._sharpened_at = self._loop_time()
            self._sharpening = asyncio.create_task(self._sharpened(), name="tieout:clock")

    async def _sharpened(self) -> None:
        spans.set(None)  # who begins this need not wait for it
        for _ in range(_SHARPENED):
            wait = self.clock.worth_asking_in()
            if wait is None:
                return
            await asyncio.sleep(wait)
            try:
                await self.skew()
            except VenueError:  # what asks for records says so
                return

    async def _timed(self, endpoint: str) -> tuple[Any, Moment, Moment]:
        data = await getattr(self.exchange, endpoint)(dict(self.wire.clock_params))
        after = self.clock.moment()
        return data, _attempt.get().sent_at or after, after

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
        if self._sharpening is not None:
            self._sharpening.cancel()
            await asyncio.gather(self._sharpening, return_exceptions=True)
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
        breaker = self._breakers[self.wire.part(method)]
        if not inner:
            self._check_open(method, source, signed)
            breaker.enter()
        try:
            while True:
                fault = await self._held_back(patience)
                if fault is None:
                    data, fault = await self._attempt_once(ask, shape, signed)
                if fault is None:
                    breaker.succeeded()
                    if signed:
                        self.refusals.taken()
                    return data
                error = as_error(fault, source, method, self.settings.credentials)
                if isinstance(error, VenueRefused):
                    self.refusals.note(error, fault, method)
                if not await self._once_more(fault, patience, source):
                    self._count(fault, breaker)
                    raise error
        finally:
            if not inner:
                breaker.left()

    def _check_open(self, method: str, source: str, signed: bool) -> None:
        if signed:
            self.refusals.check(method, source)
        breaker = self._breakers[self.wire.part(method)]
        left = breaker.remaining()
        if left > 0:
            raise VenueError(
                f"not asked: the last {breaker.failures} questions failed, and the circuit "
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

    @staticmethod
    def _count(fault: Fault, breaker: Breaker) -> None:
        """What the breaker learns: an answer, even a refusal, is a sign of life."""
        if fault.action in (Action.RETRY, Action.MALFORMED):
            breaker.failed()
        elif fault.action in (Action.REJECT, Action.UNSUPPORTED, Action.CLOCK):
            breaker.succeeded()

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
                if answered is not None and attempt.sent_at is not None:
                    answered.append((attempt.sent_at, self.clock.moment()))
                return (shape(data) if shape else data), None
        except Failed as failure:
            fault = failure.fault
        except Misshapen as why:
            fault = Fault(Action.MALFORMED, str(why))
        except self._falls as error:
            fault = fault_of(error, sent=attempt.sent_at is not None)
        finally:
            _attempt.reset(token)
        return None, attempt.faults[0] if attempt.faults else fault

    # What ccxt's exchange calls

    async def _reply(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None
    ) -> Any:
        """The data of a good reply. Raises Failed."""
        attempt = _attempt.get()
        attempt.sent_at = attempt.sent_at or self.clock.moment()
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

    def _milliseconds(self) -> int:
        return self.clock.nanoseconds() // MILLI

    @staticmethod
    def _loop_time() -> float:
        return asyncio.get_running_loop().time()
