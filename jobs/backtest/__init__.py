"""What edited mappings would bill otherwise over stored deliveries. Writes nothing."""
