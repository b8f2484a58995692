"""The file as a source: it can be read as a whole and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from autopurchase.domain.errors import BadInput, NotSupported
from autopurchase.domain.shop import Reject, ShopOrder, paid_in_full
from autopurchase.ports import Field, SourceCheck, SourceManifest
from autopurchase.sources.file.reader import PROVIDERS, FileOptions, read_orders

#: a check looks at this many orders and rejects
_LOOK = 2000
_SHOWN = 5

MANIFEST = SourceManifest(
    kind="file",
    label="File (CSV, Excel, JSON)",
    abilities=frozenset({"paid_filter", "line_status"}),
    fields=(
        Field("path", "File", "A .csv, .xlsx or .json file, one row a line.", required=True),
        Field("encoding", "Encoding", "Of CSV and JSON; empty means UTF-8. For example gb18030 or cp1252."),
        Field("decimal_comma", "Decimal comma", "Whether amounts are like 12,50.", default="no", choices=("no", "yes")),
        Field("sheet", "Excel sheet", "Empty means the first."),
        Field(
            "providers",
            "Providers",
            "Which the rows may name, separated by commas.",
            default=",".join(sorted(PROVIDERS)),
        ),
    ),
)


class FileSource:
    """Orders of one file."""

    manifest = MANIFEST

    def __init__(self, path: Path, options: FileOptions) -> None:
        self._path = path
        self._options = options

    def check(self) -> SourceCheck:
        """Read the beginning of the file; ``open_paid`` is known only when that is all of it."""
        try:
            found = list(islice(self.open_paid(), _LOOK + 1))
        except BadInput as error:
            return SourceCheck(False, self._path.name, (error.sentence,))
        rejects = [f"{item.position}: {item.reason}" for item in found if isinstance(item, Reject)]
        paid = sum(isinstance(item, ShopOrder) and paid_in_full(item) for item in found)
        return SourceCheck(
            ok=not rejects,
            identity=self._path.name,
            problems=tuple(rejects[:_SHOWN]),
            open_paid=paid if len(found) <= _LOOK else None,
            details={"rejected": str(len(rejects))},
        )

    def open_paid(self, page_size: int = 50) -> Iterator[ShopOrder | Reject]:
        """Everything in the file; see `read_orders`."""
        return read_orders(self._path, options=self._options)

    def get(self, external_id: str) -> ShopOrder | None:
        """Not possible."""
        raise NotSupported("A file cannot be asked for one order: import it again instead.")

    def mark(self, external_id: str, status: str, reference: str) -> bool:
        """Not possible."""
        raise NotSupported("Nothing is written back into a file.")

    def report_shipment(self, external_id: str, lines: Sequence[tuple[str, int]], carrier: str, number: str) -> str:
        """Not possible."""
        raise NotSupported("A shipment cannot be reported to a file.")


class FileKind:
    """Opens file sources."""

    manifest = MANIFEST

    def open(self, config: Mapping[str, Any]) -> FileSource:
        """The file of ``config``; raises BadInput naming the missing field."""
        path = str(config.get("path") or "").strip()
        if not path:
            raise BadInput("The setting “path” is missing: name the file.")
        named = str(config.get("providers") or ",".join(PROVIDERS))
        options = FileOptions(
            encoding=str(config.get("encoding") or ""),
            decimal_comma=_yes(config.get("decimal_comma")),
            sheet=str(config.get("sheet") or ""),
            providers=frozenset(each.strip() for each in named.split(",") if each.strip()),
        )
        return FileSource(Path(path), options)


def _yes(value: object) -> bool:
    text = str(value or "no").strip().lower()
    if text not in {"yes", "no", "true", "false", "1", "0"}:
        raise BadInput(f"The setting “decimal_comma” is “{text}”; it is yes or no.")
    return text in {"yes", "true", "1"}


KIND = FileKind()
