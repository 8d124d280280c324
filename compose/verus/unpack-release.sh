#!/usr/bin/env bash
# Check a release of verusd and unpack it: unpack-release.sh ASSET SHA256 SIGNER FOLDER
set -euo pipefail
asset=$1 expected=$2 signer=$3 folder=$4
fail() { echo "unpack-release: $*" >&2; exit 1; }

echo "${expected}  ${asset}" | sha256sum --check --strict --quiet - \
  || fail "${asset} is not the release that was pinned"
tar -xzf "${asset}" --no-same-owner
inner=$(basename "${asset}" .tgz).tar.gz
signature=${inner}.signature.txt
[ -f "${inner}" ] && [ -f "${signature}" ] || fail "${asset} does not hold ${inner} and its signature"
# The signature is a small JSON object. What it says of itself is compared here; whether the
# signer really signed it, only a synced node can tell.
member() { tr -d '\n' <"${signature}" | sed -n "s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\([^\"]*\)\".*/\1/p"; }
actual=$(sha256sum "${inner}" | cut -d' ' -f1)
[ "$(member hash)" = "${actual}" ] || fail "${inner} is not what its signature was made of"
[ "$(member signer)" = "${signer}" ] || fail "signed by \"$(member signer)\", not by \"${signer}\""
tar -xzf "${inner}" -C "${folder}" --no-same-owner
[ -x "${folder}/verus-cli/verusd" ] && [ -x "${folder}/verus-cli/verus" ] \
  || fail "${inner} does not hold verus-cli/verusd and verus-cli/verus"
# Upstream's own fetchers check less than ours.
rm -f "${folder}/verus-cli/fetch-params" "${folder}/verus-cli/fetch-bootstrap"
