"""Why a captured request is refused: checked offline, trying the likely mistakes.

Pure: `captured` reads the request, `mistakes` knows what goes wrong on the way, `search` finds
out which of it did.
"""

from receiver.diagnosis.captured import Captured, CaptureInvalid, read_capture
from receiver.diagnosis.search import Diagnosis, Finding, NamedSecret, diagnose

__all__ = [
    "CaptureInvalid",
    "Captured",
    "Diagnosis",
    "Finding",
    "NamedSecret",
    "diagnose",
    "read_capture",
]
