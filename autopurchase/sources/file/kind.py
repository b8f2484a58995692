"""What kind of file a person gave us."""

from __future__ import annotations

from pathlib import Path

from autopurchase.domain.errors import BadInput

_KINDS = {".csv": "csv", ".xlsx": "excel", ".json": "json"}
_ZIP = b"PK\x03\x04"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def file_kind(path: Path) -> str:
    """``csv``, ``excel`` or ``json``. Raises BadInput that says what to do for anything else."""
    start = _start(path)
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise BadInput(f"{path.name} is not an order file: give a .csv, .xlsx or .json file.")
    if start.startswith(_OLD_OFFICE):
        raise BadInput(f"{path.name} is an old or protected Excel file: save it as .xlsx without a password.")
    if (kind == "excel") != start.startswith(_ZIP):
        raise BadInput(_misnamed(path, kind))
    if kind != "excel" and b"\0" in start and not start.startswith(_UTF16):
        raise BadInput(f"{path.name} is not a text file: save the table as CSV (UTF-8) and give that file.")
    return kind


def _start(path: Path) -> bytes:
    """The first bytes."""
    try:
        with path.open("rb") as file:
            start = file.read(65536)
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}): check the name and the rights.") from error
    if not start.strip(b"\xef\xbb\xbf \t\r\n"):
        raise BadInput(f"{path.name} is empty: export the orders again.")
    return start


def _misnamed(path: Path, kind: str) -> str:
    if kind == "excel":
        return f"{path.name} is not an Excel file: save the table as .xlsx, or name it .csv if it is text."
    return f"{path.name} is an Excel or zip file: name it .xlsx, or save the table as CSV (UTF-8)."
