"""The store on Delta tables: truth on disk, one writer, one atomic commit a round."""

from synthdata.corpus.events import EVENT_KINDS
from synthdata.corpus.rows import to_candidate, to_decision
from synthdata.corpus.store import CorpusStore

__all__ = ["EVENT_KINDS", "CorpusStore", "to_candidate", "to_decision"]
