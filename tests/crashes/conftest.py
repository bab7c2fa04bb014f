from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crashes.stage import BOOKS_SECRET, Installation
from tests.support.databases import Outside, PostgresDatabase, SqliteFile
from tests.support.postgres import Postgres
from tests.support.service import Service

HERE = Path(__file__).parent
MAPPINGS = HERE.parent / "acceptance" / "mappings"


def _install(root: Path, new_database: Callable[[Path], Outside]) -> Installation:
    mappings = root / "shared"
    shutil.copytree(MAPPINGS, mappings)
    shutil.copytree(HERE / "mappings", mappings, dirs_exist_ok=True)
    service = Service(root, new_database(root), mappings)
    service.environment["BOOKS_SECRET"] = BOOKS_SECRET
    service.migrate()
    return Installation(service, new_database)


@pytest.fixture(scope="session")
def sqlite_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = _install(tmp_path_factory.mktemp("crashes"), SqliteFile)
    yield installation
    installation.service.close()


@pytest.fixture(scope="session")
def postgres_installation(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres
) -> Iterator[Installation]:
    installation = _install(
        tmp_path_factory.mktemp("crashes"), lambda _: PostgresDatabase(postgres)
    )
    yield installation
    installation.service.close()


@pytest.fixture
def installation(request: pytest.FixtureRequest, kind: str) -> Installation:
    """The one installation on a database of that kind, on which all points are tried."""
    found: Installation = request.getfixturevalue(f"{kind}_installation")
    return found
