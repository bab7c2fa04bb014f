"""Money as text: integer millionths to a decimal string, never through a float."""

from __future__ import annotations

from mappings.engine.amounts import money

__all__ = ["money"]
