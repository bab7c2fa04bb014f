"""The service checks its own books: what is wrong, in words, and how the checking goes on.

Owns what counts as a fault. Refuses to mend anything: a fault is a bug or somebody's hand in the
database, and both are for a person to look at.
"""
