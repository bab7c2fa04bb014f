"""What the records that leave the service as JSON have in common.

Each record stands beside its query. Amounts are decimal text (`"0.99"`, `"-400.00"`), times are
UTC and print as RFC 3339 with Z.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Shape(BaseModel):
    """A record as the outside sees it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(Shape, Generic[T]):
    """Some items of a list, newest first, and the cursor of what follows."""

    items: tuple[T, ...]
    next: str | None


class Amount(Shape):
    """A sum in one currency."""

    currency: str
    amount: str
