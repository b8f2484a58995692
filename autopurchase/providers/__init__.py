"""Marketplaces to buy at, one folder each: `manifest` (data), `client` (HTTP), `translate` (pure)."""

from __future__ import annotations

from autopurchase.ports import ProviderKind
from autopurchase.providers import alibaba1688, aliexpress, taobao

#: provider id -> its kind; a new provider is one folder and one line here
PROVIDERS: dict[str, ProviderKind] = {
    "taobao": taobao.KIND,
    "alibaba1688": alibaba1688.KIND,
    "aliexpress": aliexpress.KIND,
}
#: for help texts and sentences
PROVIDER_NAMES = ", ".join(PROVIDERS)
