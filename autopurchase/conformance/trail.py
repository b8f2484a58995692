"""What a provider was asked in a check and what came of it, in words: the evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from autopurchase.domain.errors import AutopurchaseError
from autopurchase.domain.provider_order import ProviderOrder
from autopurchase.domain.purchase import Account, Cancelled, PayLink, Placed, Preview
from autopurchase.ports import Provider

LONGEST = 400  # characters of one check's evidence


class Watched:
    """A provider that notes in ``trail`` what each of its methods gave."""

    def __init__(self, inner: Provider, trail: list[str]) -> None:
        self._inner = inner
        self._trail = trail

    def __repr__(self) -> str:
        """As the provider shows itself."""
        return repr(self._inner)

    def __getattr__(self, name: str) -> Any:
        """A method of the provider that leaves a note; anything else as it is."""
        found = getattr(self._inner, name)
        return self._noting(name, found) if callable(found) else found

    def _noting(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            try:
                result = method(*args, **named)
            except AutopurchaseError as error:
                self._trail.append(f"{name}: {told(error)}")
                raise
            if isinstance(result, Iterator):
                return self._pages(name, result)
            self._trail.append(f"{name}: {told(result)}")
            return result

        return call

    def _pages(self, name: str, pages: Iterator[Sequence[ProviderOrder]]) -> Iterator[Sequence[ProviderOrder]]:
        sizes: list[str] = []
        try:
            for page in pages:
                sizes.append(str(len(page)))
                yield page
        except AutopurchaseError as error:
            self._trail.append(f"{name}: {told(error)}")
            raise
        finally:
            self._trail.append(f"{name}: pages of {' + '.join(sizes) or 'nothing'}")


def watched(provider: Provider, trail: list[str]) -> Provider:
    """``provider``, leaving notes."""
    return cast(Provider, Watched(provider, trail))


def told(result: object) -> str:
    """An answer or an error in a few words."""
    if isinstance(result, AutopurchaseError):
        return f"{type(result).__name__} ({result.cause})"
    if isinstance(result, Account):
        return result.login or result.account_id or "accepted"
    if isinstance(result, Preview):
        wrong = ", ".join(f"{line.number} {line.cause}" for line in result.lines if line.cause)
        return wrong or f"{len(result.lines)} lines, total {result.total}"
    if isinstance(result, Placed):
        return f"order {_numbers([order.provider_order_id for order in result.orders])}"
    if isinstance(result, ProviderOrder):
        return f"{result.provider_order_id} {result.state}"
    if isinstance(result, Cancelled):
        return "closed" if result.done else "accepted"
    return _several(result) if isinstance(result, list) else type(result).__name__


def _several(result: list[object]) -> str:
    if any(isinstance(each, PayLink) for each in result):
        return f"{len(result)} payment pages"
    return _numbers([str(getattr(each, "provider_order_id", "")) for each in result]) or "none"


def _numbers(numbers: Sequence[str]) -> str:
    return ", ".join(numbers[:3]) + (", …" if len(numbers) > 3 else "")


def in_words(trail: Sequence[str]) -> str:
    """The notes of one check in one line, the last ones when there are many; one that comes again is counted."""
    parts: list[tuple[str, int]] = []
    for note in trail:
        if parts and parts[-1][0] == note:
            parts[-1] = (note, parts[-1][1] + 1)
        else:
            parts.append((note, 1))
    text = "; ".join(note if count == 1 else f"{note} ×{count}" for note, count in parts)
    return text if len(text) <= LONGEST else f"… {text[-LONGEST:].partition('; ')[2]}"
