#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# compare.sh EXPECTED COMMAND…: fails unless the command prints exactly what the file holds.
# After a wanted change: COMMAND… >EXPECTED.
expected=$1
shift
echo "1..1"
if "$@" | diff -u "$expected" - | sed 's/^/# /' | grep .; then
    echo "not ok 1 - $(basename "$expected")"
    exit 1
fi
echo "ok 1 - $(basename "$expected")"
