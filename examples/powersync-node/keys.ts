/**
 * Prints the public half of the key of `rulegate dev` as a PowerSync service wants it under `client_auth.jwks`, so that both take the same tokens.
 * TOKEN is one of them: it names the key.
 *
 *     TOKEN=… node keys.ts .rulegate/keys/development.pem
 */
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [header = ''] = (process.env['TOKEN'] ?? '').split('.');
const path = process.argv[2];
if (header === '' || path === undefined) {
  console.error('usage: TOKEN=… node keys.ts .rulegate/keys/development.pem');
  process.exit(2);
}
const { kid, alg } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
const key = createPublicKey(readFileSync(path)).export({ format: 'jwk' });
console.log(JSON.stringify({ keys: [{ ...key, kid, alg, use: 'sig' }] }));
