#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In how many files of src an operator is named: on average over the operators, the most, and those named in more than
# four. A name counts where it stands alone in quotes.
set -eu
cd "$(dirname "$0")/.."
sed -n 's/^    { "\([A-Za-z0-9.]*:\)\{0,1\}\([A-Z][A-Za-z0-9]*\)", [0-9]*, .*/\2/p' src/runtime/ops/*.c | sort -u |
while read -r name; do
    echo "$(grep -rlw "\"\([a-z.]*:\)\{0,1\}$name\"" --include='*.[ch]' src | wc -l) $name"
done | sort -n | awk '{ sum += $1; most = $1; name = $2; if ($1 > 4) many = many " " $2 "(" $1 ")" }
    END { printf "%d operators, named in %.2f files on average, %s in %d; in more than 4:%s\n", NR, sum / NR, name, most, many }'
