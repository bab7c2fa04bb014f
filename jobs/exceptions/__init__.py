"""What was taken and not billed as someone may expect: found in the background, exact when read.

Owns which keys stand among the exceptions. Refuses to correct anything: that is for a person.
"""
