"""The ledger of a key: what was said of it, what it owes, and the rows behind both."""
