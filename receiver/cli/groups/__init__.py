"""The commands as they are declared, by the person who uses them."""
