"""Durable work: the inbox, the ledger, settling, replay and the worker.

The only writer of the database. Knows nothing of HTTP or of how sources sign.
"""
