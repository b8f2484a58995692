"""OT Box shops, by the operator's part of OTAPI."""

from autopurchase.sources.otapi.source import KIND, OtapiSource

__all__ = ["KIND", "OtapiSource"]
