"""Files as people write them: strict YAML, where everything stands in it, what is wrong where."""
