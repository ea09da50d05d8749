/**
 * One device of ann's: it writes while it is offline, connects, and uploads. What the rules allow arrives in Postgres; what they refuse is told to the app,
 * and vanishes from the device. See README.md for how to run it.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { RulegateConnector, type Refusal } from '../connectors/typescript/connector.ts';
import { device } from './device.ts';
import { syncService } from './sync.ts';

const gateway = process.env['RULEGATE_URL'] ?? 'http://127.0.0.1:6060';
const token = needed('TOKEN', 'a token of ann: rulegate token --sub 00000000-0000-0000-0000-00000000000a');
const sql = postgres(needed('DATABASE_URL', 'the database that the gateway writes to'), { max: 2, onnotice: () => undefined });

const service = process.env['POWERSYNC_URL'] === undefined ? await syncService(sql) : undefined;
const endpoint = process.env['POWERSYNC_URL'] ?? service?.url ?? '';
const folder = await mkdtemp(join(tmpdir(), 'powersync-node-'));
const database = device(folder);
const refusals: Refusal[] = [];

try {
  say('offline', 'a list with two tasks in one transaction, a tick, and a task in a list of somebody else');
  const list = randomUUID();
  const [milk, bread, foreign] = [randomUUID(), randomUUID(), randomUUID()];
  await database.writeTransaction(async (tx) => {
    await tx.execute('INSERT INTO lists (id, name) VALUES (?, ?)', [list, 'Groceries']);
    await tx.execute('INSERT INTO todos (id, list_id, description) VALUES (?, ?, ?)', [milk, list, 'Milk']);
    await tx.execute('INSERT INTO todos (id, list_id, description) VALUES (?, ?, ?)', [bread, list, 'Bread']);
  });
  await database.execute('UPDATE todos SET completed = 1, completed_at = ?, _metadata = ? WHERE id = ?', [new Date().toISOString(), 'ticked in the shop', milk]);
  await database.execute('INSERT INTO todos (id, list_id, description) VALUES (?, ?, ?)', [foreign, randomUUID(), 'Not mine to write']);
  say('queue', `${(await database.getUploadQueueStats()).count} writes`);

  const connector = new RulegateConnector({
    url: gateway,
    // An app asks its login service here, each time.
    fetchCredentials: async () => ({ endpoint, token }),
    onDropped: (refusal) => {
      refusals.push(refusal);
      say('refused', `${refusal.code}: ${refusal.message} (${refusal.operation?.op} ${refusal.operation?.table})`);
    },
  });
  await database.connect(connector, { retryDelayMs: 1000, crudUploadThrottleMs: 100 });
  say('online', `uploads to ${gateway}, rows from ${endpoint}`);

  await until('the queue is empty', async () => (await database.getUploadQueueStats()).count === 0);
  say('queue', 'empty');

  const rows = await sql`SELECT l.name, t.description, t.completed FROM todos t JOIN lists l ON l.id = t.list_id WHERE l.id = ${list} ORDER BY t.description DESC`;
  for (const { name, description, completed } of rows) say('postgres', `${name}: ${description}${completed ? ' ✓' : ''}`);
  expect('both tasks are in Postgres', rows.length === 2 && rows[0]?.['completed'] === true);
  expect('the app was told of one refusal', refusals.length === 1 && refusals[0]?.operation?.id === foreign);
  expect('what was refused is not in Postgres', (await sql`SELECT 1 FROM todos WHERE id = ${foreign}`).length === 0);

  await until('the device has what Postgres has', async () => {
    const here = await database.getAll<{ id: string; created_by: string | null }>('SELECT id, created_by FROM todos WHERE id IN (?, ?, ?)', [milk, bread, foreign]);
    // `created_by` is set by the gateway: a row that has it came back from there.
    return here.length === 2 && here.every((row) => row.created_by !== null);
  });
  say('synced', 'the device shows its two tasks as the database has them; the refused one is gone');
} finally {
  await database.close();
  await service?.close();
  await sql.end();
  await rm(folder, { recursive: true, force: true });
}

function say(what: string, text: string): void {
  console.log(`${what.padEnd(9)} ${text}`);
}

function needed(name: string, what: string): string {
  const value = process.env[name];
  if (value !== undefined && value !== '') return value;
  console.error(`${name} is not set: ${what}`);
  process.exit(2);
}

function expect(what: string, holds: boolean): void {
  if (!holds) throw new Error(`it is not so that ${what}`);
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 30_000;
  while (!(await holds())) {
    const error = database.currentStatus.uploadError;
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`, { cause: error });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
