#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# random.sh [COUNT [FIRST]]: builds, and checks the random models of COUNT seeds (1,000,000) from FIRST (1) on. What fails
# is printed small, as text. See tests/random.
set -eu
cd "$(dirname "$0")/.."
cmake --preset release > /dev/null
cmake --build --preset release --target random_models > /dev/null
exec build/release/tests/random/random_models "${1:-1000000}" "${2:-1}"
