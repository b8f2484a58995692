"""What commands say: exit codes, one JSON document, sentences instead of tracebacks, no secrets."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.shell import Said


def refused(said: Said, code: int, part: str) -> None:
    """The command ended with ``code`` and one JSON error whose sentence holds ``part``."""
    assert said.code == code, said
    assert part in said.json["error"]["sentence"]
    assert said.json["error"]["cause"]
    assert "Traceback" not in said.out + said.err


# ---------------------------------------------------------------- exit codes


def test_refused_lines_end_with_1(shell: Shell) -> None:
    shell.connect()
    shell.import_orders()
    shell.faults({"kind": "out_of_stock", "on": "create", "times": 1})
    said = shell("book", "--session", "main", "--lines", ",".join(shell.numbers()[:3]), "--yes", "--wait", "--json")
    assert said.code == 1
    assert said.json["counts"]["refused"] >= 1
    assert "out_of_stock" in {row["cause"] for row in said.json["outcomes"]}


def test_unknown_outcomes_end_with_3(shell: Shell) -> None:
    """Every call is cut off and no look-up finds anything: after three tries a person must decide."""
    shell.connect(settle_seconds=0.2, timeout_seconds=0.5)
    shell.import_orders()
    shell.faults({"kind": "drop_before", "on": "create"})
    said = shell("book", "--session", "main", "--lines", shell.numbers()[0], "--yes", "--wait", "--json")
    assert (said.code, said.json["counts"]["unknown"]) == (3, 1), said
    assert shell("status", "--json").json["unknown"] == 1


def test_a_line_left_out_of_the_plan_ends_with_1_and_the_others_are_booked(shell: Shell) -> None:
    shell.connect()
    shell.import_orders()
    ours, other = shell.numbers()[0], shell.numbers("alibaba1688")[0]
    said = shell("book", "--session", "main", "--lines", f"{ours},{other}", "--yes", "--wait", "--json")
    assert (said.code, said.json["counts"]["booked"]) == (1, 1)
    assert [row["number"] for row in said.json["left_out"]] == [other]


def test_booking_needs_a_yes(shell: Shell) -> None:
    shell.connect()
    shell.import_orders(4)
    refused(shell("book", "--session", "main", "--all-ready", "--json"), 2, "add --yes")
    assert shell.market.orders(account=shell.account) == []


def test_nothing_ready_is_nothing_to_do(shell: Shell) -> None:
    shell.connect()
    said = shell("book", "--session", "main", "--all-ready", "--yes", "--wait", "--json")
    assert (said.code, said.json["run"]) == (0, None)


def test_a_daily_cap_is_not_waited_for(shell: Shell) -> None:
    shell.connect(daily_cap=1)
    shell.import_orders()
    said = shell("book", "--session", "main", "--lines", ",".join(shell.numbers()[:2]), "--yes", "--wait", "--json")
    assert said.json["counts"] == {"booked": 1, "refused": 0, "waiting": 1, "unknown": 0, "ended": 0}
    assert said.code == 1
    assert "daily cap" in " ".join(row["sentence"] for row in said.json["outcomes"])


def test_limits_are_changed_and_what_waited_goes_on(shell: Shell) -> None:
    shell.connect(daily_cap=1)
    shell.import_orders()
    shell("book", "--session", "main", "--lines", ",".join(shell.numbers()[:2]), "--yes", "--wait")
    told = shell("session", "limits", "main", "--json").json["session"]
    assert (told["used_today"], told["daily_cap"], told["room_today"], told["queued"]) == (1, 1, 0, 1)
    said = shell("session", "limits", "main", "--daily-cap", "7", "--daily-amount", "9999.50", "--json")
    assert said.code == 0
    assert (said.json["session"]["room_today"], said.json["session"]["daily_amount"]["text"]) == (5, "9999.50")
    refused(shell("session", "limits", "main", "--strikes", "0", "--json"), 2, "strikes")
    refused(shell("session", "wake", "main", "--json"), 2, "does not rest")


# ---------------------------------------------------------------- wrong use and bad input

WRONG = [
    (("plan",), "Choose lines by one of"),
    (("plan", "--all-ready"), "--session"),
    (("plan", "--session", "nope", "--lines", "1-1"), "There is no session “nope”"),
    (("plan", "--session", "nope", "--all-ready"), "There is no session “nope”"),
    (("book", "--plan", "abc", "--yes"), "There is no plan abc"),
    (("session", "check", "nope"), "There is no session “nope”"),
    (("source", "check", "nope"), "There is no source “nope”"),
    (("import", "--source", "nope"), "There is no source “nope”"),
    (("import", "missing.csv"), "cannot be read"),
    (("import",), "FILE"),
    (("ready", "--older-than", "soon"), "is not an age"),
    (("ready", "--max-price", "cheap"), "is not an amount"),
    (("line", "status", "9-1", "--to", "paid"), "No such line: 9-1"),
    (("line", "status", "9-1", "--to", "bought"), "There is no status “bought”"),
    (("line", "ready", "nine", "--reason", "x"), "is not a line number"),
    (("sync", "--session", "nope"), "There is no session “nope”"),
    (("bench", "nope"), "There is no bench “nope”"),
    (("frobnicate",), "No such command"),
    (("session", "add", "--provider", "taobao"), "--name"),
]


@pytest.mark.parametrize(
    ("words", "part"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_wrong_use_is_a_sentence_and_2(shell: Shell, words: tuple[str, ...], part: str) -> None:
    if words[0] != "bench":
        refused(shell(*words, "--json"), 2, part)
    said = shell(*words)
    assert (said.code, said.out) == (2, "")
    assert part in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("", "is not JSON"),
        ("{'a': 1}", "is not JSON"),
        ("[]", "one JSON object"),
        ('{"app_key": "1"}', "lack “app_secret”"),
        ('{"app_key": "1", "app_secret": "s3cret-word", "colour": "red"}', "Unknown credential keys: colour"),
        ('{"app_key": "1", "app_secret": "s3cret-word", "concurrency": "many"}', "“concurrency” must be a number"),
    ],
)
def test_bad_credentials_are_explained_without_being_repeated(
    shell: Shell, tmp_path: Path, content: str, part: str
) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(content, encoding="utf-8")
    words = ("session", "add", "--provider", "taobao", "--name", "main", "--credentials", str(file), "--json")
    said = shell(*words)
    refused(said, 2, part)
    assert "s3cret-word" not in said.out + said.err


def test_a_file_with_wrong_columns_says_which(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("order;line\n1;2\n", encoding="utf-8")
    said = shell("import", str(file), "--json")
    assert said.code == 2
    assert "The file has no column" in said.json["error"]["sentence"]
    assert "order_number" in shell("import", str(file)).err


def test_rejected_rows_are_listed_with_their_reasons(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    head = "order_number,line_no,provider,item_id,quantity,unit_price,currency,created_at\n"
    good, bad = "ORD-000000001,1,taobao,1,1,5,USD,2026-01-01\n", "ORD-000000002,1,amazon,1,1,5,USD,2026-01-01\n"
    file.write_text(head + good + bad, encoding="utf-8")
    said = shell("import", str(file))
    assert said.code == 1
    assert "provider “amazon” is not known" in said.out
    assert shell("import", str(file), "--json").json["rejects"][0]["position"]


# ---------------------------------------------------------------- providers that refuse


def test_a_wrong_secret_is_said(shell: Shell) -> None:
    shell.connect(app_secret="0" * 32)
    said = shell("session", "check", "main", "--json")
    assert said.code == 1
    assert said.json["error"]["sentence"]
    assert "0" * 32 not in said.out + said.err


def test_a_dead_token_asks_for_authorisation(shell: Shell) -> None:
    shell.connect()
    shell.market.control("expire", market="taobao", account=shell.account, kinds=["access", "refresh"])
    said = shell("session", "check", "main", "--json")
    refused(said, 1, "Authorise the session again")
    assert said.json["error"]["cause"] == "session_expired"
    assert shell("session", "list", "--json").json["sessions"][0]["state"] == "needs_authorisation"
    refused(shell("plan", "--session", "main", "--lines", "1-1", "--json"), 2, "no longer authorised")


def test_nobody_at_the_address(shell: Shell) -> None:
    shell.connect(base_url="http://127.0.0.1:9")
    refused(shell("session", "check", "main", "--json"), 1, "connection")


@pytest.mark.parametrize("provider", ["taobao", "alibaba1688"])
@pytest.mark.parametrize("fault", [{"kind": "html"}, {"kind": "throttle"}, {"kind": "error_before"}])
def test_a_provider_that_cannot_answer_leaves_lines_out_with_a_reason(
    shell: Shell, provider: str, fault: dict[str, object]
) -> None:
    shell.connect(provider)
    shell.import_orders()
    number = shell.numbers(provider)[0]
    shell.faults({"on": "*", **fault})
    said = shell("plan", "--session", "main", "--lines", number, "--json")
    assert said.code == 1
    assert said.json["bookable"] is False
    left = said.json["left_out"][0]
    assert left["number"] == number
    assert left["sentence"]


# ---------------------------------------------------------------- shapes


def test_money_in_json_and_csv_carries_its_currency(shell: Shell) -> None:
    shell.import_orders()
    line = shell("ready", "--json").json["lines"][0]
    price = line["unit_price"]
    assert set(price) == {"minor", "currency", "text"}
    assert isinstance(price["minor"], int)
    rows = list(csv.DictReader(io.StringIO(shell("ready", "--csv").out)))
    assert (rows[0]["unit_price"], rows[0]["unit_price_currency"]) == (price["text"], price["currency"])
    assert f"{price['text']} {price['currency']}" in shell("ready").out


def test_filters_restrict(shell: Shell) -> None:
    shell.import_orders()
    everything = shell("ready", "--json").json["lines"]
    assert {line["provider"] for line in shell("ready", "--provider", "taobao", "--json").json["lines"]} == {"taobao"}
    cheap = shell("ready", "--max-price", "8", "--json").json["lines"]
    assert {line["number"] for line in cheap} == {x["number"] for x in everything if x["unit_price"]["minor"] <= 800}
    assert shell("ready", "--older-than", "9999d", "--json").json["count"] == 0


def test_tables_stand_in_columns_and_cannot_steer_the_terminal(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    head = "order_number,line_no,provider,item_id,quantity,unit_price,currency,created_at,paid_at,title\n"
    first = "A-1,1,taobao,1,1,5,USD,2026-01-01,2026-01-02,纯棉短袖T恤\n"
    second = "B-2,1,taobao,2,1,1234.50,EUR,2026-01-01,2026-01-02,a\x1b[2Jb\n"
    file.write_text(head + first + second, encoding="utf-8")
    shell("import", str(file))
    said = shell("ready").out
    assert "\x1b" not in said
    assert "1,234.50 EUR" in said
    lines = [line for line in said.splitlines() if "2026-01-02" in line]
    assert len(lines) == 2


def test_a_line_is_held_freed_and_moved(shell: Shell) -> None:
    shell.import_orders()
    number = shell.numbers()[0]
    refused(shell("line", "status", number, "--to", "cancelled", "--json"), 2, "needs a reason")
    assert shell("line", "status", number, "--to", "Price confirmation", "--json").json["lines"] == 1
    assert number not in shell.numbers()
    assert shell("line", "status", number, "--to", "paid", "--reason", "the customer agreed").code == 0
    assert number in shell.numbers()
    refused(shell("line", "ready", number, "--reason", "x", "--json"), 2, "Only held lines")


def test_no_secret_is_printed_by_any_command(shell: Shell) -> None:
    shell.connect()
    keys = json.loads((shell.home.parent / f"taobao-{shell.account}.json").read_text())
    secrets = [keys["app_secret"], keys["access_token"], keys["refresh_token"]]
    said = [shell(*words) for words in (("session", "list", "--json"), ("session", "check", "main"), ("doctor",))]
    assert [word for word in secrets for each in said if word in each.out + each.err] == []


def test_an_error_nobody_foresaw_is_kept_in_a_file(shell: Shell) -> None:
    assert shell("migrate").code == 0
    database = shell.home / "autopurchase.db"
    connection = sqlite3.connect(database)
    connection.execute("drop table line")
    connection.commit()
    connection.close()
    said = shell("ready", "--json")
    refused(said, 1, "its details are in")
    kept = list((shell.home / "logs").glob("error-*.txt"))
    assert "Traceback" in kept[0].read_text()
    assert kept[0].stat().st_mode & 0o077 == 0
