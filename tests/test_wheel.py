"""The wheel, used from an empty directory: it has all that a user needs, and leads to `init`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("mappings", "jobs", "receiver")
BUILD = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pip would put into an environment; built without a network, from a copy."""
    root = tmp_path_factory.mktemp("wheel")
    source = root / "source"
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BUILD, str(root)],
        check=True,
        capture_output=True,
        cwd=source,
    )
    [wheel] = root.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(root / "unpacked")
    return root / "unpacked"


def run(unpacked: Path, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of the wheel, and of nothing else that is installed here."""
    code = (
        "import sys, receiver.cli as cli; assert cli.__file__.startswith(sys.argv.pop(1)); "
        "sys.argv[0] = 'receiver'; cli.main()"
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(unpacked), *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=directory,
        env={"PATH": os.environ["PATH"], "HOME": str(directory), "PYTHONPATH": str(unpacked)},
    )


def test_it_has_the_engine_the_library_the_schemas_and_the_migrations(unpacked: Path) -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            name = path.relative_to(ROOT)
            if path.is_file() and "__pycache__" not in name.parts:
                assert (unpacked / name).is_file(), name
    [points] = unpacked.glob("receiver-*.dist-info/entry_points.txt")
    assert "receiver = receiver.cli:main" in points.read_text()
    assert not (unpacked / "tests").exists()


def test_an_empty_directory_leads_to_a_folder_in_which_it_works(
    unpacked: Path, tmp_path: Path
) -> None:
    first = run(unpacked, tmp_path, "check")
    assert first.returncode == 2
    assert "receiver init DIR" in first.stderr
    made = run(unpacked, tmp_path, "init", "own", "--with", "zendesk,stripe")
    assert (made.returncode, made.stderr) == (0, "")
    checked = run(unpacked, tmp_path / "own", "check")
    assert checked.returncode == 0, checked.stdout
    assert "all examples as expected" in checked.stdout
