"""Values of the mapping language: amounts, currencies, identifiers, times."""
