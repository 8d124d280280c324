#!/usr/bin/env bash
# Write verusd's configuration from the mounted one and the secret, then become verusd.
set -euo pipefail
fail() { echo "verus-entrypoint: $*" >&2; exit 1; }

secret=${RPC_PASSWORD_FILE:-/run/secrets/verusd-password}
options=${VERUSD_CONF:-/etc/verus/verusd.conf}
[ -r "${secret}" ] || fail "no password at ${secret}: run compose/scripts/auto-config.py"
[ -r "${options}" ] || fail "no configuration at ${options}"
password=$(head -n 1 "${secret}")
[ "${#password}" -ge 16 ] || fail "the password in ${secret} is shorter than 16 characters"

# The chain's ports are compiled in.
case "${CHAIN:-VRSC}" in
  VRSC) folder=${HOME}/.komodo/VRSC conf=VRSC.conf rpc=27486 p2p=27485 chain=() ;;
  VRSCTEST) folder=${HOME}/.komodo/vrsctest conf=vrsctest.conf rpc=18843 p2p=18842 chain=(-chain=VRSCTEST) ;;
  *) fail "CHAIN is VRSC or VRSCTEST, not ${CHAIN}" ;;
esac
for argument in "$@"; do
  case "${argument#-}" in
    -bootstrap* | bootstrap*) fail "${argument} deletes the chain at every start: use compose/scripts/verus-bootstrap.sh" ;;
    daemon*) fail "verusd stays in the foreground: a fork ends the container" ;;
  esac
done
for name in sapling-spend.params sapling-output.params sprout-groth16.params; do
  [ -s "${HOME}/.zcash-params/${name}" ] || fail "${name} is missing: run the service verus-params first"
done
[ ! -e "${folder}/.bootstrap-unfinished" ] || fail "a bootstrap was not finished: run compose/scripts/verus-bootstrap.sh again"

mkdir -p "${folder}"
umask 077
{
  echo "# Written at each start from ${options} and the secret: changes here are lost."
  grep -v '^[[:space:]]*rpc\(user\|password\|port\)[[:space:]]*=' "${options}" || true
  echo "rpcuser=${RPC_USER:-verus}"
  echo "rpcpassword=${password}"
  echo "rpcport=${rpc}"
  echo "port=${p2p}"
} >"${folder}/${conf}.new"
mv "${folder}/${conf}.new" "${folder}/${conf}"
unset password

exec verusd "${chain[@]}" -printtoconsole "$@"
