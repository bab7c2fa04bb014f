from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import SqliteFile
from tests.support.service import Service

MAPPINGS = Path(__file__).parents[1] / "acceptance" / "mappings"
CONNECTIONS = 1200
ROOM_MIB = 16


@pytest.fixture(scope="session")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A real web process with limits that a test can reach, and no worker."""
    root = tmp_path_factory.mktemp("victim")
    service = Service(root, SqliteFile(root), MAPPINGS)
    limits = {
        "RECEIVER_CONNECTION_LIMIT": str(CONNECTIONS),
        "RECEIVER_BODY_BUFFER_BYTES": str(ROOM_MIB * 1024 * 1024),
    }
    try:
        service.migrate()
        service.start_web(environment=limits)
        yield service
    finally:
        service.close()
