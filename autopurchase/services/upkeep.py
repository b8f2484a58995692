"""Looking after the workspace: its key, to which everything sealed can move, and the mark of its references."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from autopurchase.domain.errors import BadInput
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import pay_links, report_delivery, sessions
from autopurchase.services.context import Context
from autopurchase.services.rates import URL_KEY
from autopurchase.storage import runs, sources, workspace
from autopurchase.storage.vault import new_key

#: the workspace's proof that a key is its own
KEY_CHECK = "key_check"


def reseal_all(ctx: Context) -> int:
    """Seal every secret of the workspace with the vault's newest key, all or none; how many rows."""
    with ctx.db.write() as tx:
        count = sessions.reseal(ctx, tx) + report_delivery.reseal(ctx, tx) + pay_links.reseal(ctx, tx)
        for row in sources.listing(tx):
            sources.change(tx, row["id"], config_sealed=ctx.vault.seal(ctx.vault.open(row["config_sealed"])))
            count += 1
        if sealed := workspace.read(tx, URL_KEY):
            workspace.write(tx, URL_KEY, ctx.vault.seal(ctx.vault.open(sealed)))
            count += 1
        workspace.write(tx, KEY_CHECK, ctx.vault.seal({"ok": True}))
    return count


def begin_rotation(home: Path) -> str:
    """Put a new key before the old one into the key file, and return the new one: from now on both open.

    Raises BadInput when the workspace has no key file (its key comes from the environment).
    """
    path = home / "key"
    if not path.exists():
        raise BadInput(f"{path} does not exist: this workspace's key comes from AUTOPURCHASE_KEY.")
    new = new_key()
    _replace(path, f"{new},{path.read_text().strip()}")
    return new


def end_rotation(home: Path, new: str) -> None:
    """Leave only the new key in the key file."""
    _replace(home / "key", new)


def _replace(path: Path, text: str) -> None:
    """Write the key file so that a crash leaves the old or the new one, never half of it."""
    part = path.with_suffix(".new")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def restored(ctx: Context, actor: Actor) -> str:
    """Give the workspace's references (out_order_id) a new mark, after a copy was put in place; returns it.

    The copy does not know which run numbers were used after it was made, and a reference must name one purchase only.
    """
    actor.require(Role.ADMINISTRATOR)
    now, mark = ctx.now(), secrets.token_hex(2)
    while mark == ctx.tag:
        mark = secrets.token_hex(2)
    with ctx.db.write() as tx:
        workspace.write(tx, "tag", mark)
        run_id = runs.create(tx, kind="restored", actor=actor.name, at=now, call="# restored", state="running")
        runs.finish(tx, run_id, at=now, out={"mark": mark, "before": ctx.tag})
    return mark
