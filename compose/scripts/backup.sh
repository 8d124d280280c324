#!/usr/bin/env bash
# Back up what cannot be made again, in one encrypted file:
#
#   compose/scripts/backup.sh --passphrase-file FILE [OUT]
#
# compose/.env, the configuration, the secrets, what Redis keeps, the clients and keys of the token
# service, Caddy's certificates. Not the chain: it comes back by itself. Nothing unencrypted is
# left on the disk. Restore with restore.sh, and try that before you need it.
set -euo pipefail
umask 077
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=compose/scripts/stack.sh
. "${here}/stack.sh"

passphrase="" out=""
while [ $# -gt 0 ]; do
  case "$1" in
    --passphrase-file) passphrase=${2:?a file}; shift ;;
    -*) usage "$0" ;;
    *) out=$1 ;;
  esac
  shift
done
[ -n "${passphrase}" ] || usage "$0"
need_passphrase "${passphrase}"
out=${out:-verus-gateway-$(date -u +%Y%m%dT%H%M%SZ).backup}
[ ! -e "${out}" ] || die "${out} is there already"

# In memory, where the system has a folder for that.
room=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf "${room}"' EXIT
mkdir "${room}/files" "${room}/volumes"
cp "${ENV_FILE}" "${room}/files/env"
cp -R "${CONFIG_DIR}" "${room}/files/config"
cp -R "${SECRETS_DIR}" "${room}/files/secrets"
while read -r service folder; do
  compose run --rm --no-deps -T --entrypoint tar "${service}" -C "${folder}" -cf - . \
    >"${room}/volumes/${service}.tar" </dev/null 2>"${room}/said" || { cat "${room}/said" >&2; die "${service} cannot be read"; }
  say "read ${service}:${folder} ($(wc -c <"${room}/volumes/${service}.tar") bytes)"
done < <(kept_volumes)
rm -f "${room}/said"
manifest=$(cd "${room}" && find . -type f -exec sha256sum {} +)
echo "${manifest}" >"${room}/MANIFEST"
tar -C "${room}" -czf - . | gpg --batch --yes --quiet --symmetric --cipher-algo AES256 \
  --pinentry-mode loopback --passphrase-file "${passphrase}" --output "${out}.part"
mv "${out}.part" "${out}"
say "made ${out} ($(wc -c <"${out}") bytes); try it: restore.sh --passphrase-file FILE --list ${out}"
