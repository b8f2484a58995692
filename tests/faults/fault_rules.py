"""Every fault of the sandbox, on every kind of call that a worker makes, as rules for one part of a long run."""

from __future__ import annotations

import random
from typing import Any

from autopurchase.sandbox.faults import AFTER, BEFORE

#: beyond the client's patience (`matrix.HURRIED`), and below the settle time
HANG, LATE = 1.5, 0.9
#: what strikes a create call's reference, with what the kind needs; spoilt answers come on top
_INSIDE: list[dict[str, Any]] = [
    {"kind": "late", "seconds": LATE, "then": "error"},
    {"kind": "late", "seconds": LATE, "then": "drop"},
    {"kind": "out_of_stock"},
    {"kind": "price_change", "percent": 60},
    {"kind": "unknown_status"},
    {"kind": "lag", "seconds": 1.0},
    {"kind": "build_error"},
    {"kind": "hidden", "seconds": LATE},
    {"kind": "split"},
    {"kind": "flat_false"},
    {"kind": "partial"},
    {"kind": "limit"},
    {"kind": "risk"},
    {"kind": "error_before", "posts": 9},  # never placed, however often it is sent: a person has to say so
]
#: what the other calls meet: asking for a cancel, reading one order, listing
_ON_CANCEL = ("cancel_ignored", "cancel_refused")
_OTHERS = ("cancel", "detail", "list")


def rules(dice: random.Random, *, share: float = 0.015, probability: float = 0.012) -> list[dict[str, Any]]:
    """All of them at once, in random order. ``share``: of references, each; ``probability``: of other calls, each."""
    seed = dice.randrange(10**6)
    spoilt = [{"kind": kind, **_more(kind)} for kind in (*BEFORE, *AFTER)]
    on_create = [{**rule, "share": share} for rule in (*spoilt, *_INSIDE)]
    on_others = [{**rule, "on": on, "probability": probability} for on in _OTHERS for rule in spoilt]
    on_others += [{"kind": kind, "on": "cancel", "probability": probability} for kind in _ON_CANCEL]
    found = [{**rule, "seed": seed + place} for place, rule in enumerate((*on_create, *on_others))]
    dice.shuffle(found)
    return found


def leading_to(group: str) -> list[dict[str, Any]]:
    """What must strike often for a step of this group to be passed: outcomes that are unknown."""
    return [{"kind": "error_after", "share": 0.5}] if group in ("settle", "lookup") else []


def _more(kind: str) -> dict[str, Any]:
    if kind.startswith("hang"):
        return {"seconds": HANG}
    return {"seconds": 1, "style": "429"} if kind == "throttle" else {}


def name(rule: dict[str, Any]) -> str:
    """What a rule is called in the figures."""
    return f"{rule.get('on', 'create')}.{rule['kind']}"
