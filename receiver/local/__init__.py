"""Everything on one machine: `receiver up` and its demo.

Owns the processes it starts: they come up in order, stay in its process group and die with it.
"""
