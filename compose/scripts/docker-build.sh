#!/usr/bin/env bash
# Build the images of the stack, and list what is in the gateway's: docker-build.sh [SERVICE...]
#
# VERSION, REVISION and CREATED become labels; base images are set by PYTHON_IMAGE, DEBIAN_IMAGE and
# CADDY_BASE. The list (CycloneDX) is written to dist/.
set -euo pipefail
cd "$(dirname "$0")/../.."
say() { echo "docker-build: $*"; }

version=${VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml | head -n 1)}
revision=${REVISION:-$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)}
created=${CREATED:-$(date -u +%Y-%m-%dT%H:%M:%SZ)}
services=("$@")
[ "${#services[@]}" -gt 0 ] || services=(gateway verus caddy)

arguments=(--build-arg "REVISION=${revision}" --build-arg "CREATED=${created}")
for name in PYTHON_IMAGE DEBIAN_IMAGE CADDY_BASE VERUS_VERSION VERUS_RELEASES VERUS_SHA256_AMD64 VERUS_SHA256_ARM64; do
  [ -z "${!name:-}" ] || arguments+=(--build-arg "${name}=${!name}")
done
[ -z "${BUILD_NETWORK:-}" ] || arguments+=(--network "${BUILD_NETWORK}")

build() { # NAME DOCKERFILE TAG...
  local file=$1 image=$2 tag=$3
  say "${image}:${tag}"
  DOCKER_BUILDKIT=1 docker build --quiet "${arguments[@]}" -f "compose/${file}" -t "${image}:${tag}" -t "${image}:latest" .
}
for service in "${services[@]}"; do
  case "${service}" in
    gateway)
      arguments+=(--build-arg "VERSION=${version}")
      build Dockerfile verus-gateway "${version}"
      ;;
    dev) build Dockerfile.dev verus-gateway-dev "${version}" ;;
    verus) build Dockerfile.verus verus-daemon "${VERUS_VERSION:-latest}" ;;
    caddy) build Dockerfile.caddy verus-caddy "${version}" ;;
    *) echo "docker-build: there is no ${service}: gateway, dev, verus, caddy" >&2; exit 2 ;;
  esac
done

# What the gateway's image holds is what the lock names: each package, its version, its hashes.
lister=${CYCLONEDX:-.venv/bin/cyclonedx-py}
if [ -x "${lister}" ]; then
  mkdir -p dist
  "${lister}" requirements --of JSON --pyproject pyproject.toml -o "dist/verus-gateway-${version}.cdx.json" requirements.lock
  say "dist/verus-gateway-${version}.cdx.json"
else
  say "no list of contents: ${lister} is missing (make setup makes it)"
fi
