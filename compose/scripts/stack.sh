# shellcheck shell=bash
# What backup.sh and restore.sh share: where the stack's things are. Sourced, not run.
compose_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ENV_FILE=${ENV_FILE:-${compose_folder}/.env}
program=$(basename "$0" .sh)

say() { echo "${program}: $*"; }
die() { echo "${program}: $*" >&2; exit 1; }
usage() { sed -n '2,/^set -/p' "$1" | sed '$d; s/^# \{0,1\}//' >&2; exit 2; }

set_in_env() { sed -n "s/^$1=//p" "${ENV_FILE}" 2>/dev/null | tail -n 1; }
SECRETS_DIR=${SECRETS_DIR:-$(set_in_env SECRETS_DIR)}
CONFIG_DIR=${CONFIG_DIR:-$(set_in_env CONFIG_DIR)}
SECRETS_DIR=${SECRETS_DIR:-${compose_folder}/secrets}
CONFIG_DIR=${CONFIG_DIR:-${compose_folder}/../configs/local}

compose() {
  local words=()
  read -r -a words <<<"${COMPOSE:-docker compose}"
  "${words[@]}" --env-file "${ENV_FILE}" -f "${compose_folder}/docker-compose.yml" ${COMPOSE_MORE:+-f "${COMPOSE_MORE}"} "$@"
}
# Services whose folder is worth keeping, in their own users' hands.
kept_volumes() { printf '%s\n' "redis /data" "caddy /data" "token-service /var/lib/verus-gateway"; }
need_passphrase() {
  command -v gpg >/dev/null || die "gpg is needed (Debian: apt install gnupg)"
  [ -s "$1" ] || die "no passphrase in $1: make one with openssl rand -hex 32 >$1, and keep it elsewhere"
}
