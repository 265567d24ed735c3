"""The folder of a private mongod, `SCIMD_DATA_DIR/mongodb`, and the files in it."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from urllib.parse import quote_plus

from app.store.mongo.failures import StoreError

REPLICA_SET = "scimd"
SOCKET_PATH = re.compile(r"[a-z0-9/._-]{1,100}")
"""The paths that a socket can have.

The kernel takes 107 bytes, and mongod needs a few for itself. In a replica set the path serves as a host name, which
PyMongo lowercases and which a colon or a comma would end.
"""


class MongodFolder:
    """The folder of one private mongod."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir.absolute() / "mongodb"
        self.data = self.path / "data"
        self.log = self.path / "mongod.log"
        self.errors = self.path / "mongod.err"
        self.users_lock = self.path / "users.lock"
        self.keeper_lock = self.path / "keeper.lock"
        self.keeper_log = self.path / "keeper.log"

    def create(self) -> None:
        """Create the folder, accessible to this user only; raises StoreError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self.data.mkdir(exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error

    def open(self, file: Path, flags: int) -> int:
        """Open one of the files, or create it for this user only; return its descriptor; raises StoreError."""
        try:
            return os.open(file, flags | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> StoreError:
        reason = f"{error.strerror}; set SCIMD_DATA_DIR to another one"
        return StoreError(f"The folder {self.path} cannot be used: {reason}.")

    @property
    def socket(self) -> Path:
        """The path of the socket: here, or in a private temporary folder if this one cannot have a socket."""
        name = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        own = f"scimd-{os.getuid()}-{name}"
        folders = (self.path, Path(tempfile.gettempdir()) / own, Path("/tmp") / own)  # noqa: S108 - created privately
        paths = (folder / "mongod.sock" for folder in folders)
        return next(path for path in paths if SOCKET_PATH.fullmatch(str(path)))

    def uri(self, options: str = f"replicaSet={REPLICA_SET}") -> str:
        """Return the connection string."""
        return f"mongodb://{quote_plus(str(self.socket))}/scimd?{options}"
