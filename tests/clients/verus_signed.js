// Signs and frames calls as the official Verus TypeScript client does (axios posting JSON), with
// node's own BLAKE2b. Arguments: the gateway's URL, the app's id, its key.
const { createHash, randomBytes } = require('crypto');

const [url, id, key] = process.argv.slice(2);
let number = 0;

async function request(method, params, alter = (headers) => headers) {
  const body = JSON.stringify({ jsonrpc: '1.0', id: number++, params, method });
  const timestamp = String(Date.now());
  const salt = randomBytes(32);
  const token = createHash('blake2b512')
    .update(timestamp, 'utf8')
    .update(key, 'utf8')
    .update(body, 'utf8')
    .update(id, 'utf8')
    .update('2', 'utf8')
    .update(salt)
    .digest('hex');
  const headers = alter({
    'Content-type': 'application/json',
    'X-App-ID': id,
    'X-Timestamp': timestamp,
    'X-VRPC-API-Version': '2',
    'X-Salt': salt.toString('hex'),
    'X-Auth-Token': token,
  });
  const response = await fetch(url, { method: 'POST', headers, body });
  return { status: response.status, body: await response.json() };
}

async function main() {
  const forged = (headers) => ({ ...headers, 'X-Timestamp': String(Number(headers['X-Timestamp']) - 1) });
  console.log(
    JSON.stringify([
      await request('getblockhash', [3]),
      await request('validateaddress', ['größe']),
      await request('getblockhash', [3], forged),
    ]),
  );
}

main();
