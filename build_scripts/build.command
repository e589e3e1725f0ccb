#!/bin/sh
# Builds the executables; see docs/BUILDING.md.
exec python3 "$(dirname "$0")/build.py" "$@"
