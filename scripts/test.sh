#!/usr/bin/env bash
# Check style (ruff) and types (mypy), run the tests, in an environment of their own (.venv); the first time it is
# installed.
#
#   scripts/test.sh                       all but the slow ones
#   scripts/test.sh -m ''                 all
#   scripts/test.sh tests/faces -x        arguments go to pytest, which runs a process for each core (-n 0: one)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"
install_scgan_fan
.venv/bin/ruff check --quiet .
.venv/bin/mypy
exec .venv/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile "$@"
