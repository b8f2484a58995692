"""Shops that paid orders come from; one folder each, listed here and nowhere else."""

from autopurchase.ports import SourceKind
from autopurchase.sources import file, medusa, otapi, shopify, vendure, woocommerce

SOURCES: dict[str, SourceKind] = {
    kind.manifest.kind: kind
    for kind in (vendure.KIND, medusa.KIND, woocommerce.KIND, shopify.KIND, otapi.KIND, file.KIND)
}

__all__ = ["SOURCES"]
