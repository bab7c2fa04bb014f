"""Deliveries: the list, one with its evidence, the failed ones by cause, the balance."""
