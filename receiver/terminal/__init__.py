"""How text and tables are printed on a terminal or into a pipe."""
