"""Mapping files compiled: their shape, fields and checks, and what a rule makes of an event."""
