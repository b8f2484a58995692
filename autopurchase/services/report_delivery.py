"""The weekly report, frozen and written to a folder each Monday, and by e-mail where a mail server is configured."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from autopurchase.domain.errors import AutopurchaseError, BadInput, ConnectFailed, NotSent, Refused
from autopurchase.domain.roles import CLOCK, Actor, Role
from autopurchase.reports import Report, files
from autopurchase.reports.files import heads
from autopurchase.services import reports
from autopurchase.services.context import Context
from autopurchase.storage import runs, workspace

#: where the workspace keeps, sealed, how reports are delivered, and which week was delivered last
SETTINGS_KEY, _DONE, _TRIED = "report_delivery", "report_delivered", "report_tried"
#: what failed is tried again by itself after this
_AGAIN = timedelta(hours=1)
#: on Mondays from this hour on, in the reports' zone
_HOUR = 6
_PATIENCE = 30.0
SECURITY = ("starttls", "tls", "none")


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the weekly report is delivered. ``folder`` empty: nowhere by itself; ``mail_to`` empty: by mail to nobody.

    ``formats``: endings of files. ``security``: of the connection to the mail server.
    """

    folder: str = ""
    formats: tuple[str, ...] = (".xlsx", ".html")
    mail_to: tuple[str, ...] = ()
    mail_from: str = ""
    host: str = ""
    port: int = 587
    user: str = ""
    password: str = ""
    security: str = "starttls"


def settings(ctx: Context, actor: Actor) -> Delivery:
    """How reports are delivered; the password is not told."""
    actor.require(Role.MANAGER)
    return replace(_stored(ctx), password="")


def _stored(ctx: Context) -> Delivery:
    with ctx.db.read() as tx:
        sealed = workspace.read(tx, SETTINGS_KEY)
    found: dict[str, Any] = ctx.vault.open(sealed) if sealed else {}
    lists: dict[str, Any] = {name: tuple(found[name]) for name in ("formats", "mail_to") if name in found}
    return Delivery(**{**found, **lists})


def configure(ctx: Context, actor: Actor, **values: Any) -> int:
    """Set how reports are delivered (fields of `Delivery`); returns the run, which names no secret. Raises BadInput."""
    actor.require(Role.ADMINISTRATOR)
    names = set(asdict(Delivery()))
    if unknown := sorted(set(values) - names):
        raise BadInput(f"Delivery has no setting {unknown[0]}; there are: {', '.join(sorted(names))}.")
    wanted = replace(_stored(ctx), **values)
    _check(wanted)
    now = ctx.now()
    with ctx.db.write() as tx:
        workspace.write(tx, SETTINGS_KEY, ctx.vault.seal(asdict(wanted)))
        call = f"shop.reports.deliver_to({sorted(values)!r})"
        run_id = runs.create(tx, kind="settings", actor=actor.name, at=now, call=f"# {call}", state="running")
        runs.finish(tx, run_id, at=now, out={"settings": sorted(values)})
    return run_id


def _check(wanted: Delivery) -> None:
    if wrong := [ending for ending in wanted.formats if ending not in files.FORMATS]:
        raise BadInput(f"A report is written as {', '.join(files.FORMATS)}, not as “{wrong[0]}”.")
    if wanted.security not in SECURITY:
        raise BadInput(f"“security” is one of {', '.join(SECURITY)}.")
    if wanted.mail_to and not (wanted.host and wanted.mail_from):
        raise BadInput("To send mail, name the mail server (host) and from whom it comes (mail_from).")
    if any("@" not in address or "\n" in address for address in (*wanted.mail_to, *filter(None, [wanted.mail_from]))):
        raise BadInput("A mail address looks like name@example.com.")
    if wanted.folder:
        try:
            Path(wanted.folder).expanduser().mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"The folder {wanted.folder} cannot be made: {error.strerror}.") from error


def deliver_due(ctx: Context) -> int | None:
    """The clock's delivery: last week's report from Monday morning on, once; returns the run, if there was one."""
    how = _stored(ctx)
    if not (how.folder or how.mail_to):
        return None
    found = reports.basis(ctx)
    week = reports.last_week(found)
    with ctx.db.read() as tx:
        done, tried = workspace.read(tx, _DONE), workspace.read(tx, _TRIED)
    if tried and found.as_of - datetime.fromisoformat(tried) < _AGAIN:
        return None
    local = found.as_of.astimezone(ZoneInfo(found.zone))
    if done >= week or (local.weekday() == 0 and local.hour < _HOUR):
        return None
    with ctx.db.write() as tx:
        workspace.write(tx, _TRIED, found.as_of.isoformat())
    return deliver(ctx, CLOCK, week)


