"""Sources: adding shops, checking them, switching them on and off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from autopurchase.domain import code
from autopurchase.domain.errors import BadInput
from autopurchase.domain.roles import Actor, Role
from autopurchase.ports import Source, SourceCheck, SourceKind
from autopurchase.services.context import Context
from autopurchase.storage import mappings, runs, sources, write_backs

#: the kind, and the name of the source, of order files given by hand
FILE = "file"
_LONGEST_INTERVAL = 1440


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source for people: no secrets. ``settings`` are the fields that are not secret.

    ``can_write_back``: the kind is able to; ``write_back``: it is switched on; ``dry_run``: what would be written is
    only noted. ``imported_at``: the last good import; ``error``: the sentence of the last one, when it failed.
    """

    name: str
    kind: str
    label: str
    enabled: bool
    can_write_back: bool
    write_back: bool
    every_minutes: int
    created_at: datetime
    imported_at: datetime | None
    error: str
    settings: Mapping[str, str]
    dry_run: bool = False


def add(ctx: Context, actor: Actor, *, kind: str, name: str, config: Mapping[str, Any]) -> None:
    """Add a source; its configuration is kept encrypted. Raises BadInput naming what is wrong, NotAllowed."""
    actor.require(Role.ADMINISTRATOR)
    name = name.strip()
    if not name:
        raise BadInput("A source needs a name.")
    found = _kind(ctx, kind)
    open_kind(ctx, kind, config)
    values = {
        "name": name,
        "kind": kind,
        "config_sealed": ctx.vault.seal(dict(config)),
        "write_back": _can_write_back(found),
        "created_at": ctx.now(),
    }
    with ctx.db.write() as tx:
        sources.add(tx, **values)


def _kind(ctx: Context, kind: str) -> SourceKind:
    if kind not in ctx.sources:
        raise BadInput(f"There is no kind of source “{kind}”; it is one of: {', '.join(sorted(ctx.sources))}.")
    return ctx.sources[kind]


def _check_names(kind: SourceKind, config: Mapping[str, Any]) -> None:
    names = [field.name for field in kind.manifest.fields]
    unknown = sorted(set(config) - set(names))
    if unknown:
        raise BadInput(
            f"A {kind.manifest.label} source has no setting {', '.join(unknown)}; it has: {', '.join(names)}."
        )


def _can_write_back(kind: SourceKind) -> bool:
    return bool(kind.manifest.abilities & {"own_mark", "tracking"})


