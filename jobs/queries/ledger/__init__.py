"""The ledger: billing events, their story, exports and sums."""
