"""The read side: what API, CLI and dashboard show, in one shape for all of them.

Owns the questions and the exact names of the answers (`jobs.queries.shapes`). Refuses to write.
"""
