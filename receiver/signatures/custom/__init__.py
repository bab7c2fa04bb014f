"""Vendors whose rule cannot be expressed with the knobs of `scheme: hmac`.

One module for each kind of rule; each class or function names the vendor's page. All other vendors
are data in `receiver.signatures.presets`.
"""
