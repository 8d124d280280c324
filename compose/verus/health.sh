#!/usr/bin/env bash
# Whether verusd is in step with its network: peers, age of the newest block, blocks behind.
#
# Not by verificationprogress or headers: while it syncs, verusd says 1 and a height below its own.
# --alive asks only whether it answers. Exit status: 0 yes, 1 no; one line says why.
set -euo pipefail
max_age=${MAX_TIP_AGE:-1800} max_behind=${MAX_BEHIND:-2}
chain=()
[ "${CHAIN:-VRSC}" = VRSC ] || chain=("-chain=${CHAIN}")
say() { echo "verus-health: $*"; }

ask() { timeout 10 verus "${chain[@]}" "$@" 2>&1; }
member() { sed -n "s/^[[:space:]]*\"$1\"[[:space:]]*:[[:space:]]*\"\{0,1\}\([0-9]\{1,\}\).*/\1/p" | head -n 1; }

info=$(ask getinfo) || {
  case "${info}" in
    *"error code: -28"*) say "loading" ; [ "${1:-}" = --alive ] && exit 0 ;;
    *) say "does not answer" ;;
  esac
  exit 1
}
[ "${1:-}" != --alive ] || { say "answers"; exit 0; }

blocks=$(member blocks <<<"${info}") peers=$(member connections <<<"${info}")
longest=$(member longestchain <<<"${info}") made=$(member tiptime <<<"${info}")
[ -n "${blocks}" ] && [ -n "${peers}" ] && [ -n "${made}" ] || { say "getinfo is not what it should be"; exit 1; }
[ "${peers}" -gt 0 ] || { say "no peers"; exit 1; }

# The middle of what the peers said when they came: one liar among them changes nothing.
heights=$(ask getpeerinfo | sed -n 's/.*"startingheight"[[:space:]]*:[[:space:]]*\([0-9]\{1,\}\).*/\1/p' | sort -n) || true
middle=$(awk '{ each[NR] = $1 } END { if (NR) print each[int((NR + 1) / 2)] }' <<<"${heights}")
best=${longest:-0}
[ "${middle:-0}" -le "${best}" ] || best=${middle}
age=$(($(date +%s) - made)) behind=$((best - blocks))
[ "${behind}" -le "${max_behind}" ] || { say "${behind} blocks behind, at ${blocks}"; exit 1; }
[ "${age}" -le "${max_age}" ] || { say "the newest block is ${age} s old"; exit 1; }
say "in step at ${blocks}, ${peers} peers"
