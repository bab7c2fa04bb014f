"""The read side: what API, CLI and dashboard show.

Owns the queries and, beside each, the record that answers it, to the letter. Refuses to write.
"""
