"""The package as others get it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

FOLDER = Path(__file__).parents[1]


def test_the_wheel_holds_the_package_with_its_types_and_needs_httpx_alone(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=FOLDER, check=True, capture_output=True)
    (wheel,) = tmp_path.iterdir()
    with zipfile.ZipFile(wheel) as files:
        names = set(files.namelist())
        metadata = files.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    sources = {f"nexus/{path.name}" for path in (FOLDER / "src/nexus").iterdir() if path.is_file()}
    assert "nexus/py.typed" in sources
    assert sources <= names
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert needed == ["Requires-Dist: httpx<1,>=0.27"]
    assert "License-Expression: Apache-2.0" in metadata
