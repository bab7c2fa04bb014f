"""The mapping language: the payload of a webhook to billable outcomes, pure."""
