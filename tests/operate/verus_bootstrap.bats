#!/usr/bin/env bats
# verus-bootstrap.sh into a folder, from an archive that is no chain.
bats_require_minimum_version 1.5.0

setup() {
  script="${BATS_TEST_DIRNAME}/../../compose/scripts/verus-bootstrap.sh"
  source="${BATS_TEST_TMPDIR}/host" folder="${BATS_TEST_TMPDIR}/VRSC"
  mkdir -p "${source}/tree/blocks" "${source}/tree/chainstate" "${folder}"
  echo block >"${source}/tree/blocks/blk0.dat"
  echo keys >"${source}/tree/wallet.dat"
  echo rpcpassword=theirs >"${source}/tree/VRSC.conf"
  tar -C "${source}/tree" -czf "${source}/VRSC-bootstrap.tar.gz" .
  note "Bootstrap@"
  export BOOTSTRAP_URL="file://${source}/VRSC-bootstrap.tar.gz" BOOTSTRAP_SIGNER="Bootstrap@"
}

note() {
  hash=$(sha256sum "${source}/VRSC-bootstrap.tar.gz" | cut -d' ' -f1)
  printf '{"signer": "%s", "hash": "%s", "signature": "s"}\n' "$1" "${hash}" >"${source}/VRSC-bootstrap.tar.gz.verusid"
}

@test "an empty folder is filled, without the wallet and the configuration of others" {
  run -0 "${script}" --folder "${folder}"
  [ "$(cat "${folder}/blocks/blk0.dat")" = block ]
  [ ! -e "${folder}/wallet.dat" ]
  [ ! -e "${folder}/VRSC.conf" ]
  [ ! -e "${folder}/.bootstrap-unfinished" ]
  [ ! -e "${folder}/.bootstrap-archive" ]
  [ -f "${folder}/.bootstrap-verusid" ]
}

@test "a folder with a chain, or with a wallet, is never touched" {
  mkdir "${folder}/blocks"
  run -1 "${script}" --folder "${folder}"
  [[ "${output}" == *"only for an empty folder"* ]]
  rmdir "${folder}/blocks"
  touch "${folder}/wallet.dat"
  run -1 "${script}" --folder "${folder}"
}

@test "an archive that is not what its hash says is removed" {
  echo more >>"${source}/VRSC-bootstrap.tar.gz"
  run -1 "${script}" --folder "${folder}"
  [[ "${output}" == *"not what its hash says"* ]]
  [ ! -e "${folder}/.bootstrap-archive.part" ]
  [ ! -e "${folder}/blocks" ]
}

@test "another signer, or another hash than the pinned one, is refused" {
  note "Somebody@"
  run -1 "${script}" --folder "${folder}"
  [[ "${output}" == *'not by "Bootstrap@"'* ]]
  note "Bootstrap@"
  run -1 "${script}" --folder "${folder}" --sha256 "${hash//[0-9]/0}"
  [[ "${output}" == *"not the one that was pinned"* ]]
  run -0 "${script}" --folder "${folder}" --sha256 "${hash}"
}

@test "what was half fetched goes on where it stopped" {
  head -c 100 "${source}/VRSC-bootstrap.tar.gz" >"${folder}/.bootstrap-archive.part"
  cp "${source}/VRSC-bootstrap.tar.gz.verusid" "${folder}/.bootstrap-verusid"
  run -0 "${script}" --folder "${folder}"
  [[ "${output}" == *"100 are here"* ]]
  [ -f "${folder}/blocks/blk0.dat" ]
}

@test "what was half unpacked is begun anew" {
  touch "${folder}/.bootstrap-unfinished"
  mkdir "${folder}/blocks"
  echo broken >"${folder}/blocks/old.dat"
  run -0 "${script}" --folder "${folder}"
  [ ! -e "${folder}/blocks/old.dat" ]
  [ -f "${folder}/blocks/blk0.dat" ]
}

@test "too little room is found before anything is fetched" {
  mkdir "${BATS_TEST_TMPDIR}/bin"
  printf '#!/bin/sh\necho Avail; echo 0\n' >"${BATS_TEST_TMPDIR}/bin/df"
  chmod +x "${BATS_TEST_TMPDIR}/bin/df"
  PATH="${BATS_TEST_TMPDIR}/bin:${PATH}" run -1 "${script}" --folder "${folder}"
  [[ "${output}" == *"GB are free"* ]]
  [ ! -e "${folder}/.bootstrap-archive" ]
}
