"""The targets of `make fuzz`, for a moment each and without coverage: seeds, and bits turned."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest
from hypothesis import given, settings, strategies as st

from tests.fuzz.__main__ import TARGETS

MODULES = {name: importlib.import_module(f"tests.fuzz.targets.{name}") for name in TARGETS}
targets = pytest.mark.parametrize("target", MODULES.values(), ids=MODULES)


@targets
def test_no_seed_finds_anything(target: ModuleType) -> None:
    seeds = list(target.seeds())
    assert len(seeds) > 10
    for seed in seeds:
        target.check(seed)


@targets
def test_no_bytes_find_anything(target: ModuleType) -> None:
    seeds = list(target.seeds())

    @settings(max_examples=150, deadline=None)
    @given(st.sampled_from(seeds), st.binary(max_size=60), st.data())
    def turn(seed: bytes, more: bytes, data: st.DataObject) -> None:
        cut = data.draw(st.integers(min(1, len(seed)), len(seed)))
        target.check(seed[:cut] + more)

    turn()
