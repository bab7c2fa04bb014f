"""Values taken out of a delivery before it is stored: where they stand, and how they go.

Pure. `paths` owns the language, `jsonspans` and `formspans` find the values in a body's text,
`redactor` puts the mark there, `taint` proves that no expression reads what is gone. Refuses:
to know signatures or storage.
"""
