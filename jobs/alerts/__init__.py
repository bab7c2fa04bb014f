"""Alerts, each sent once: new failures, silent sources, audits that found something.

Owns what is alerted on and when an alert is resolved. Refuses to know HTTP: the composition root
passes in how an alert is posted. Refuses payloads: an alert holds counts, names of sources, rules
and files, and commands.
"""
