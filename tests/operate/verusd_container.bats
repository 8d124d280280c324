#!/usr/bin/env bats
# What compose/verus does in the container of verusd, with a verusd that is none.
bats_require_minimum_version 1.5.0

setup() {
  here="${BATS_TEST_DIRNAME}/../../compose/verus"
  export HOME="${BATS_TEST_TMPDIR}/home"
  mkdir -p "${HOME}/.zcash-params" "${BATS_TEST_TMPDIR}/bin"
  for name in sapling-spend.params sapling-output.params sprout-groth16.params; do
    echo x >"${HOME}/.zcash-params/${name}"
  done
  printf '#!/bin/sh\necho "verusd $*"\n' >"${BATS_TEST_TMPDIR}/bin/verusd"
  chmod +x "${BATS_TEST_TMPDIR}/bin/verusd"
  PATH="${BATS_TEST_TMPDIR}/bin:${PATH}"
  export RPC_PASSWORD_FILE="${BATS_TEST_TMPDIR}/password" VERUSD_CONF="${BATS_TEST_TMPDIR}/verusd.conf"
  echo "a-password-made-for-a-test" >"${RPC_PASSWORD_FILE}"
  cp "${BATS_TEST_DIRNAME}/../../configs/verusd/verusd.conf" "${VERUSD_CONF}"
}

@test "verusd is started in the foreground with what was mounted and the secret" {
  run -0 "${here}/entrypoint.sh"
  [ "${output}" = "verusd -printtoconsole" ]
  conf="${HOME}/.komodo/VRSC/VRSC.conf"
  grep -qx "rpcpassword=a-password-made-for-a-test" "${conf}"
  grep -qx "rpcport=27486" "${conf}"
  grep -qx "disablewallet=1" "${conf}"
  [ "$(stat -c %a "${conf}")" = 600 ]
}

@test "the password of a test chain stands in its own file" {
  CHAIN=VRSCTEST run -0 "${here}/entrypoint.sh"
  [ "${output}" = "verusd -chain=VRSCTEST -printtoconsole" ]
  grep -qx "rpcport=18843" "${HOME}/.komodo/vrsctest/vrsctest.conf"
}

@test "a user or password in the mounted file does not count" {
  echo "rpcpassword=from-the-file" >>"${VERUSD_CONF}"
  run -0 "${here}/entrypoint.sh"
  run -1 grep "from-the-file" "${HOME}/.komodo/VRSC/VRSC.conf"
}

@test "what would fork, or wipe the chain, is refused" {
  run -1 "${here}/entrypoint.sh" -daemon
  [[ "${output}" == *"stays in the foreground"* ]]
  run -1 "${here}/entrypoint.sh" -bootstrap
  [[ "${output}" == *"deletes the chain"* ]]
}

@test "without a password, with a short one, without parameters it says what to do" {
  echo short >"${RPC_PASSWORD_FILE}"
  run -1 "${here}/entrypoint.sh"
  [[ "${output}" == *"shorter than 16"* ]]
  rm "${RPC_PASSWORD_FILE}"
  run -1 "${here}/entrypoint.sh"
  [[ "${output}" == *"auto-config.py"* ]]
  echo "a-password-made-for-a-test" >"${RPC_PASSWORD_FILE}"
  rm "${HOME}/.zcash-params/sprout-groth16.params"
  run -1 "${here}/entrypoint.sh"
  [[ "${output}" == *"sprout-groth16.params is missing"* ]]
}

@test "a bootstrap that was not finished keeps verusd from starting" {
  mkdir -p "${HOME}/.komodo/VRSC"
  touch "${HOME}/.komodo/VRSC/.bootstrap-unfinished"
  run -1 "${here}/entrypoint.sh"
  [[ "${output}" == *"run compose/scripts/verus-bootstrap.sh again"* ]]
}

answer() { # BLOCKS LONGEST AGE PEERS HEIGHTS...
  local blocks=$1 longest=$2 age=$3 peers=$4
  shift 4
  {
    echo '#!/bin/sh'
    echo 'for last; do :; done'
    echo 'case "$last" in'
    echo "getinfo) echo '{'; echo '  \"blocks\": ${blocks},'; echo '  \"longestchain\": ${longest},'"
    echo "  echo \"  \\\"tiptime\\\": \$((\$(date +%s) - ${age})),\"; echo '  \"connections\": ${peers}'; echo '}' ;;"
    echo "getpeerinfo) for h in $*; do echo \"    \\\"startingheight\\\": \$h,\"; done ;;"
    echo 'esac'
  } >"${BATS_TEST_TMPDIR}/bin/verus"
  chmod +x "${BATS_TEST_TMPDIR}/bin/verus"
}

@test "healthy is: peers, a new block, not behind" {
  answer 200 200 60 8 200 200 199
  run -0 "${here}/health.sh"
  [[ "${output}" == *"in step at 200, 8 peers"* ]]
}

