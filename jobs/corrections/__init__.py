"""Corrections by hand: charges that a person takes back or bills anew."""
