"""Erasing a customer: `receiver purge`, step by step.

First all that is there of the id is counted (`survey`). Then the ledger changes, in one transaction
(`ledger`): whoever is killed before it is committed has changed nothing, and from its commit on
settling finds the id under its pseudonym. Then bodies go and texts are mended, in small steps
(`leftovers`), each of which can be made again: a second purge goes on where the first was cut off.
"""
