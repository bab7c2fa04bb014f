"""Examples of mapping files sent as new events: which there are, with fresh ids and times.

Pure, but for the random numbers that are passed in. Owns what is replaced in an example, and how.
"""
