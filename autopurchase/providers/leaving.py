"""The moment a request leaves: after connecting, right before its first byte."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any
from weakref import WeakMethod

from requests.adapters import HTTPAdapter

Hook = Callable[[], None]


class LeavingAdapter(HTTPAdapter):
    """Calls ``leave`` with the connection open and nothing sent, and ``left`` when all is on its way.

    What ``leave`` raises ends the request, and nothing has left then. Connecting takes as long as the network likes, so
    whoever keeps a pace must not do it between clock and call.

    Both are methods of whoever owns the adapter, who is not kept alive by it: urllib3 closes a pool's connections when
    the pool is not used any more, and until then it holds the connections, so these must not lead back to the pool.
    """

    def __init__(self, leave: Hook, left: Hook, **options: Any) -> None:
        self._hooks = WeakMethod(leave), WeakMethod(left)
        super().__init__(**options)

    def init_poolmanager(self, *words: Any, **named: Any) -> None:
        """Connections of our own kind."""
        super().init_poolmanager(*words, **named)
        self._watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
        """The same on the way through a proxy."""
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **named)
        if not known:
            self._watch(manager)
        return manager

    def _watch(self, manager: Any) -> None:
        classes = manager.pool_classes_by_scheme
        pools = {scheme: partial(_watched_pool, self._hooks, pool) for scheme, pool in classes.items()}
        manager.pool_classes_by_scheme = pools


def _watched_pool(hooks: tuple[WeakMethod[Hook], ...], kind: Any, *words: Any, **named: Any) -> Any:
    pool = kind(*words, **named)
    pool.ConnectionCls = partial(_leaving(kind.ConnectionCls), hooks)
    return pool


@cache
def _leaving(connection: Any) -> Any:
    class Leaving(connection):  # type: ignore[misc]
        def __init__(self, hooks: tuple[WeakMethod[Hook], ...], **named: Any) -> None:
            self._leave, self._left = hooks
            super().__init__(**named)

        def request(self, *words: Any, **named: Any) -> None:
            if self.sock is None:
                self.connect()
            _tell(self._leave)
            super().request(*words, **named)
            _tell(self._left)

    return Leaving


def _tell(hook: WeakMethod[Hook]) -> None:
    owner = hook()
    if owner is None:
        raise RuntimeError("a request without the transport it belongs to")
    owner()
