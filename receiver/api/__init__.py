"""The JSON API under `/api`, for scripts, agents and whatever reconciles the ledger.

Owns paths, status codes and authentication. Refuses to know how an answer is found: that is
`jobs.queries` and `jobs.replays.replay`, the same for the command line.
"""

from receiver.api.dependencies import Dependencies
from receiver.api.routes import api_routes

__all__ = ["Dependencies", "api_routes"]
