"""What an author of mappings works with: examples, warnings, traces, editor schemas."""
