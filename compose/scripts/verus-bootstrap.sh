#!/usr/bin/env bash
# Begin with a chain that somebody else has read: hours instead of days.
#
#   compose/scripts/verus-bootstrap.sh [--sha256 HASH]     into the volume of the stack
#   compose/scripts/verus-bootstrap.sh --verify            later, once verusd is in step
#   compose/scripts/verus-bootstrap.sh --folder DIR        into a folder, without containers
#
# Never over a chain that is there. wallet.dat and configurations are left out. It can be stopped
# and run again at any point. The hash comes from the same host as the archive, so it proves no
# more than a whole download; --sha256 takes one that you trust, and --verify has verusd check the
# signature of the archive's maker.
set -euo pipefail
chain=${CHAIN:-VRSC}
signer=${BOOTSTRAP_SIGNER:-Verus Coin Foundation Bootstrap@}
case "${chain}" in
  VRSC) url=${BOOTSTRAP_URL:-https://bootstrap.verus.io/VRSC-bootstrap.tar.gz} subfolder=VRSC ;;
  VRSCTEST) url=${BOOTSTRAP_URL:-https://bootstrap.verustest.net/vrsctest-bootstrap.tar.gz} subfolder=vrsctest ;;
  *) echo "verus-bootstrap: CHAIN is VRSC or VRSCTEST, not ${chain}" >&2; exit 2 ;;
esac
say() { echo "verus-bootstrap: $*"; }
die() { echo "verus-bootstrap: $*" >&2; exit 1; }

folder="" pinned="" verify=no
while [ $# -gt 0 ]; do
  case "$1" in
    --folder) folder=${2:?a folder}; shift ;;
    --sha256) pinned=${2:?a hash}; shift ;;
    --verify) verify=yes ;;
    *) sed -n '2,/^set -/p' "$0" | sed '$d; s/^# \{0,1\}//' >&2; exit 2 ;;
  esac
  shift
done

member() { tr -d '\n' <"$1" | sed -n "s/.*\"$2\"[[:space:]]*:[[:space:]]*\"\([^\"]*\)\".*/\1/p"; }
# Without a name of one's own the host answers 403.
fetch() { curl --fail --silent --show-error --location --retry 5 --user-agent verus-gateway "$@"; }

inside() { # the same script, in a container that has the volume
  local words=() self
  self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
  read -r -a words <<<"${COMPOSE:-docker compose}"
  exec "${words[@]}" -f "$(dirname "$0")/../docker-compose.yml" run --rm --no-deps -T \
    -v "${self}:/bootstrap.sh:ro" --entrypoint bash verus-daemon /bootstrap.sh --folder "/var/lib/verus/.komodo/${subfolder}" "$@"
}

if [ "${verify}" = yes ]; then
  read -r -a words <<<"${COMPOSE:-docker compose}"
  note="/var/lib/verus/.komodo/${subfolder}/.bootstrap-verusid"
  # shellcheck disable=SC2016  # it is the container's shell that fills this in
  exec "${words[@]}" -f "$(dirname "$0")/../docker-compose.yml" exec -T verus-daemon bash -c '
    note=$1 chain=(); [ "${CHAIN:-VRSC}" = VRSC ] || chain=("-chain=${CHAIN}")
    [ -f "$note" ] || { echo "verus-bootstrap: no bootstrap was used here" >&2; exit 1; }
    member() { tr -d "\n" <"$note" | sed -n "s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\([^\"]*\)\".*/\1/p"; }
    said=$(verus "${chain[@]}" verifyhash "$(member signer)" "$(member signature)" "$(member hash)")
    [ "$said" = true ] || { echo "verus-bootstrap: the signature is NOT good: make the chain anew" >&2; exit 1; }
    echo "verus-bootstrap: signed by $(member signer)"' _ "${note}"
fi
[ -n "${folder}" ] || inside ${pinned:+--sha256 "${pinned}"}

mkdir -p "${folder}"
cd "${folder}"
unfinished=.bootstrap-unfinished archive=.bootstrap-archive note=.bootstrap-verusid
if [ ! -e "${unfinished}" ]; then
  for used in blocks chainstate wallet.dat; do
    [ ! -e "${used}" ] || die "${folder}/${used} is there: a bootstrap is only for an empty folder"
  done
fi

fetch --output "${note}.new" "${url}.verusid" || die "${url}.verusid cannot be fetched"
[ "$(member "${note}.new" signer)" = "${signer}" ] || die "signed by \"$(member "${note}.new" signer)\", not by \"${signer}\""
hash=$(member "${note}.new" hash)
[[ "${hash}" =~ ^[0-9a-f]{64}$ ]] || die "the note beside the archive holds no SHA-256"
if [ -n "${pinned}" ] && [ "${pinned}" != "${hash}" ]; then
  die "the archive is not the one that was pinned: ${hash}"
fi
# Another archive than the one that was half fetched: begin anew.
if [ -f "${note}" ] && [ "$(member "${note}" hash)" != "${hash}" ]; then rm -f "${archive}.part" "${archive}"; fi
mv "${note}.new" "${note}"

if [ ! -f "${archive}" ]; then
  size=$(fetch --head "${url}" | tr -d '\r' | sed -n 's/^[Cc]ontent-[Ll]ength: *//p' | tail -n 1)
  have=$(stat -c %s "${archive}.part" 2>/dev/null || echo 0)
  free=$(($(df --output=avail -k . | tail -n 1) * 1024 + have))
  # The archive, and the chain out of it, at once.
  if [ -n "${size}" ] && [ "${free}" -lt $((size * 5 / 2)) ]; then
    die "$((size * 5 / 2 / 1000000000)) GB are needed, $((free / 1000000000)) GB are free"
  fi
  say "fetching ${url} (${size:-unknown} bytes, ${have} are here)"
  fetch --continue-at - --output "${archive}.part" "${url}"
  echo "${hash}  ${archive}.part" | sha256sum --check --strict --status - \
    || { rm -f "${archive}.part"; die "what was fetched is not what its hash says; it was removed"; }
  mv "${archive}.part" "${archive}"
fi

touch "${unfinished}"
# What an interrupted run left of the chain goes first; nothing else lies here.
rm -rf blocks chainstate notarisations
tar -xzf "${archive}" --no-same-owner --exclude 'wallet.dat*' --exclude '*.conf' --exclude '.bootstrap*'
sync
rm -f "${archive}" "${unfinished}"
say "done: start verusd; once it is in step, run verus-bootstrap.sh --verify"
