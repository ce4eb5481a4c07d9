"""The event loop of a command, whose process ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

_T = TypeVar("_T")


class _Unwaited(ThreadPoolExecutor):
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        super().shutdown(wait=False, cancel_futures=True)


def run_loop(main: Coroutine[Any, Any, _T]) -> _T:
    """`asyncio.run` that waits for none of the loop's threads: they ask name servers, which may
    take their time."""

    async def whole() -> _T:
        asyncio.get_running_loop().set_default_executor(_Unwaited())
        return await main

    return asyncio.run(whole())
