#!/usr/bin/env bash
# Fetch the parameters of the zero-knowledge proofs, about 740 MB, and check their hashes.
# What is there and right is kept; what was half fetched goes on where it stopped.
set -euo pipefail
folder=${1:-${HOME}/.zcash-params}
source=${PARAMS_URL:-https://verus.io/zcparams}
hashes=${PARAMS_SHA256:-"
8e48ffd23abb3a5fd9c5589204f32d9c31285a04b78096ba40a79b75677efc13  sapling-spend.params
2f0ebbcbb9bb0bcffe95a397e7eba89c29eb4dde6191c339db88570e3f3fb0e4  sapling-output.params
b685d700c60328498fbde589c8c7c484c722b788b265b72af448a5bf0ee55b50  sprout-groth16.params
"}
mkdir -p "${folder}"
cd "${folder}"

right() { [ -f "$2" ] && echo "$1  $2" | sha256sum --check --strict --status -; }

while read -r hash name; do
  [ -n "${name}" ] || continue
  if right "${hash}" "${name}"; then
    echo "verus-fetch-params: ${name} is there"
    continue
  fi
  curl --fail --silent --show-error --location --retry 5 --continue-at - \
    --user-agent "verus-gateway" --output "${name}.part" "${source}/${name}"
  if ! right "${hash}" "${name}.part"; then
    rm -f "${name}.part"
    echo "verus-fetch-params: ${name} is not what its hash says; it was removed" >&2
    exit 1
  fi
  mv "${name}.part" "${name}"
  echo "verus-fetch-params: ${name} fetched"
done <<<"${hashes}"
