"""The odd ones: vendors whose rule cannot be said with the knobs of `scheme: hmac`.

One module for each kind of oddness; each class or function names the vendor's page. Everybody
else is data in `receiver.signatures.presets`.
"""
