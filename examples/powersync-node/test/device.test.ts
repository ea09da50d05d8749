/** The real SDK, its real queue, the connector, the real gateway, a real database; the program itself, and what must not get lost. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createPublicKey, randomUUID, verify } from 'node:crypto';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { PowerSyncDatabase } from '@powersync/node';
import { RulegateConnector, UploadPaused, type Decision, type RulegateOptions } from '../../connectors/typescript/connector.ts';
import { fresh, type Fresh } from '../../connectors/typescript/test/database.ts';
import { Gateway, missing } from '../../connectors/typescript/test/gateway.ts';
import { device } from '../device.ts';
import { syncService, type SyncService } from '../sync.ts';

const ann = '00000000-0000-0000-0000-00000000000a';
const home = '00000000-0000-0000-0000-000000000001';
// A minute, where somebody has the time: AWAY_MS=60000.
const awayMs = Number(process.env['AWAY_MS'] ?? 3_000);

const reason = missing();

describe('the real SDK', { skip: reason ?? false, timeout: 120_000 + awayMs }, () => {
  let database: Fresh;
  let gateway: Gateway;
  let service: SyncService;

  before(async () => {
    database = await fresh(process.env['TEST_DATABASE_URL'] ?? '');
    gateway = await Gateway.start(database.uri, (rules) => appendFile(join(rules, 'rulegate.yaml'), '\nbatch: { client_handles: [COMPLETED_AT_MISMATCH] }\n'));
    // Every change of a todo's text, in the order in which it was committed.
    await database.sql.unsafe(`
      CREATE SCHEMA witness;
      CREATE TABLE witness.seen (n bigint GENERATED ALWAYS AS IDENTITY, todo uuid, description text);
      CREATE FUNCTION witness.see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN INSERT INTO witness.seen (todo, description) VALUES (new.id, new.description); RETURN NULL; END $$;
      CREATE TRIGGER see AFTER INSERT OR UPDATE ON todos FOR EACH ROW EXECUTE FUNCTION witness.see();`);
    service = await syncService(database.sql);
  });

  after(async () => {
    await service?.close();
    await gateway?.close();
    await database?.drop();
  });

  /** A device of ann's that is connected, for as long as the story takes. */
  async function meet(options: Partial<RulegateOptions>, story: (device: PowerSyncDatabase, connector: RulegateConnector) => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'powersync-node-'));
    const here = device(folder);
    const token = await gateway.token(ann);
    const connector = new RulegateConnector({ url: gateway.url, fetchCredentials: async () => ({ endpoint: service.url, token }), ...options });
    try {
      await here.connect(connector, { retryDelayMs: 300, crudUploadThrottleMs: 20 });
      await story(here, connector);
    } finally {
      await here.close();
      await rm(folder, { recursive: true, force: true });
    }
  }

  async function seen(todo: string): Promise<string[]> {
    const rows = await database.sql<{ description: string }[]>`SELECT description FROM witness.seen WHERE todo = ${todo} ORDER BY n`;
    return rows.map(({ description }) => description);
  }

  const queued = async (here: PowerSyncDatabase): Promise<number> => (await here.getUploadQueueStats()).count;
  const drained = (here: PowerSyncDatabase): Promise<void> => until('the queue is empty', async () => (await queued(here)) === 0);

  async function create(here: PowerSyncDatabase): Promise<string> {
    const todo = randomUUID();
    await here.execute('INSERT INTO todos (id, list_id, description) VALUES (?, ?, ?)', [todo, home, '0']);
    return todo;
  }

  async function edit(here: PowerSyncDatabase, todo: string, from: number, to: number): Promise<string[]> {
    for (let step = from; step <= to; step += 1) await here.execute('UPDATE todos SET description = ? WHERE id = ?', [`${step}`, todo]);
    return Array.from({ length: to + 1 }, (_, step) => `${step}`);
  }

  test('the program tells its story', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, '../main.ts')], {
      env: { ...process.env, RULEGATE_URL: gateway.url, TOKEN: await gateway.token(ann), DATABASE_URL: database.uri },
    });
    for (const line of ['queue     5 writes', 'refused   UNAUTHORIZED: ', 'queue     empty', 'postgres  Groceries: Milk ✓', 'postgres  Groceries: Bread', 'synced    ']) {
      assert.ok(stdout.includes(line), `no line with "${line}" in:\n${stdout}`);
    }
  });

  test('the printed key verifies the tokens of `rulegate dev`', async () => {
    const token = await gateway.token(ann);
    const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, '../keys.ts'), gateway.key], { env: { ...process.env, TOKEN: token } });
    const [jwk] = JSON.parse(stdout).keys;
    const [header = '', claims = '', signature = ''] = token.split('.');
    const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' as const };
    assert.ok(verify('sha256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url')));
    assert.equal(jwk.kid, JSON.parse(Buffer.from(header, 'base64url').toString('utf8')).kid);
    assert.equal(jwk.d, undefined);
  });

  test('what the SDK knows of a write reaches the gateway', async () => {
    const bodies: string[] = [];
    const clients = new Set<string | null>();
    const listening: typeof fetch = async (input, init) => {
      bodies.push(String(init?.body));
      clients.add(new Headers(init?.headers).get('x-powersync-client-id'));
      return fetch(input, init);
    };
    await meet({ fetch: listening }, async (here) => {
      const todo = await create(here);
      await drained(here);
      await here.execute("UPDATE todos SET description = 'after', _metadata = 'by hand' WHERE id = ?", [todo]);
      await drained(here);
      const [transaction] = JSON.parse(bodies.at(-1) ?? '').transactions;
      assert.equal(typeof transaction.transaction_id, 'number');
      assert.partialDeepStrictEqual(transaction.crud, [{ op: 'PATCH', table: 'todos', id: todo, op_data: { description: 'after' }, metadata: 'by hand' }]);
      assert.partialDeepStrictEqual(transaction.crud[0].previous_values, { description: '0', list_id: home });
      assert.deepEqual([...clients], [await here.getClientId()]);
    });
  });

  test('while the gateway is away nothing is lost; then everything arrives once, in order', async () => {
    await meet({}, async (here) => {
      const todo = await create(here);
      await drained(here);
      await gateway.kill();
      const expected = await edit(here, todo, 1, 120);
      await sleep(awayMs);
      assert.equal(await queued(here), 120);
      assert.ok(here.currentStatus.uploadError instanceof UploadPaused);
      await gateway.resume();
      await drained(here);
      assert.deepEqual(await seen(todo), expected);
      assert.equal(here.currentStatus.uploadError, undefined);
    });
  });

  test('a gateway that crashes again and again while the queue drains applies nothing twice', async () => {
    await meet({ transactionsMax: 7 }, async (here) => {
      const todo = await create(here);
      const editing = edit(here, todo, 1, 300);
      for (let crash = 0; crash < 4; crash += 1) {
        const before = (await seen(todo)).length;
        await until('something is applied', async () => (await seen(todo)).length > before);
        await gateway.kill();
        await gateway.resume();
      }
      const expected = await editing;
      await drained(here);
      assert.deepEqual(await seen(todo), expected);
    });
  });

  test('the app decides about a refusal that the rules leave to it', async () => {
    let decision: Decision = 'keep';
    await meet({ onRefused: () => decision }, async (here, connector) => {
      const todo = await create(here);
      await drained(here);
      await here.execute('UPDATE todos SET completed = 1 WHERE id = ?', [todo]);
      await here.execute("UPDATE todos SET description = 'behind it' WHERE id = ?", [todo]);
      const refusal = (): UploadPaused['refusal'] => {
        const error = here.currentStatus.uploadError;
        return error instanceof UploadPaused ? error.refusal : undefined;
      };
      await until('the app sees it', async () => refusal() !== undefined);
      assert.equal(refusal()?.code, 'COMPLETED_AT_MISMATCH');
      assert.equal(await queued(here), 2);
      decision = 'discard';
      connector.retryNow();
      await drained(here);
      assert.deepEqual(await seen(todo), ['0', 'behind it']);
      await until('the device shows what the database has', async () => {
        const row = await here.get<{ completed: number; description: string }>('SELECT completed, description FROM todos WHERE id = ?', [todo]);
        return row.completed === 0 && row.description === 'behind it';
      });
    });
  });

  test('signing out is not held up by a refusal that waits', async () => {
    await meet({}, async (here) => {
      const todo = await create(here);
      await here.execute('UPDATE todos SET completed = 1 WHERE id = ?', [todo]);
      await until('it is refused', async () => here.currentStatus.uploadError instanceof UploadPaused);
      const start = Date.now();
      await here.disconnect();
      assert.ok(Date.now() - start < 8_000);
      assert.equal(await queued(here), 1);
    });
  });
});

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await sleep(20);
  }
}
