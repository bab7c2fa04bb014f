"""Help with writing mapping files: ready-made ones, their prices, and a folder for them."""
