#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test.sh SOURCE_DIR PROGRAM DIR: makes the hostile files in DIR and runs the program on each.
set -eu
python3 "$1/tests/hostile/make.py" "$1" "$3"
exec python3 "$1/tests/hostile/run.py" "$2" "$3"
