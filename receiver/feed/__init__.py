"""Deliveries as they come: a line for each once it has settled, and for each refused request.

`feeds` reads them, from the database or by the API; `follow` knows what was shown; `lines` has the
texts. `receiver up` and `receiver tail` print the same.
"""
