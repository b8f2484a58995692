"""No secret and no address of a person in errors, answers or logs."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from autopurchase.conformance.bench import Bench, nobody, with_preview
from autopurchase.conformance.marks import Side, check
from autopurchase.conformance.practice import PERSONAL, REFERENCE, PracticeBench
from autopurchase.domain.errors import AutopurchaseError

_PAIR = re.compile(r"(?:_token|secret|sign(?:ature)?)=[^&\s\[]{8}")


def texts_of(error: BaseException | None) -> str:
    """Everything an error could show, its causes included."""
    parts: list[str] = []
    while error is not None:
        parts += [str(error), repr(error), repr(getattr(error, "__dict__", {}))]
        error = error.__cause__ or error.__context__
    return "\n".join(parts)


def shown_by(call: Callable[[], Any]) -> str:
    """What a call that fails shows."""
    with pytest.raises(AutopurchaseError) as caught:
        call()
    return texts_of(caught.value)


def leaks(text: str, secrets: tuple[str, ...]) -> list[int]:
    """Places of the secrets that ``text`` holds; never the secrets themselves, for this is printed."""
    return [place for place, secret in enumerate(secrets) if secret in text]


@check(side=Side.ANYWHERE)
def test_no_secret_in_what_fails_anywhere(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    calls = (
        bench.open(replace(bench.usual, app_secret="e" * 32)).check,
        bench.open(replace(bench.usual, base_url=nobody())).check,
        lambda: bench.open().get("77"),
    )
    everything = "\n".join([*map(shown_by, calls), caplog.text])
    assert leaks(everything, (*bench.secrets(), *bench.personal())) == []
    kept = repr(bench.usual) + repr(bench.tokens.current()) + repr(bench.open())
    assert leaks(kept, bench.secrets()) == []
    assert not _PAIR.search(everything)


def failing_calls(bench: PracticeBench) -> list[Callable[[], Any]]:
    """One call for each way to fail."""
    asked = bench.purchase()
    ready = with_preview(asked, bench.open().preview(asked))
    quick = bench.open(bench.config(timeout=0.5))

    def struck(fault: str) -> Callable[[], Any]:
        def call() -> Any:
            bench.fault(fault, on="*", seconds=20)
            try:
                return quick.create(ready, REFERENCE)
            finally:
                bench.no_fault()

        return call

    return [*map(struck, ("hang_before", "drop_after", "error_before", "html", "throttle", "expired_token"))]


@check()
def test_no_secret_in_errors_answers_or_logs(bench: PracticeBench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown = [*map(shown_by, failing_calls(bench))]
    placed = bench.place("AP-77")
    order = bench.open().get(placed.orders[0].provider_order_id)
    preview = bench.open().preview(bench.purchase())
    everything = "\n".join([*shown, placed.raw, order.raw, preview.raw, caplog.text])
    assert leaks(everything, (*bench.secrets(), *PERSONAL)) == []
    assert not _PAIR.search(everything)
    assert all(len(raw) > 50 for raw in (placed.raw, order.raw, preview.raw))
