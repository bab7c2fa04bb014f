"""What is wrong with an installation, and what to do about it.

Owns the one registry of checks, which /readyz, /metrics and `receiver doctor` run and render.
Refuses to change anything, and to let a check that cannot run keep the others from running.
"""
