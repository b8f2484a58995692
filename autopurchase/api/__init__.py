"""The public API: what notebooks and scripts use. `autopurchase` itself gives these names."""

from autopurchase.api.plans import Plan
from autopurchase.api.runs import Journal, Run
from autopurchase.api.table import Table
from autopurchase.api.workspace import Workspace, connect

__all__ = ["Journal", "Plan", "Run", "Table", "Workspace", "connect"]
