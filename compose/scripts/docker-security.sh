#!/usr/bin/env bash
# Hold the running stack against the hardening list; fail with a reason for each thing that is not so.
#
#   compose/scripts/docker-security.sh [PROJECT]        (verus-gateway)
#
# It asks the engine what really runs, not the files what should.
set -euo pipefail
project=${1:-verus-gateway}
secrets=${SECRETS_DIR:-}
[ -n "${secrets}" ] || secrets=$(sed -n 's/^SECRETS_DIR=//p' "$(dirname "$0")/../.env" 2>/dev/null || true)
failures=0
fail() { echo "FAIL ${name}: $*"; failures=$((failures + 1)); }

containers=$(docker ps --all --quiet --filter "label=com.docker.compose.project=${project}")
[ -n "${containers}" ] || { echo "docker-security: nothing of ${project} is here" >&2; exit 2; }

ask() { docker inspect --format "$1" "${container}"; }
for container in ${containers}; do
  name=$(ask '{{index .Config.Labels "com.docker.compose.service"}}')
  before=${failures}

  [ "$(ask '{{.HostConfig.ReadonlyRootfs}}')" = true ] || fail "its root can be written"
  [ "$(ask '{{.HostConfig.Privileged}}')" = false ] || fail "it is privileged"
  [ "$(ask '{{json .HostConfig.CapDrop}}')" = '["ALL"]' ] || fail "it keeps capabilities"
  case "$(ask '{{json .HostConfig.CapAdd}}')" in null | '[]') ;; *) fail "capabilities were added" ;; esac
  case "$(ask '{{json .HostConfig.SecurityOpt}}')" in
    *unconfined*) fail "a protection of the kernel is switched off" ;;
    *no-new-privileges*) ;;
    *) fail "it may gain privileges" ;;
  esac
  case "$(ask '{{.Config.User}}')" in
    '' | 0 | 0:* | root*) fail "it runs as root" ;;
    *[!0-9:]*) fail "its user is a name, not a number" ;;
  esac
  [ "$(ask '{{.HostConfig.Memory}}')" -gt 0 ] || fail "its memory has no limit"
  pids=$(ask '{{.HostConfig.PidsLimit}}')
  case "${pids}" in '<nil>' | '<no value>' | 0 | -1) fail "its processes have no limit" ;; esac
  for space in PidMode IpcMode UTSMode UsernsMode NetworkMode; do
    case "$(ask "{{.HostConfig.${space}}}")" in *host*) fail "${space} is the machine's own" ;; esac
  done
  case "$(ask '{{range .Mounts}}{{.Source}} {{end}}')" in *docker.sock*) fail "it sees the engine's socket" ;; esac
  ask '{{range .Mounts}}{{if eq .Type "bind"}}{{if .RW}}{{.Source}}{{"\n"}}{{end}}{{end}}{{end}}' | while read -r source; do
    [ -z "${source}" ] || echo "${source}"
  done | grep -q . && fail "it may write a folder of the machine"
  case "$(ask '{{index .HostConfig.LogConfig.Config "max-size"}}')" in '' | '<no value>') fail "its log has no limit" ;; esac
  while read -r key _; do
    case "${key}" in
      *_FILE | '') ;;
      *PASSWORD* | *SECRET* | *TOKEN* | *_KEY) fail "${key} stands in its environment" ;;
    esac
  done < <(ask '{{range .Config.Env}}{{println .}}{{end}}' | sed 's/=/ /')
  while read -r address port; do
    case "${address}:${name}" in
      127.*:* | ::1:* | :*) ;;
      *:caddy) ;;
      *:verus-daemon) case "${port}" in 27486 | 18843) fail "its RPC port is open to the world" ;; esac ;;
      *) fail "port ${port} is open on ${address}" ;;
    esac
  done < <(ask '{{range .HostConfig.PortBindings}}{{range .}}{{.HostIp}} {{.HostPort}}{{"\n"}}{{end}}{{end}}')
  [ "${failures}" -gt "${before}" ] || echo "ok   ${name}"
done

name=secrets
if [ -n "${secrets}" ] && [ -d "${secrets}" ]; then
  mode=$(stat -c %a "${secrets}" 2>/dev/null || stat -f %Lp "${secrets}")
  [ "${mode}" = 700 ] || fail "${secrets} is open to others (mode ${mode}): chmod 700"
fi
[ "${failures}" -eq 0 ] || { echo "docker-security: ${failures} failures" >&2; exit 1; }
echo "docker-security: all is as it should be"
