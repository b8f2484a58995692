"""What threads bring at about the same time is done together, by one thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Brought(Generic[T, R]):
    item: T
    until: float  # time.monotonic() when a round must begin with it
    answer: Future[R]


class Together(Generic[T, R]):
    """Collects what is brought and does it in rounds.

    A round takes all there is. It begins when something has waited for others for ``within`` seconds, or when somebody
    waits for an answer.

    ``do`` takes what was brought and returns the answers in the same order. When it fails for several, each is done
    alone, so that an error reaches only whoever brought what caused it.
    """

    def __init__(self, do: Callable[[Sequence[T]], Sequence[R]], within: float) -> None:
        self._do, self._within = do, within
        self._news = threading.Condition()
        self._brought: list[_Brought[T, R]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._rounds, name="together", daemon=True)
        self._thread.start()

    def bring(self, item: T) -> Future[R]:
        """Leave something to be done with what others bring; its answer comes."""
        one = _Brought[T, R](item, time.monotonic() + self._within, Future())
        with self._news:
            self._brought.append(one)
            if len(self._brought) == 1:
                self._news.notify()
        return one.answer

    def answer(self, coming: Future[R]) -> R:
        """Wait for an answer; raises what doing it raised."""
        if not coming.done():
            with self._news:
                for one in self._brought:
                    if one.answer is coming:
                        one.until = 0.0
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

    def _collect(self) -> list[_Brought[T, R]]:
        """What the next round does; nothing at the end."""
        with self._news:
            while not self._closed:
                first = min((one.until for one in self._brought), default=None)
                pause = None if first is None else first - time.monotonic()
                if pause is not None and pause <= 0:
                    break
                self._news.wait(pause)
            items, self._brought = self._brought, []
        return items

    def _round(self, items: Sequence[_Brought[T, R]]) -> None:
        try:
            answers = self._do([one.item for one in items])
        except BaseException as error:
            if len(items) == 1:
                items[0].answer.set_exception(error)
                return
            for one in items:
                self._round([one])
            return
        for one, result in zip(items, answers, strict=True):
            one.answer.set_result(result)
