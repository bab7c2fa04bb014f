"""The database: its tables, their migrations, connections and transactions."""
