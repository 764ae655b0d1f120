"""Writes the management clients of both SDKs from openapi.json.

    python3 sdk/generator            writes them
    python3 sdk/generator --check    fails where they are not what openapi.json says
"""

import sys
from pathlib import Path

import python
import typescript
from document import read

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    document = read(ROOT / "openapi.json")
    files = {
        ROOT / "sdk/node/packages/sdk/src/management.ts": typescript.render(document),
        ROOT / "sdk/python/src/nexus/management.py": python.render(document),
    }
    if "--check" not in sys.argv[1:]:
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"{path.relative_to(ROOT)} is not what openapi.json says: run python3 sdk/generator", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
