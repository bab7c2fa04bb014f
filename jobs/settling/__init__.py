"""Settling: deliveries that wait are taken up, mapped, decided and recorded in one transaction."""
