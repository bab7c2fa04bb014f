from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import mappings
from tests.support.databases import Outside, PostgresDatabase, SqliteFile
from tests.support.service import Service

SHIPPED = Path(mappings.__file__).parent
#: What vendors call, where they sign it.
PUBLIC_URL = "https://hooks.example.com/in"
MAPPINGS = Path(__file__).with_name("mappings")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what need not run on both databases; skipping it would read as a gap."""
    items[:] = [item for item in items if _is_wanted(item)]


def _is_wanted(item: pytest.Item) -> bool:
    only = item.get_closest_marker("only")
    if only is None or not isinstance(item, pytest.Function):
        return True
    return bool(item.callspec.params["database_kind"] in only.args)


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """The same suite on both databases, one after the other."""
    kind: str = request.param
    return kind


def _new_service(
    request: pytest.FixtureRequest, root: Path, kind: str, mappings: Path = MAPPINGS
) -> Service:
    database: Outside = (
        SqliteFile(root)
        if kind == "sqlite"
        else PostgresDatabase(request.getfixturevalue("postgres"))
    )
    service = Service(root, database, mappings)
    service.migrate()
    return service


@pytest.fixture(scope="session")
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, database_kind: str
) -> Iterator[Service]:
    """Web and worker, shared by all tests that break nothing: each uses its own customer."""
    service = _new_service(request, tmp_path_factory.mktemp("shared"), database_kind)
    try:
        service.start_web()
        service.start_worker()
        yield service
    finally:
        service.close()


@pytest.fixture(scope="module")
def shipped(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, database_kind: str
) -> Iterator[Service]:
    """Web and worker on the mapping files that come with the service."""
    service = _new_service(request, tmp_path_factory.mktemp("shipped"), database_kind, SHIPPED)
    try:
        service.start_web(environment={"RECEIVER_PUBLIC_URL": PUBLIC_URL})
        service.start_worker()
        yield service
    finally:
        service.close()


@pytest.fixture
def own_service(
    request: pytest.FixtureRequest, tmp_path: Path, database_kind: str
) -> Iterator[Service]:
    """An installation of this test alone, of which nothing is started yet."""
    service = _new_service(request, tmp_path, database_kind)
    try:
        yield service
    finally:
        service.close()


@pytest.fixture
def customer() -> str:
    """A customer of this test alone: what is billed to it, this test has billed."""
    return f"customer-{uuid.uuid4().hex[:12]}"
