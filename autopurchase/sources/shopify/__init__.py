"""Shopify shops, by their GraphQL Admin API."""

from autopurchase.sources.shopify.source import KIND, ShopifySource

__all__ = ["KIND", "ShopifySource"]
