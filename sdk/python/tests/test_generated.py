"""The generated clients are what openapi.json says."""

from __future__ import annotations

import subprocess
import sys

from nexus_server import ROOT


def test_the_management_clients_are_generated_from_openapi_json() -> None:
    check = subprocess.run([sys.executable, ROOT / "sdk/generator", "--check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr
