"""What the system says where it refuses a file: no damage, since the file may be whole, and somebody can do something.

A missing file, a folder in the place of a file and bytes that nothing can read are no refusals; what they mean is for
the caller to say.
"""

from __future__ import annotations

import errno
import os
import re

from synthdata.errors import InputError, SynthdataError

_PERMISSION = "change the permissions, or run this as the user who has them"
_ROOM = "make room, then run the same command again"
_AWAY = "see to the network disk, then run the same command again"
_LIMIT = "see `ulimit -a`, and run the same command again"
_ADVICE = {
    errno.EPERM: _PERMISSION,
    errno.EACCES: _PERMISSION,
    errno.EROFS: "make the disk writable, or name a place on another one",
    # Where files are many and small, `df -i` shows what is full.
    errno.ENOSPC: f"{_ROOM} (space or, by `df -i`, files)",
    errno.EDQUOT: _ROOM,
    errno.EIO: "see to the disk (the system's log says more), then run the same command again",
    errno.ESTALE: _AWAY,
    errno.ETIMEDOUT: _AWAY,
    errno.ENOTCONN: _AWAY,
    errno.EHOSTDOWN: _AWAY,
    errno.EFBIG: _LIMIT,
    errno.EMFILE: _LIMIT,
    errno.ENFILE: _LIMIT,
    errno.ENOMEM: "free some memory, then run the same command again",
}
# As libraries in Rust and C++ say it: in words of their own about the system's number, or as a kind alone.
_NUMBERED = re.compile(r"[(\[](?:os error|[Ee]rrno) (\d+)[)\]]")
_KINDS = {
    "PermissionDenied": errno.EACCES,
    "ReadOnlyFilesystem": errno.EROFS,
    "StorageFull": errno.ENOSPC,
    "QuotaExceeded": errno.EDQUOT,
}
_KIND = re.compile("|".join(_KINDS))


def refusal(error: BaseException) -> str:
    """What the system refuses and what to do about it, in words; empty where the error is another."""
    number = _number(error)
    return f"{os.strerror(number)}; {_ADVICE[number]}" if number in _ADVICE else ""


def _number(error: BaseException) -> int:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    numbered, kind = _NUMBERED.search(str(error)), _KIND.search(str(error))
    if numbered:
        return int(numbered[1])
    return _KINDS[kind[0]] if kind else 0


def sentence(error: OSError) -> str:
    """The place that an error of the system is about, what it says, and what to do."""
    # Of two names the second is the place of what was to come there, the first a name of our own beside it.
    return f"{error.filename2 or error.filename or 'the disk'}: {refusal(error) or error.strerror or error}"


def unless_refused(error: BaseException, place: object, otherwise: SynthdataError) -> SynthdataError:
    """`otherwise`, unless the system refused what was asked of that place: that may be whole, and can be had again."""
    advice = refusal(error)
    return InputError(f"{place}: {advice}") if advice else otherwise
