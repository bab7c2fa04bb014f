"""The ledger of a key: what is recorded of it, what it owes, and the rows behind both."""
