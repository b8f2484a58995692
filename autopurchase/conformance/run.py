"""Examining a provider: at a practice marketplace of our own, at one that runs already, or at any other."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from autopurchase.conformance.bench import Bench, CountingPace, MemoryTokens
from autopurchase.conformance.marks import Side
from autopurchase.conformance.plugin import Examination, Told
from autopurchase.conformance.practice import AT_ONCE
from autopurchase.conformance.report import Report, earned
from autopurchase.domain.errors import BadInput, Misuse
from autopurchase.domain.purchase import Purchase
from autopurchase.domain.session import Tokens
from autopurchase.ports import ProviderKind
from autopurchase.sandbox import Sandbox, SandboxAt
from autopurchase.services.sessions import read_credentials

#: the files of the suite as they run: at a real marketplace the one order is placed early and cancelled last
SUBJECTS = ("session", "preview", "create", "unknown", "lookup", "secrecy", "following")
_OPTIONS = ("-s", "-p", "no:terminal", "-p", "no:cacheprovider", "-c", os.devnull)


def examine(
    kind: ProviderKind,
    *,
    base_url: str = "",
    credentials: Mapping[str, Any] | None = None,
    wanted: Purchase | None = None,
    place: bool = False,
    told: Told = lambda _: None,
    subjects: Sequence[str] = SUBJECTS,
) -> tuple[Report, Tokens | None]:
    """Run the suite on a provider; the report, and tokens when a renewal has replaced those of ``credentials``.

    Without ``base_url`` a practice marketplace is started for it, where everything is tested. Elsewhere ``credentials``
    are needed; goods to preview are ``wanted``, and with ``place`` one order is placed and, where it can be, cancelled.
    ``subjects``: files of the suite, or ``file::check``. Raises BadInput, SandboxError.
    """
    started = time.monotonic()
    with _practice(base_url) as market:
        where = market or _bench(kind, base_url, credentials, wanted)
        examination = Examination(kind, where, _allowed(market, wanted, place), told)
        _run_suite(examination, subjects)
    bench = None if isinstance(where, SandboxAt) else where
    report = Report(
        provider=kind.manifest.id,
        label=kind.manifest.label,
        base_url=bench.usual.base_url if bench else base_url,
        practice=bench is None,
        claimed=kind.manifest.grade.value,
        earned=earned(examination.checks, kind.manifest),
        checks=tuple(examination.checks),
        seconds=time.monotonic() - started,
        placed=bench is None or place,
        orders_left=(bench.ordered.number,) if bench and bench.ordered else (),
    )
    return report, bench.tokens.current() if bench and bench.tokens.refreshed else None


def _allowed(market: SandboxAt | None, wanted: Purchase | None, place: bool) -> frozenset[Side]:
    if market:
        return frozenset(Side)
    named = {Side.GOODS} | ({Side.ORDER} if place else set()) if wanted else set()
    return frozenset({Side.ANYWHERE} | named)


@contextmanager
def _practice(base_url: str) -> Iterator[SandboxAt | None]:
    """A practice marketplace that hurries: a new one, or the one at ``base_url``; None when something else is there."""
    if not base_url:
        with tempfile.TemporaryDirectory(prefix="autopurchase-conformance-") as folder, Sandbox.start(folder) as market:
            market.control("settings", **AT_ONCE)
            yield market
        return
    if not _is_practice(base_url):
        yield None
        return
    there = SandboxAt(base_url.rstrip("/"))
    before = there.control("settings")
    there.control("settings", **AT_ONCE)
    try:
        yield there
    finally:
        there.control("settings", **{name: before[name] for name in AT_ONCE})


def _is_practice(base_url: str) -> bool:
    """Whether a practice marketplace answers there; only this computer is asked."""
    if urlsplit(base_url).hostname not in {"127.0.0.1", "localhost", "::1"}:
        return False
    try:
        answer = requests.get(f"{base_url.rstrip('/')}/_control/health", timeout=5, allow_redirects=False)
        return bool(answer.ok and answer.json() == {"ok": True})
    except (requests.RequestException, ValueError):
        return False


def _bench(kind: ProviderKind, base_url: str, credentials: Mapping[str, Any] | None, wanted: Purchase | None) -> Bench:
    if credentials is None:
        raise BadInput(f"No practice marketplace answers at {base_url}: give credentials for {kind.manifest.label}.")
    config, tokens = read_credentials(kind.manifest, credentials, base_url)
    asked = Purchase(wanted.seller_id, config.ship_to, wanted.lines) if wanted else None
    return Bench(kind, config, MemoryTokens(tokens), asked, CountingPace(per_second=config.rate_per_second))


def _run_suite(examination: Examination, subjects: Sequence[str]) -> None:
    folder = files("autopurchase.conformance") / "checks"
    files_and_names = (subject.partition("::") for subject in subjects)
    paths = [str(folder / f"{file}.py") + mark + name for file, mark, name in files_and_names]
    with _alone():
        code = pytest.main([*_OPTIONS, "--rootdir", str(folder), *paths], plugins=[examination])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        if code == pytest.ExitCode.INTERRUPTED and not examination.trouble:
            raise KeyboardInterrupt
        raise Misuse(f"The suite could not be run: {examination.trouble or code}")


@contextmanager
def _alone() -> Iterator[None]:
    """No plugins and options of somebody else's pytest."""
    names = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
