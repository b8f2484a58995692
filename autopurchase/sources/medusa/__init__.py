"""Medusa shops, by their admin API (measured with version 2.21)."""

from autopurchase.sources.medusa.source import KIND, MedusaSource

__all__ = ["KIND", "MedusaSource"]
