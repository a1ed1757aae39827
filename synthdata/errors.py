"""Every error that this project raises on purpose, with the exit code that the command line gives it.

SynthdataError
├── InputError          a file, row or argument that cannot be used            exit 2
│   └── PictureError    a picture that is damaged, too large or none           exit 2
├── SettingsError       an unknown or impossible setting                       exit 2
├── AnchorError         too little reference, or an anchor that does not fit   exit 2
├── EndpointError       a model endpoint that cannot be reached or refuses     exit 2
├── LockedError         another process is writing to the corpus               exit 75
├── RefusedError        an alarm or a floor says no                            exit 1
├── CacheError          a cache that the disk refuses to read or write         exit 2
└── CorruptStoreError   the store contradicts itself                           exit 3

Anything else that reaches the command line is a bug of this program: exit 70 and a file with the traceback.
"""

from __future__ import annotations


class SynthdataError(Exception):
    """Base of the tree. The message says what happened, where, and what to do about it."""

    exit_code = 2


class InputError(SynthdataError):
    """A file, row or argument that cannot be used; names the file, line and field."""


class PictureError(InputError):
    """A picture that is damaged, too large, or none; says which."""


class SettingsError(SynthdataError):
    """An unknown or impossible setting; names the field and the nearest known one."""


class AnchorError(SynthdataError):
    """The reference is too small to calibrate from, or the anchor was made under other conditions."""


class EndpointError(SynthdataError):
    """A model endpoint that cannot be reached, or keeps refusing after all retries."""


class LockedError(SynthdataError):
    """Another process holds the corpus' writer lock; the message names it."""

    # What `sysexits.h` calls a temporary failure: the same command later will do.
    exit_code = 75


class RefusedError(SynthdataError):
    """An alarm or a floor forbids what was asked."""

    exit_code = 1


class CacheError(SynthdataError):
    """A cache that cannot be used because the disk is full, locked or read-only; names the file."""


class CorruptStoreError(SynthdataError):
    """The store breaks one of its own invariants; nothing is written until `verify` is satisfied."""

    exit_code = 3
