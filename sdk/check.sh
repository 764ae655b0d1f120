#!/usr/bin/env bash
# Lints of the SDKs: types in both languages, style of Python, and that what is generated is what openapi.json says.
# Brings what it needs, like tests/run.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/services.sh
source tests/services.sh

trap remove_policy EXIT

python=${CARGO_TARGET_DIR:-$PWD/target}/test-python/bin/python
install_packages
prepare_python "$(dirname "$(dirname "$python")")"
build_sdk

python3 sdk/generator --check
(cd sdk/node && npm run --silent check)
cd sdk/python
"$python" -m ruff check --no-cache
"$python" -m ruff format --check --no-cache
"$python" -m mypy --cache-dir="$(dirname "$(dirname "$python")")/mypy"
