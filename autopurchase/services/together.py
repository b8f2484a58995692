"""What threads bring at about the same time is done together, by one thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Together(Generic[T, R]):
    """Collects what is brought and does it in rounds.

    The next round begins at once while somebody waits for an answer; else more is awaited for up to ``gather`` seconds.

    ``do`` takes what was brought and returns the answers in the same order. When it fails for several, each is done
    alone, so that an error reaches only whoever brought what caused it.
    """

    def __init__(self, do: Callable[[Sequence[T]], Sequence[R]], gather: float) -> None:
        self._do, self._gather = do, gather
        self._news = threading.Condition()
        self._brought: list[tuple[T, Future[R]]] = []
        self._urgent = self._closed = False
        self._thread = threading.Thread(target=self._rounds, name="together", daemon=True)
        self._thread.start()

    def bring(self, item: T) -> Future[R]:
        """Leave something to be done; its answer comes."""
        answer: Future[R] = Future()
        with self._news:
            self._brought.append((item, answer))
            if len(self._brought) == 1:
                self._news.notify()
        return answer

    def answer(self, coming: Future[R]) -> R:
        """Wait for an answer; raises what doing it raised."""
        if not coming.done():
            with self._news:
                self._urgent = True
                self._news.notify()
        return coming.result()

    def close(self) -> None:
        """Do what was brought, then end."""
        with self._news:
            self._closed = True
            self._news.notify()
        self._thread.join()

    def _rounds(self) -> None:
        while items := self._collect():
            self._round(items)

    def _collect(self) -> list[tuple[T, Future[R]]]:
        """What the next round does; nothing at the end."""
        with self._news:
            self._news.wait_for(lambda: self._brought or self._closed)
            until = time.monotonic() + self._gather
            self._news.wait_for(lambda: self._urgent or self._closed, until - time.monotonic())
            items, self._brought, self._urgent = self._brought, [], False
        return items

    def _round(self, items: Sequence[tuple[T, Future[R]]]) -> None:
        try:
            answers = self._do([item for item, _ in items])
        except BaseException as error:
            if len(items) == 1:
                items[0][1].set_exception(error)
                return
            for item in items:
                self._round([item])
            return
        for (_, answer), result in zip(items, answers, strict=True):
            answer.set_result(result)
