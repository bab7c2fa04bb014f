"""What can be wrong with an installation, as far as the database shows it.

Owns the record of a problem, and the checks that alerts, /readyz and `receiver doctor` share.
"""
