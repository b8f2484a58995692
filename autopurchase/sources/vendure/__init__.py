"""Vendure shops, by their admin API (measured with version 3.7)."""

from autopurchase.sources.vendure.source import KIND, VendureSource

__all__ = ["KIND", "VendureSource"]
