"""What durability costs, measured beside what would be there without it. `make bench` runs it."""
