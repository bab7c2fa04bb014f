"""Deleting what was received of a person: retention by age, `receiver purge` by customer.

A purge first counts everything that refers to the id (`survey`). Then the ledger changes in one
transaction (`ledger`): a kill before its COMMIT changes nothing, and from its COMMIT on settling
finds the id under its pseudonym. Then bodies are removed and texts rewritten in small steps
(`references`), each of which can be repeated: a second purge resumes where the first was cut off.
"""
