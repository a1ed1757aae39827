"""Step labels from several kinds of source: how their opinions are united, and what people say of steps.

The opinions themselves are formed elsewhere: by rules in `reflection`, by judges in `judging`, by replay in `play`.
"""

from __future__ import annotations

from synthdata.labelling.consensus import agreed_label, first_error, united, with_opinions
from synthdata.labelling.learnable import learnable_steps

__all__ = ["agreed_label", "first_error", "learnable_steps", "united", "with_opinions"]
