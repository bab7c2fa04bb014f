"""The catalogue: agents.yaml, prices in effect, percentages, customers' own prices."""
