"""Making the demo workspace: market, sessions, orders. Making it again finishes what was interrupted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from filelock import FileLock

from autopurchase.demo import history, market, orders
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import import_orders, reports, sessions
from autopurchase.services.context import Context
from autopurchase.storage import figures, workspace
from autopurchase.storage import sessions as session_store
from autopurchase.storage import sources as source_store
from autopurchase.wiring import Workspace

#: the workspace's note that nothing of the demo is missing any more
_MADE = "demo_made"
#: and that it has its past
_REMEMBERED = "demo_remembered"
_ACTOR = Actor("demo", Role.ADMINISTRATOR)
_SEED = 20_260_102
#: how long before now the last order of the past came in: by now all of them are over
_OVER = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class DemoSession:
    """A purchasing account of the demo: the session's name, its provider, and the account at the market."""

    name: str
    provider: str
    account: str


SESSIONS = (
    DemoSession("main", "taobao", "main"),
    DemoSession("second", "taobao", "second"),
    DemoSession("1688-main", "alibaba1688", "main"),
    DemoSession("1688-second", "alibaba1688", "second"),
)
_LIMITS = {"rate_per_second": 20, "concurrency": 4, "settle_seconds": 3, "timeout_seconds": 10}
_SHIP_TO = {
    "name": "陈伟", "mobile_phone": "13800138000", "country": "中国", "state": "广东省", "city": "广州市",
    "district": "白云区", "address": "太和镇物流园3号仓库 A区12门", "zip": "510540",
}  # fmt: skip


def ensure_demo(opened: Workspace) -> bool:
    """Make the demo in a workspace where nothing is configured, or see to it that the one it has is there.

    False when the workspace has sessions or a source of its own: then nothing is touched. Raises ConnectFailed when the
    practice marketplace does not come up.
    """
    with FileLock(opened.home / "demo.lock"):  # two first visitors make one demo
        if not market.address(opened.context) and not _empty(opened.context):
            return False
        _note(opened.context, market.ADDRESS, market.free_address())
        market.attend(opened)
        if not _noted(opened.context, _MADE):
            _fill(opened)
            _note(opened.context, _MADE, "yes")
    return True


def _empty(ctx: Context) -> bool:
    with ctx.db.read() as tx:
        return all(figures.is_empty(tx).values())


def _noted(ctx: Context, key: str) -> str:
    with ctx.db.read() as tx:
        return workspace.read(tx, key)


def _note(ctx: Context, key: str, value: str) -> None:
    """Set ``key`` unless it is set."""
    with ctx.db.write() as tx:
        workspace.ensure(tx, key, value)


def _fill(opened: Workspace) -> None:
    ctx, origin = opened.context, market.address(opened.context)
    known = {view.name for view in sessions.listing(ctx, _ACTOR)}
    for wanted in SESSIONS:
        if wanted.name not in known:
            _add_session(ctx, wanted, origin)
    _remember(ctx, origin)
    file = orders.write(opened.home / "demo-orders.csv", origin, ctx.now())
    import_orders.import_file(ctx, _ACTOR, file)


def _remember(ctx: Context, origin: str) -> None:
    """Eight weeks of work that are over, so that figures have something to show: nothing of it is left half-way.

    It ended before the demo's own orders came in, and the practice marketplace knows nothing of it.
    """
    now = ctx.now()
    with ctx.db.write() as tx:
        if workspace.read(tx, _REMEMBERED):
            return
        made = {"config_sealed": ctx.vault.seal({}), "created_at": now, "write_back": False}
        shops = [source_store.ensure(tx, name=name, kind="file", **made)["id"] for name in ("file", "web-shop")]
        accounts: dict[str, list[int]] = {}
        for session in SESSIONS:
            found = session_store.by_name(tx, session.name)["id"]
            accounts.setdefault(session.provider, []).append(found)
        past = history.Shape(
            seed=_SEED, end=now, weeks=9, orders_per_week=90, until=now - _OVER, first_number=10_001, settled=True,
            origin=origin,
        )  # fmt: skip
        history.make(tx, past, history.Accounts(accounts, shops))
        history.make_calls(tx, now, [key for keys in accounts.values() for key in keys])
        workspace.write(tx, _REMEMBERED, "yes")
    reports.configure(ctx, _ACTOR, currency="EUR")


def _add_session(ctx: Context, wanted: DemoSession, origin: str) -> None:
    keys: dict[str, Any] = market.control(origin, "credentials", market=wanted.provider, account=wanted.account)
    credentials = {**keys, "ship_to": _SHIP_TO, **_LIMITS}
    sessions.add(ctx, _ACTOR, provider=wanted.provider, name=wanted.name, credentials=credentials, base_url=origin)
    sessions.check(ctx, _ACTOR, wanted.name)
