"""The doorbell: workers hear through Redis, by arq, of new deliveries. Nothing relies on it."""
