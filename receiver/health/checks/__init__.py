"""The checks, one module for what they examine."""
