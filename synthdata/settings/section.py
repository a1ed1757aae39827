"""What all sections of the settings share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Common behaviour of all sections: frozen, and no unknown key passes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
