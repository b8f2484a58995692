"""Orders from a file: CSV, Excel (.xlsx) or JSON, one row a line."""

from autopurchase.sources.file.reader import FileOptions, read_orders
from autopurchase.sources.file.source import KIND

__all__ = ["KIND", "FileOptions", "read_orders"]
