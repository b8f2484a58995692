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
    within: float
    until: float  # time.monotonic() when a round must begin with it
    answer: Future[R]


class Together(Generic[T, R]):
    """Collects what is brought and does it in rounds.

    Each item says how long it may wait for others. A round begins when one has waited that long, or somebody waits for
    its answer; it takes those along that may not wait longer than that one.

    ``do`` takes what was brought and returns the answers in the same order. When it fails for several, each is done
    alone, so that an error reaches only whoever brought what caused it.
    """

    def __init__(self, do: Callable[[Sequence[T]], Sequence[R]]) -> None:
        self._do = do
        self._news = threading.Condition()
        self._brought: list[_Brought[T, R]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._rounds, name="together", daemon=True)
        self._thread.start()

    def bring(self, item: T, within: float) -> Future[R]:
        """Leave something to be begun within so many seconds; its answer comes."""
        one = _Brought[T, R](item, within, time.monotonic() + within, Future())
        with self._news:
            first = all(one.until < other.until for other in self._brought)
            self._brought.append(one)
            if first:
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
            while not (begun := self._due()) and not self._closed:
                first = min((one.until for one in self._brought), default=None)
                self._news.wait(None if first is None else first - time.monotonic())
            items = begun or self._brought
            self._brought = [one for one in self._brought if one not in items]
        return items

    def _due(self) -> list[_Brought[T, R]]:
        """What a round that begins now takes; nothing when none need begin."""
        now = time.monotonic()
        longest = max((one.within for one in self._brought if one.until <= now), default=-1.0)
        return [one for one in self._brought if one.within <= longest]

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
