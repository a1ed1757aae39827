"""What a corpus has taught so far, for an agent between two tasks: nearest lessons, and which of them still stand.

Reading takes no lock. `Memory` is the object to keep open; `recall` asks once.
"""

from synthdata.memory.recall import Memory, Recalled, Scope, recall
from synthdata.memory.standing import Standing, supersede

__all__ = ["Memory", "Recalled", "Scope", "Standing", "recall", "supersede"]
