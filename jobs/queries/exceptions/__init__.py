"""What was accepted and not billed as expected: counts, examples, remediation."""
