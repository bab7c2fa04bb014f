"""The doorbell: workers are told through Redis, by arq. Nothing relies on its being heard."""
