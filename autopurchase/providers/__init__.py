"""Marketplaces to buy at, one folder each: `manifest` (data), `client` (HTTP), `translate` (pure)."""

from __future__ import annotations