def deliver(ctx: Context, actor: Actor, week: str = "") -> int:
    """Freeze the report of a week that is over (empty: the last one) and deliver it; returns the run.

    What could not be written or sent ends the run as failed, with the sentence; the clock then tries again.
    """
    actor.require(Role.MANAGER)
    how = _stored(ctx)
    if not (how.folder or how.mail_to):
        raise BadInput("It is not said where reports go: report schedule --folder … or --mail-to …")
    week = week or reports.last_week(reports.basis(ctx))
    now = ctx.now()
    with ctx.db.write() as tx:
        call = f'shop.reports.deliver("{week}")'
        run_id = runs.create(tx, kind="report", actor=actor.name, at=now, call=call, params={"week": week},
                             state="running")  # fmt: skip
    try:
        out = _deliver(ctx, actor, how, week)
    except AutopurchaseError as error:
        _finish(ctx, run_id, {}, error.sentence)
        return run_id
    _finish(ctx, run_id, out)
    with ctx.db.write() as tx:
        workspace.write(tx, _DONE, max(week, workspace.read(tx, _DONE)))
    return run_id


def _finish(ctx: Context, run_id: int, out: dict[str, Any], error: str = "") -> None:
    with ctx.db.write() as tx:
        runs.finish(tx, run_id, at=ctx.now(), out=out, error=error)


def _deliver(ctx: Context, actor: Actor, how: Delivery, week: str) -> dict[str, Any]:
    if not reports.versions(ctx, actor, week):
        reports.freeze(ctx, actor, week)
    report = reports.read(ctx, actor, week)
    made = {files.name_of(report) + ending: files.content(report, ending) for ending in how.formats}
    out: dict[str, Any] = {"files": sorted(made)}
    if how.folder:
        for ending in how.formats:
            files.write(report, Path(how.folder).expanduser() / (files.name_of(report) + ending))
        out["folder"] = how.folder
    if how.mail_to:
        _send(how, _mail(how, report, made))
        out["mailed_to"] = list(how.mail_to)
    return out


def _mail(how: Delivery, report: Report, made: dict[str, bytes]) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = heads.title(report), how.mail_from, ", ".join(how.mail_to)
    facts = "\n".join(f"{name}: {value}" for name, value in heads.facts(report))
    figures = "\n".join(f"{figure.label}: {heads.told(figure)}" for figure in report.figures.values())
    mail.set_content(f"{heads.title(report)}\n\n{figures}\n\n{facts}\n")
    for name, content in made.items():
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return mail


def _send(how: Delivery, mail: EmailMessage) -> None:
    """Raises ConnectFailed, NotSent or Refused, with what to do."""
    try:
        with _server(how) as server:
            if how.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if how.user:
                server.login(how.user, how.password)
            left_out = server.send_message(mail, to_addrs=list(how.mail_to))
    except smtplib.SMTPAuthenticationError as error:
        raise Refused("The mail server refuses user and password: correct them.") from error
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPNotSupportedError) as error:
        raise Refused(f"The mail server refuses the mail ({type(error).__name__}): check the addresses.") from error
    except smtplib.SMTPException as error:
        raise NotSent(f"The mail server ended the conversation ({type(error).__name__}); it is tried again.") from error
    except OSError as error:
        raise ConnectFailed(f"The mail server {how.host}:{how.port} cannot be reached: check its address.") from error
    if left_out:
        raise Refused(f"The mail server refused {', '.join(left_out)}; the others have the mail.")


def _server(how: Delivery) -> smtplib.SMTP:
    if how.security == "tls":
        return smtplib.SMTP_SSL(how.host, how.port, timeout=_PATIENCE, context=ssl.create_default_context())
    return smtplib.SMTP(how.host, how.port, timeout=_PATIENCE)


def reseal(ctx: Context, tx: Any) -> int:
    """Seal the settings with the newest key; how many secrets that were."""
    sealed = workspace.read(tx, SETTINGS_KEY)
    if not sealed:
        return 0
    workspace.write(tx, SETTINGS_KEY, ctx.vault.seal(ctx.vault.open(sealed)))
    return 1
