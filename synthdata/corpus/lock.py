"""One writer at a time: an operating-system file lock, which the kernel frees however its holder dies.

The holder describes itself in a side file, so that whoever is refused learns whom to wait for. Readers take no lock.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from synthdata.errors import InputError, LockedError
from synthdata.io.files import parsed_json

# What file systems over a network say where locks are not served.
NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP})


class WriterLock:
    """The lock `name` of one corpus folder, by default its writer's; not re-entrant. `doing` is what a holder does."""

    def __init__(self, corpus: Path, name: str = "writer", doing: str = "is writing to it") -> None:
        self._corpus = corpus
        self._name, self._doing = name, doing
        self._holder = corpus / f"{name}.json"
        self._held = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock, or raise at once.

        Raises:
            LockedError: somebody else holds it; the message names the process.
            InputError: the file system has no locks.
        """
        from filelock import FileLock, Timeout

        # Not thread-local: whoever holds the store may commit from any of its threads. A file whose mere existence is
        # the lock, which the library would take instead of a missing one, outlives a holder that died elsewhere.
        path = self._corpus / f"{self._name}.lock"
        lock = FileLock(path, timeout=0, thread_local=False, mode=0o600, fallback_to_soft=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise LockedError(self._refusal()) from error
        except (OSError, NotImplementedError) as error:
            number = getattr(error, "errno", errno.ENOSYS)
            if number not in NO_LOCKS:
                raise
            raise InputError(
                f"{path}: this file system has no locks ({os.strerror(number)}), and without them two writers would "
                "spoil the corpus; mount it with locks (NFS 4, or lockd), or put the corpus on a local disk"
            ) from error
        try:
            self._describe()
            self._held = True
            yield
        finally:
            self._held = False
            self._holder.unlink(missing_ok=True)
            lock.release()

    def require(self) -> None:
        """Refuse a write outside `held`."""
        if not self._held:
            raise LockedError(f"{self._corpus}: not held for writing; wrap the call in `with store.writing():`")

    def _describe(self) -> None:
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "command": " ".join(sys.argv)[:300],
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        # One name, so that what a killed holder left is written over: nobody else may be here.
        part = self._holder.with_name(f".{self._holder.name}.part")
        part.write_text(json.dumps(holder), encoding="utf-8")
        part.replace(self._holder)

    def _refusal(self) -> str:
        try:
            holder = parsed_json(self._holder.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # The holder took the lock this instant and has not said who it is.
            return f"{self._corpus}: another process {self._doing}; try again when it is done"
        known = {"pid": "?", "host": "?", "command": "?", "started": "?"} | (holder if isinstance(holder, dict) else {})
        who = "process {pid} on {host} ({command}), since {started}".format(**known)
        return f"{self._corpus}: {who} {self._doing}; wait for it or stop it, then run the same command again"
