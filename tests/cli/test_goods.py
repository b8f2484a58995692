"""Mapping products, setting rates and looking at a source before importing it, from the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.cli.conftest import Shell
from tests.cli.test_words import refused

HEAD = "order_number,line_no,quantity,unit_price,currency,created_at,paid_at,product_key,provider,item_id"
ROWS = (
    "ORD-000000001,1,2,12.50,USD,2026-11-20T10:00Z,2026-11-20T11:00Z,V-1,,",
    "ORD-000000001,2,1,12.50,USD,2026-11-20T10:00Z,2026-11-20T11:00Z,V-2,,",
    "ORD-000000002,1,1,12.50,USD,2026-11-20T10:00Z,2026-11-20T11:00Z,,taobao,610000000001",
)


def orders(folder: Path, *more: str) -> str:
    path = folder / "orders.csv"
    path.write_text("\n".join((HEAD, *ROWS, *more)), encoding="utf-8")
    return str(path)


def test_products_are_mapped_and_their_lines_become_ready(shell: Shell, tmp_path: Path) -> None:
    said = shell("import", orders(tmp_path), "--json")
    assert (said.code, said.json["needs_mapping"]) == (0, 2)
    waiting = shell("mapping", "list", "--waiting", "--json").json["waiting"]
    assert [product["product_key"] for product in waiting] == ["V-1", "V-2"]
    assert "V-1" in shell("mapping", "list", "--waiting").out
    words = ("mapping", "set", "V-1", "--provider", "taobao", "--item", "610000000777", "--ratio", "2", "--json")
    said = shell(*words)
    assert (said.code, said.json["lines"]["freed"]) == (0, 1)
    assert shell(*words).json["mappings"] == {"set": 0, "unchanged": 1, "rejected": 0}
    assert [line["number"] for line in shell("ready", "--json").json["lines"]] == ["1-1", "2-1"]
    (row,) = shell("mapping", "list", "--json").json["mappings"]
    assert (row["product_key"], row["item_id"], row["ratio"], row["source"]) == ("V-1", "610000000777", 2, "")
    assert shell("verify").code == 0
    assert shell("mapping", "set", "V-1", "--remove", "--json").json["lines"]["held"] == 1


def test_a_table_of_mappings_goes_out_and_comes_in(shell: Shell, tmp_path: Path) -> None:
    shell("import", orders(tmp_path))
    shell("mapping", "set", "V-1", "--source", "file", "--provider", "taobao", "--item", "1234567")
    file = tmp_path / "mappings.csv"
    assert shell("mapping", "export", str(file), "--json").code == 0
    with file.open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert [(row["source"], row["product_key"], row["item_id"]) for row in rows] == [("file", "V-1", "1234567")]
    with file.open("a", encoding="utf-8") as table:
        table.write("file,V-2,,taobao,7654321,,,3,,,\nfile,V-3,,ebay,1,,,1,,,\n")
    said = shell("mapping", "import", str(file), "--json")
    assert (said.code, said.json["mappings"]) == (1, {"set": 1, "unchanged": 1, "rejected": 1})
    assert "ebay" in said.json["rejects"][0]["reason"]
    refused(shell("mapping", "export", str(tmp_path / "m.ods"), "--json"), 2, "csv or xlsx")
    refused(shell("mapping", "set", "V-1", "--provider", "ebay", "--item", "1", "--json"), 2, "not one of")
    refused(shell("mapping", "set", "V-9", "--remove", "--json"), 2, "no mapping")


def test_rates_are_set_listed_and_fetched(shell: Shell, tmp_path: Path) -> None:
    shell("import", orders(tmp_path))
    said = shell("rates", "set", "usd", "7.1", "--day", "2026-11-01", "--json")
    assert (said.code, said.json["lines"]) == (0, 3)
    table = tmp_path / "rates.csv"
    table.write_text("currency,day,rate\nEUR,2026-11-01,8\nEUR,never,8\n", encoding="utf-8")
    said = shell("rates", "import", str(table), "--json")
    assert (said.code, said.json["rates"]["set"]) == (1, 1)
    assert [row["currency"] for row in shell("rates", "list", "--json").json["rates"]] == ["EUR", "USD"]
    assert "7.1" in shell("rates", "list", "--currency", "usd").out
    refused(shell("rates", "set", "usd", "much", "--json"), 2, "not a rate")
    refused(shell("rates", "set", "usd", "7", "--day", "soon", "--json"), 2, "not a day")
    refused(shell("rates", "fetch", "--json"), 2, "No address")
    refused(shell("rates", "fetch", "--url", "http://127.0.0.1:9/daily?key=s3cret", "--json"), 1, "127.0.0.1")
    listed = shell("rates", "list", "--json")
    assert listed.json["fetched_from"] == "127.0.0.1"
    assert "s3cret" not in listed.out
    assert shell("rates", "fetch", "--url", "", "--json").json["fetched_from"] == ""


def test_a_source_is_shown_before_it_is_imported(shell: Shell, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"path": orders(tmp_path, "ORD-000000003,1,x,,,,,,,")}), encoding="utf-8")
    shell("source", "add", "--kind", "file", "--name", "table", "--config", str(config))
    said = shell("source", "preview", "table", "--json")
    assert (said.code, said.json["counts"]["needs_mapping"], said.json["counts"]["ready"]) == (1, 2, 1)
    assert said.json["rows"][0]["unit_price"]["text"] == "12.50"
    assert said.json["rejects"][0]["position"] == "row 5"
    assert "2 need mapping" in shell("source", "preview", "table", "--limit", "1").out
    assert shell("ready", "--json").json["count"] == 0
    refused(shell("source", "preview", "nowhere", "--json"), 2, "no source")
    refused(shell("source", "write-back", "table", "dry-run", "--json"), 2, "written back")
