"""Rounds on more than one machine: a Ray cluster that is started here or joined. The only importer of ray.

What travels are texts, arrays and functions of this package by name; nothing is uploaded, so that every node must have
the same package, which is looked at when the cluster is joined. Work that is lost with a process is done again by
another: it depends on its input alone.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import secrets
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import synthdata
from synthdata.errors import SettingsError
from synthdata.protocols import Done, Part
from synthdata.similarity.index import VectorIndex
from synthdata.similarity.parts import PartedIndex, RowSearch, cut, part_of

Answer = TypeVar("Answer")
LOCAL = "local"
# What must be alike wherever a text is read or a vector compared.
_ALIKE = ("numpy", "regex")
# Lost work is done again as often as it is lost; what fails by itself fails at once.
_AGAIN = -1


class Cluster:
    """A Ray cluster as a mapper over its processors, and as the holder of an index in parts."""

    def __init__(self, address: str) -> None:
        """Start a cluster on this machine (`local`), or join the one that is there (`auto`) or at an address.

        Raises:
            SettingsError: ray is not installed, nothing answers there, or a node has another version of this package.
        """
        self._ray = _joined(address)
        self._same_everywhere()

    @property
    def processors(self) -> int:
        """How many pieces of work the cluster does at a time, at least 1."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def __call__(self, function: Callable[[Part], Done], parts: Sequence[Part]) -> Iterable[Done]:
        """What the function makes of each part, in their order; about two parts a processor are under way at a time."""
        work = self._ray.remote(_done).options(max_retries=_AGAIN)
        shared = self._ray.put(function)
        waiting = [work.remote(shared, part) for part in parts[: 2 * self.processors]]
        for place in range(len(parts)):
            if place + len(waiting) < len(parts):
                waiting.append(work.remote(shared, parts[place + len(waiting)]))
            try:
                done: Done = self._ray.get(waiting.pop(0))
            except self._ray.exceptions.RayTaskError as error:
                # What the function raised, as if it had been called here.
                raise error.cause from error
            yield done

    def deal(self, index: RowSearch, parts: int = 0) -> RowSearch:
        """The index with its rows held by the cluster, in so many parts (0: one a processor)."""
        if not len(index):
            return index
        return PartedIndex(index.dim, RemoteParts(self._ray, cut(index, parts or self.processors)))

    def _same_everywhere(self) -> None:
        """Every node reads texts and vectors by the same code."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        own, look = _version(), self._ray.remote(_version)
        nodes = [node for node in self._ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        asked = [
            look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote()
            for node in nodes
        ]
        for node, answer in zip(nodes, asked, strict=True):
            try:
                other = self._ray.get(answer)
            except self._ray.exceptions.RayError as error:
                raise SettingsError(
                    f"the node {node['NodeManagerHostname']} cannot run this package: {error}; install there what is "
                    "installed here (docs/scale.md)"
                ) from error
            if other != own:
                raise SettingsError(
                    f"the node {node['NodeManagerHostname']} runs {other}, this machine {own}: verdicts could differ; "
                    "install the same versions on all nodes (docs/scale.md)"
                )


class RemoteParts:
    """Parts of an index, each held by a process of the cluster.

    Their rows stay in the cluster's memory of objects too, so that a process that is lost can be made again.
    """

    def __init__(self, ray: ModuleType, rows: Iterator[Any]) -> None:
        self._ray = ray
        # No processor is set aside for them: they work while the mapper rests.
        holder = ray.remote(_Holder).options(
            num_cpus=0, max_restarts=_AGAIN, max_task_retries=_AGAIN, scheduling_strategy="SPREAD"
        )
        self._sizes: list[int] = []
        self._rows: list[Any] = []
        for part in rows:
            self._sizes.append(len(part))
            self._rows.append(ray.put(part))
        self._holders = [holder.remote() for _ in self._rows]

    @property
    def sizes(self) -> list[int]:
        """Rows of each part."""
        return self._sizes

    def ask(self, questions: Sequence[Callable[[VectorIndex], Answer]]) -> list[Answer]:
        """The answer of each part to its question, all asked at once."""
        sent = {id(question): question for question in questions}
        shared = {name: self._ray.put(question) for name, question in sent.items()}
        asked = [
            # Rows in a list go by name: a process fetches them once, and again if it had to begin anew.
            holder.answer.remote([rows], shared[id(question)])
            for holder, rows, question in zip(self._holders, self._rows, questions, strict=True)
        ]
        answers: list[Answer] = self._ray.get(asked)
        return answers


class _Holder:
    """The process of a part."""

    def __init__(self) -> None:
        self._index: VectorIndex | None = None

    def answer(self, rows: Sequence[Any], question: Callable[[VectorIndex], Answer]) -> Answer:
        """What the question makes of the part whose rows stand in the cluster under this name."""
        import ray

        if self._index is None:
            self._index = part_of(ray.get(rows[0]))
        return question(self._index)


def _done(function: Callable[[Part], Done], part: Part) -> Done:
    return function(part)


def _version() -> str:
    """This package by its code, and what else a verdict depends on."""
    digest, root = hashlib.sha256(), Path(synthdata.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    names = " ".join(f"{name} {importlib.metadata.version(name)}" for name in _ALIKE)
    return f"synthdata {digest.hexdigest()[:12]} {names} on {platform.machine()}"


def _joined(address: str) -> ModuleType:
    """Ray, connected: to the cluster that this process is part of already, or to the one that is named."""
    if address == LOCAL:
        # Read when ray is imported, and by its processes: their ports are then open to this machine alone.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        # A secret of this run instead of one that ray would write into the home folder.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        # Its workers do the work that this command waits for; by default all else on a busy machine would come first.
        os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        with warnings.catch_warnings():
            # It reads a version by an attribute that click will drop.
            warnings.simplefilter("ignore", DeprecationWarning)
            import ray
    except ImportError as error:
        raise SettingsError(
            f'runtime.ray_address is "{address}", and ray is not installed: install synthdata-gate[ray], or leave the '
            "setting empty"
        ) from error
    module: ModuleType = ray
    if ray.is_initialized():
        return module
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM) if main else None
    try:
        ray.init(
            address=address,
            include_dashboard=False if address == LOCAL else None,
            log_to_driver=False,
            logging_level="error",
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise SettingsError(
            f'runtime.ray_address is "{address}": no Ray cluster can be joined there: {error}; start one with '
            "`ray start` (docs/scale.md), or set it to `local`"
        ) from error
    finally:
        if main and before is not None:
            # Ray takes SIGTERM for itself.
            signal.signal(signal.SIGTERM, before)
    return module