def listing(ctx: Context, actor: Actor) -> list[SourceView]:
    """All sources by name."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        rows = sources.listing(tx)
    return [_view(ctx, row) for row in rows]


def _view(ctx: Context, row: Mapping[Any, Any]) -> SourceView:
    kind = _kind(ctx, row["kind"])
    config = ctx.vault.open(row["config_sealed"])
    shown = {field.name: str(config[field.name]) for field in kind.manifest.fields if _shown(field, config)}
    return SourceView(
        name=row["name"],
        kind=row["kind"],
        label=kind.manifest.label,
        enabled=row["enabled"],
        can_write_back=_can_write_back(kind),
        write_back=row["write_back"],
        every_minutes=row["every_minutes"],
        created_at=row["created_at"],
        imported_at=row["last_import_at"],
        error=row["last_error"],
        settings=shown,
        dry_run=row["dry_run"],
    )


def _shown(field: Any, config: Mapping[str, Any]) -> bool:
    return not field.secret and field.name in config


def check(ctx: Context, actor: Actor, name: str) -> SourceCheck:
    """Ask the shop who we are there and what is missing; read-only. Raises BadInput, NotSent, NotAllowed.

    ``details["needs_mapping"]``: imported lines of it that wait until their product is mapped.
    """
    actor.require(Role.OPERATOR)
    with ctx.db.read() as tx:
        row = sources.by_name(tx, name)
        waiting = mappings.waiting_count(tx, row["id"])
    found = open_source(ctx, row).check()
    return replace(found, details={**found.details, "needs_mapping": str(waiting)})


def change_settings(ctx: Context, actor: Actor, name: str, given: Mapping[str, str]) -> int:
    """Change some settings of a source; returns the run, which names the settings and never their values.

    What is not in ``given`` stays; an empty text takes a setting back to its default. Raises BadInput, naming what is
    wrong, and then nothing is changed.
    """
    actor.require(Role.ADMINISTRATOR)
    now = ctx.now()
    with ctx.db.write() as tx:
        row = sources.by_name(tx, name)
        kept = {**ctx.vault.open(row["config_sealed"]), **given}
        config = {key: value for key, value in kept.items() if value != ""}
        open_kind(ctx, row["kind"], config)
        names = sorted(given)
        call = code.call("shop.sources.change_settings", name, dict.fromkeys(names, ...))
        run_id = runs.create(
            tx, kind="source", actor=actor.name, at=now, call=call, state="running", source_id=row["id"]
        )
        sources.change(tx, row["id"], config_sealed=ctx.vault.seal(config), last_error="")
        runs.finish(tx, run_id, at=now, out={"settings": names})
    return run_id


def enable(ctx: Context, actor: Actor, name: str) -> None:
    """Import from the source again."""
    _change(ctx, actor, name, enabled=True)


def disable(ctx: Context, actor: Actor, name: str) -> None:
    """Import no more from the source; its orders stay."""
    _change(ctx, actor, name, enabled=False)


def set_write_back(ctx: Context, actor: Actor, name: str, on: bool) -> None:
    """Whether the shop is told what was bought. Raises BadInput where it cannot be told."""
    _change(ctx, actor, name, write_back=on)


def set_dry_run(ctx: Context, actor: Actor, name: str, on: bool) -> int:
    """Whether what the shop would be told is only noted; returns the run. Off: what was noted meanwhile is told now."""
    actor.require(Role.ADMINISTRATOR)
    now = ctx.now()
    with ctx.db.write() as tx:
        row = sources.by_name(tx, name)
        if on and not _can_write_back(_kind(ctx, row["kind"])):
            raise BadInput(f"Nothing can be written back to “{name}”.")
        call = code.call("shop.sources.set_dry_run", name, on)
        run_id = runs.create(
            tx, kind="source", actor=actor.name, at=now, call=call, state="running", source_id=row["id"]
        )
        sources.change(tx, row["id"], dry_run=on)
        told = 0 if on else write_backs.tell_noted(tx, row["id"], now)
        runs.finish(tx, run_id, at=now, out={"dry_run": on, "to_tell": told})
    return run_id


def set_interval(ctx: Context, actor: Actor, name: str, minutes: int) -> None:
    """How often the worker imports from the source by itself. Raises BadInput unless from a minute to a day."""
    if not 1 <= minutes <= _LONGEST_INTERVAL:
        raise BadInput(f"A source is imported every {minutes} minutes? Give 1 to {_LONGEST_INTERVAL:,} minutes.")
    _change(ctx, actor, name, every_minutes=minutes)


def _change(ctx: Context, actor: Actor, name: str, **values: int) -> None:
    actor.require(Role.ADMINISTRATOR)
    with ctx.db.write() as tx:
        row = sources.by_name(tx, name)
        if values.get("write_back") and not _can_write_back(_kind(ctx, row["kind"])):
            raise BadInput(f"Nothing can be written back to “{name}”.")
        sources.change(tx, row["id"], **values)


def open_kind(ctx: Context, kind: str, config: Mapping[str, Any]) -> Source:
    """A source that is not stored. Raises BadInput naming what is wrong with its configuration."""
    found = _kind(ctx, kind)
    _check_names(found, config)
    return found.open(config)


def open_source(ctx: Context, row: Mapping[Any, Any], more: Mapping[str, Any] | None = None) -> Source:
    """The source of a row with ``config_sealed`` and ``kind`` (or ``source_kind``); ``more`` overrides its settings."""
    kind = _kind(ctx, row["source_kind"] if "source_kind" in row else row["kind"])
    return kind.open({**ctx.vault.open(row["config_sealed"]), **(more or {})})
