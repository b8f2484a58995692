"""Commands run as people run them: as a process of their own, or in this one where only words are looked at."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autopurchase.demo.orders import order_rows
from autopurchase.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
#: a session in a hurry
QUICK = {"rate_per_second": 200, "concurrency": 4, "settle_seconds": 1, "timeout_seconds": 5}
SHIP_TO = {"name": "陈伟", "mobile_phone": "13800138000", "state": "广东省", "city": "广州市", "district": "白云区",
           "address": "太和镇物流园3号仓库", "zip": "510540"}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output; anything else there is an error."""
        return json.loads(self.out)


def environment(home: Path, **more: str) -> dict[str, str]:
    """The variables of a command on the workspace ``home``."""
    return {**os.environ, "AUTOPURCHASE_HOME": str(home), "PYTHONPATH": str(ROOT), **more}


def run(home: Path, *words: str, cwd: Path | None = None, typed: str = "", **env: str) -> Said:
    """Run ``python -m autopurchase WORDS…`` to its end (60 s at most)."""
    done = subprocess.run(
        [sys.executable, "-m", "autopurchase", *words],
        env=environment(home, **env),
        cwd=cwd or home.parent,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def credentials(market: Sandbox, provider: str, account: str, folder: Path, **more: Any) -> Path:
    """A credentials file for an account of the market."""
    file = folder / f"{provider}-{account}.json"
    given: Mapping[str, Any] = {**market.credentials(provider, account=account), "ship_to": SHIP_TO, **QUICK, **more}
    file.write_text(json.dumps(given), encoding="utf-8")
    return file


def orders_file(market: Sandbox, folder: Path, count: int = 24) -> Path:
    """An order file of ``count`` customers' orders for goods of the market."""
    rows = order_rows(market.base_url, datetime.now(UTC), count)
    file = folder / "orders.csv"
    with file.open("w", encoding="utf-8", newline="") as output:
        writer = csv.DictWriter(output, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file
