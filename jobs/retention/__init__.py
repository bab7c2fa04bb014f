"""Retention: what is left of a delivery's bytes, and how they go."""
