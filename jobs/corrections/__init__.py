"""Corrections by hand: charges that a person takes back or rebills."""
