"""From a folder of files to the set of mappings in force."""
