"""The faces of the service: signatures, webhook endpoint, API and command line.

Puts the parts together and runs them. Decides nothing about money: that is `jobs` and `mappings`.
"""
