"""The service checks its own books: what is wrong, in words, and how the checking goes on.

Owns what counts as a fault. Refuses to correct anything: a fault is a bug or a manual change in the
database, and both are for a person to look at.
"""
