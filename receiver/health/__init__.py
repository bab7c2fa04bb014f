"""`receiver doctor`: what is wrong with an installation, and what mends each of it.

Owns the checks and their sentences; the web process repeats the cheap ones for /readyz. Refuses
to change anything, and to let one check that cannot run keep the others from running.
"""