@test "no peers, an old block, blocks behind: each is not healthy and says so" {
  answer 200 200 60 0
  run -1 "${here}/health.sh"
  [[ "${output}" == *"no peers"* ]]
  answer 200 200 7200 8 200
  run -1 "${here}/health.sh"
  [[ "${output}" == *"the newest block is 72"* ]]
  answer 100 200 60 8 200
  run -1 "${here}/health.sh"
  [[ "${output}" == *"100 blocks behind"* ]]
}

@test "one peer that lies about its height changes nothing, most of them do" {
  answer 200 0 60 8 200 200 999999
  run -0 "${here}/health.sh"
  answer 200 0 60 8 200 999 999
  run -1 "${here}/health.sh"
}

@test "a daemon that does not answer, or loads, is not healthy; one that loads is alive" {
  printf '#!/bin/sh\necho "error: could not connect"; exit 1\n' >"${BATS_TEST_TMPDIR}/bin/verus"
  chmod +x "${BATS_TEST_TMPDIR}/bin/verus"
  run -1 "${here}/health.sh"
  run -1 "${here}/health.sh" --alive
  printf '#!/bin/sh\necho "error code: -28"; exit 28\n' >"${BATS_TEST_TMPDIR}/bin/verus"
  run -1 "${here}/health.sh"
  run -0 "${here}/health.sh" --alive
}

@test "parameters are fetched once and checked; wrong ones are removed" {
  mkdir "${BATS_TEST_TMPDIR}/source" "${BATS_TEST_TMPDIR}/params"
  echo one >"${BATS_TEST_TMPDIR}/source/one.params"
  export PARAMS_URL="file://${BATS_TEST_TMPDIR}/source"
  PARAMS_SHA256="$(sha256sum <"${BATS_TEST_TMPDIR}/source/one.params" | cut -d' ' -f1)  one.params"
  export PARAMS_SHA256
  run -0 "${here}/fetch-params.sh" "${BATS_TEST_TMPDIR}/params"
  [[ "${output}" == *"one.params fetched"* ]]
  run -0 "${here}/fetch-params.sh" "${BATS_TEST_TMPDIR}/params"
  [[ "${output}" == *"one.params is there"* ]]
  echo two >"${BATS_TEST_TMPDIR}/source/one.params"
  rm "${BATS_TEST_TMPDIR}/params/one.params"
  run -1 "${here}/fetch-params.sh" "${BATS_TEST_TMPDIR}/params"
  [ -z "$(ls -A "${BATS_TEST_TMPDIR}/params")" ]
}

release() { # SIGNER [DAMAGE]
  local folder="${BATS_TEST_TMPDIR}/release" inner=Verus-CLI-Linux-v1-x86_64.tar.gz
  rm -rf "${folder}"
  mkdir -p "${folder}/verus-cli" "${folder}/out"
  for name in verusd verus fetch-params; do printf '#!/bin/sh\n' >"${folder}/verus-cli/${name}"; done
  chmod +x "${folder}"/verus-cli/*
  cd "${folder}"
  tar -czf "${inner}" verus-cli
  printf '{\n "signer": "%s",\n "hash": "%s",\n "signature": "x"\n}\n' "$1" \
    "$(sha256sum "${inner}" | cut -d' ' -f1)" >"${inner}.signature.txt"
  [ -z "${2:-}" ] || echo more >>"${inner}"
  tar -czf Verus-CLI-Linux-v1-x86_64.tgz "${inner}" "${inner}.signature.txt"
  rm -rf "${inner}" "${inner}.signature.txt" verus-cli
  hash=$(sha256sum Verus-CLI-Linux-v1-x86_64.tgz | cut -d' ' -f1)
}

@test "a release with the right hash and signer is unpacked" {
  release "Releases@"
  run -0 "${here}/unpack-release.sh" Verus-CLI-Linux-v1-x86_64.tgz "${hash}" "Releases@" out
  [ -x out/verus-cli/verusd ]
  [ ! -e out/verus-cli/fetch-params ]
}

@test "a release with another hash, signer or inside is not" {
  release "Releases@"
  run -1 "${here}/unpack-release.sh" Verus-CLI-Linux-v1-x86_64.tgz "${hash//[0-9]/0}" "Releases@" out
  [[ "${output}" == *"not the release that was pinned"* ]]
  release "Somebody@"
  run -1 "${here}/unpack-release.sh" Verus-CLI-Linux-v1-x86_64.tgz "${hash}" "Releases@" out
  [[ "${output}" == *'signed by "Somebody@"'* ]]
  release "Releases@" damaged
  run -1 "${here}/unpack-release.sh" Verus-CLI-Linux-v1-x86_64.tgz "${hash}" "Releases@" out
  [[ "${output}" == *"not what its signature was made of"* ]]
  [ -z "$(ls -A out)" ]
}
