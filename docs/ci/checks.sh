#!/bin/sh
# Everything that a pull request with detections is held to: specs and log sources are valid, tests pass, out/ is what the specs
# say; and what the change does, in words. Results stand in a folder; each step runs also if another has failed.
# usage: checks.sh [BASE [FOLDER]]      BASE: the revision to compare with (origin/main); FOLDER: cognate-results
# COGNATE names the program, COGNATE_ARGUMENTS what every command gets, such as `--site sites/example.yml`.
set -u
base=${1:-origin/main}
results=${2:-cognate-results}
cognate=${COGNATE:-cognate}
mkdir -p "$results" || exit 2
status=0

# step FILE COMMAND..: what a command prints goes into a file; 1 says that the content has problems, 2 that it could not run
step() {
    file=$1
    shift
    # shellcheck disable=SC2086
    "$cognate" "$@" ${COGNATE_ARGUMENTS:-} > "$results/$file"
    code=$?
    printf '%s: %s\n' "$1" "$([ $code = 0 ] && echo fine || echo "failed ($code), see $results/$file")"
    [ $code -le $status ] || status=$code
}

step check.sarif check --format sarif
step tests.xml test --format junit
step build.txt build --check
step diff.md diff --base "$base" --format markdown
exit $status
