// Drives rpc-bitcoin, a client from npm, against the gateway at argv[2].
const { RPCClient } = require('rpc-bitcoin');

const { port } = new URL(process.argv[2]);
const client = new RPCClient({ url: 'http://127.0.0.1', port, user: 'user', pass: 'password' });

async function main() {
  const height = await client.getblockcount();
  const hash = await client.getblockhash({ height: 3 });
  const { blocks } = await client.getblockchaininfo();
  const missing = await client
    .getblockhash({ height: 99 })
    .catch(({ code, message }) => ({ code, message }));
  console.log(JSON.stringify({ height, hash, blocks, missing }));
}

main();
