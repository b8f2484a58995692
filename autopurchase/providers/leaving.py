"""The moment a request leaves: after connecting, right before its first byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from requests.adapters import HTTPAdapter

Hook = Callable[[], None]


class LeavingAdapter(HTTPAdapter):
    """Calls ``leave`` with the connection open and nothing sent, and ``left`` when all is on its way.

    What ``leave`` raises ends the request, and nothing has left then. Connecting takes as long as the network likes, so
    whoever keeps a pace must not do it between clock and call.
    """

    def __init__(self, leave: Hook, left: Hook, **options: Any) -> None:
        self._hooks = leave, left
        super().__init__(**options)

    def init_poolmanager(self, *words: Any, **named: Any) -> None:
        """Connections of our own kind."""
        super().init_poolmanager(*words, **named)
        _watch(self.poolmanager, *self._hooks)

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
        """The same on the way through a proxy."""
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **named)
        if not known:
            _watch(manager, *self._hooks)
        return manager


def _watch(manager: Any, leave: Hook, left: Hook) -> None:
    classes = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _watched(pool, leave, left) for scheme, pool in classes.items()}


def _watched(pool: Any, leave: Hook, left: Hook) -> type:
    class Leaving(pool.ConnectionCls):  # type: ignore[misc]
        def request(self, *words: Any, **named: Any) -> None:
            if self.sock is None:
                self.connect()
            leave()
            super().request(*words, **named)
            left()

    return type(pool.__name__, (pool,), {"ConnectionCls": Leaving})
