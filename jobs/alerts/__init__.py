"""Telling somebody, once, of what needs a person: new failures, silence, books that do not agree.

Owns what is told and when it is quiet. Refuses to know HTTP: whoever composes the service hands in
how a notice is posted. Refuses to tell of payloads: a notice holds counts, names of sources, rules
and files, and commands.
"""
