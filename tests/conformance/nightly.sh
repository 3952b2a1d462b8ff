#!/usr/bin/env bash
# 100,000 random specs on all engines, in parts; about three hours on two cores. usage: nightly.sh [FIRST_SEED]
set -euo pipefail
first=${1:-1000}
failed=0
for part in $(seq 0 49); do
    "$(dirname "$0")/run.sh" 2000 $((first + part)) only-random || failed=$((failed + 1))
done
echo "$failed of 50 parts failed"
test "$failed" = 0
