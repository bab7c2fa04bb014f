"""Settling again from stored bytes: rehearsed, asked for, carried on, compared."""
