#!/usr/bin/env bash
# Put back what backup.sh kept, into a stack that is down:
#
#   compose/scripts/restore.sh --passphrase-file FILE [--list] [--force] BACKUP
#
# --list only shows and checks it. Files that are there are kept unless --force.
set -euo pipefail
umask 077
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=compose/scripts/stack.sh
. "${here}/stack.sh"

passphrase="" backup="" list=no force=no
while [ $# -gt 0 ]; do
  case "$1" in
    --passphrase-file) passphrase=${2:?a file}; shift ;;
    --list) list=yes ;;
    --force) force=yes ;;
    -*) usage "$0" ;;
    *) backup=$1 ;;
  esac
  shift
done
{ [ -n "${passphrase}" ] && [ -n "${backup}" ]; } || usage "$0"
need_passphrase "${passphrase}"
[ -f "${backup}" ] || die "${backup} is no file"

room=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf "${room}"' EXIT
gpg --batch --quiet --decrypt --pinentry-mode loopback --passphrase-file "${passphrase}" "${backup}" 2>"${room}.said" \
  | tar -C "${room}" -xzf - 2>/dev/null || { rm -f "${room}.said"; die "${backup} cannot be opened: wrong passphrase, or damaged"; }
rm -f "${room}.said"
(cd "${room}" && sha256sum --check --strict --quiet MANIFEST) || die "${backup} is damaged"
if [ "${list}" = yes ]; then
  cut -c67- "${room}/MANIFEST"
  exit 0
fi

put() { # FROM TO
  if [ -e "$2" ] && [ "${force}" = no ]; then
    die "$2 is there: move it away, or --force"
  fi
}
put files/env "${ENV_FILE}"
put files/config "${CONFIG_DIR}"
put files/secrets "${SECRETS_DIR}"
mkdir -p "$(dirname "${ENV_FILE}")" "${CONFIG_DIR}" "${SECRETS_DIR}"
cp "${room}/files/env" "${ENV_FILE}"
cp -R "${room}/files/config/." "${CONFIG_DIR}/"
chmod -R u+w "${SECRETS_DIR}"
cp -R "${room}/files/secrets/." "${SECRETS_DIR}/"
chmod 755 "${CONFIG_DIR}"
find "${CONFIG_DIR}" -type f -exec chmod 644 {} +
chmod 700 "${SECRETS_DIR}"
find "${SECRETS_DIR}" -type f -exec chmod 444 {} +
say "restored ${ENV_FILE}, ${CONFIG_DIR}, ${SECRETS_DIR}"

[ -z "$(compose ps --quiet 2>/dev/null)" ] || die "the stack runs: docker compose down first, for the volumes"
while read -r service folder; do
  [ -f "${room}/volumes/${service}.tar" ] || continue
  compose run --rm --no-deps -T --entrypoint sh "${service}" -c \
    "find '${folder}' -mindepth 1 -delete && tar -C '${folder}' -xf -" <"${room}/volumes/${service}.tar" >/dev/null 2>&1 \
    || die "${service} could not be filled"
  say "restored ${service}:${folder}"
done < <(kept_volumes)
say "done: docker compose up -d"
