"""Why a captured request is refused: checked offline, trying the likely mistakes.

Pure: `captured` reads the request, `mistakes` knows what goes wrong on the way, `search` finds
out which of it did; `address` judges where it was sent.
"""

from receiver.authoring.diagnosis.address import judged_by_address as judged_by_address
from receiver.authoring.diagnosis.captured import (
    Captured as Captured,
    CaptureInvalid as CaptureInvalid,
    read_capture as read_capture,
)
from receiver.authoring.diagnosis.finding import (
    Diagnosis as Diagnosis,
    Finding as Finding,
    NamedSecret as NamedSecret,
)
from receiver.authoring.diagnosis.search import diagnose as diagnose
