"""The sources that can be called now: their schemes, secrets and clocks."""
