"""Write sbom.cdx.json: what the image is made of, as CycloneDX, from requirements.lock.

Owns what is left out of the output of cyclonedx-py: index hosts, and the hashes that the lock has.
The same lock gives the same bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SBOM = ROOT / "sbom.cdx.json"
COMMAND = (
    *("cyclonedx-py", "requirements", "requirements.lock", "--pyproject", "pyproject.toml"),
    *("--output-format", "JSON", "--output-reproducible", "--spec-version", "1.6"),
)


def made() -> str:
    """The document as it belongs into the file."""
    beside = Path(sys.executable).parent
    said = subprocess.run(  # noqa: S603 - our own command, no input
        [beside / COMMAND[0], *COMMAND[1:]], cwd=ROOT, check=True, capture_output=True
    )
    return json.dumps(_fit(json.loads(said.stdout)), indent=1, sort_keys=True) + "\n"


def _fit(document: dict[str, Any]) -> dict[str, Any]:
    root = document["metadata"]["component"]
    parts = sorted(document["components"], key=lambda part: part["name"])
    kept = {name: document[name] for name in ("$schema", "bomFormat", "specVersion", "version")}
    about = {name: root[name] for name in ("name", "version", "type", "description")}
    return kept | {
        "metadata": {"component": about | {"bom-ref": "receiver"}},
        "components": [_part(part) for part in parts],
        "dependencies": [
            {"ref": "receiver", "dependsOn": [part["purl"] for part in parts]},
            *({"ref": part["purl"]} for part in parts),
        ],
    }


def _part(part: dict[str, Any]) -> dict[str, Any]:
    return {name: part[name] for name in ("name", "version", "purl", "type")} | {
        "bom-ref": part["purl"]
    }


if __name__ == "__main__":
    SBOM.write_text(made(), "utf-8")
    print(f"sbom: wrote {SBOM.name}")
