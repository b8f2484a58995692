"""Secrets at rest: Fernet (AES-CBC with HMAC, `cryptography`) under the workspace's key."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from autopurchase.domain.errors import BadInput


class KeyVault:
    """Seals with the first key and opens with any: several keys, separated by commas, are a rotation under way."""

    def __init__(self, keys: str) -> None:
        """``keys``: Fernet keys, newest first. Raises BadInput when one is malformed."""
        try:
            self._fernet = MultiFernet([Fernet(key.strip()) for key in keys.split(",") if key.strip()])
        except ValueError as error:
            raise BadInput(
                "AUTOPURCHASE_KEY is not a key of this program: make one with “python -m autopurchase key”."
            ) from error

    def seal(self, secret: Mapping[str, Any]) -> str:
        """Encrypt a JSON-able mapping."""
        return self._fernet.encrypt(json.dumps(secret, ensure_ascii=False).encode()).decode()

    def open(self, sealed: str) -> dict[str, Any]:
        """Decrypt. Raises BadInput when the key does not fit."""
        try:
            found: dict[str, Any] = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken as error:
            raise BadInput(
                "The stored secrets do not open with this key: set AUTOPURCHASE_KEY to the key of this workspace, "
                "or restore its key file."
            ) from error
        return found

    def reseal(self, sealed: str) -> str:
        """The same secret under the newest key."""
        return self.seal(self.open(sealed))


def new_key() -> str:
    """A fresh key."""
    return Fernet.generate_key().decode()


def key_file(home: Path) -> str:
    """The keys of ``home/key``, made on first use and readable by its owner only (0600)."""
    path = home / "key"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as file:
        file.write(new_key() + "\n")
    return path.read_text().strip()
