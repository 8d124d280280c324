// Drives bitcoin-core, a client from npm, against the gateway at argv[2].
const Client = require('bitcoin-core');

const client = new Client({ host: process.argv[2], username: 'user', password: 'password' });

async function main() {
  const [height, hash] = await client.command([
    { method: 'getblockcount', parameters: [] },
    { method: 'getblockhash', parameters: [3] },
  ]);
  const { blocks } = await client.getBlockchainInfo();
  const missing = await client.getBlockHash(99).catch(({ code, message }) => ({ code, message }));
  console.log(JSON.stringify({ height, hash, blocks, missing }));
}

main();
