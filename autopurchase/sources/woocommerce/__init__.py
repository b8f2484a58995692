"""WooCommerce shops, by their REST API version 3."""

from autopurchase.sources.woocommerce.source import KIND, WooSource

__all__ = ["KIND", "WooSource"]
