/** The connector against the real gateway and a real database. */
import { randomUUID } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RulegateConnector, type Decision, type Refusal, type RulegateOptions } from '../connector.ts';
import { fresh, type Fresh } from './database.ts';
import { Gateway, missing } from './gateway.ts';
import { Queue } from './queue.ts';

const ann = '00000000-0000-0000-0000-00000000000a';
const home = '00000000-0000-0000-0000-000000000001';
const stranger = '00000000-0000-0000-0000-0000000000ff';

const reason = missing();
if (reason !== undefined) console.warn(`The tests against the gateway are left out. ${reason}`);

describe.skipIf(reason !== undefined)('the real gateway', { timeout: 60_000 }, () => {
  let database: Fresh;
  let gateway: Gateway;
  let todo: string;
  let queue: Queue;

  beforeAll(async () => {
    database = await fresh(process.env['TEST_DATABASE_URL'] ?? '');
    // One code of the starter rules is left to the app.
    gateway = await Gateway.start(database.uri, (rules) => appendFile(join(rules, 'rulegate.yaml'), '\nbatch: { client_handles: [COMPLETED_AT_MISMATCH] }\n'));
  }, 60_000);

  afterAll(async () => {
    await gateway?.close();
    await database?.drop();
  });

  beforeEach(() => {
    todo = randomUUID();
    queue = new Queue();
  });

  function meet(options: Partial<RulegateOptions> = {}): RulegateConnector {
    return new RulegateConnector({ url: gateway.url, fetchCredentials: async () => ({ endpoint: 'http://sync', token: await gateway.token(ann) }), ...options });
  }

  async function drain(connector: RulegateConnector): Promise<void> {
    for (let call = 0; call < 100 && queue.left().length > 0; call += 1) await connector.uploadData(queue.database);
    expect(queue.left()).toEqual([]);
  }

  /** What the database has for the todo of this test. */
  async function stored(id = todo): Promise<object | undefined> {
    const [row] = await database.sql`SELECT description, completed FROM todos WHERE id = ${id}`;
    return row === undefined ? undefined : { ...row };
  }

  const created = (list_id = home): Parameters<Queue['add']>[0][number] => ({ op: 'PUT', table: 'todos', id: todo, opData: { list_id, description: 'Ä "quoted" 😀', completed: 0 } });

  test('what a device wrote is in the database, with all that the SDK sends along', async () => {
    queue.add([created()]);
    queue.add([
      {
        op: 'PATCH',
        table: 'todos',
        id: todo,
        opData: { completed: 1, completed_at: '2026-01-01 10:00:00' },
        previousValues: { completed: 0, completed_at: null },
        metadata: 'from the share sheet',
      },
    ]);
    await drain(meet());
    expect(await stored()).toEqual({ description: 'Ä "quoted" 😀', completed: true });
    queue.add([{ op: 'DELETE', table: 'todos', id: todo }], null);
    await drain(meet());
    expect(await stored()).toBeUndefined();
  });

  test('a long queue drains in requests of 50, in its order', async () => {
    const requests: number[] = [];
    const counting: typeof fetch = async (input, init) => {
      requests.push(JSON.parse(String(init?.body)).transactions.length);
      return fetch(input, init);
    };
    queue.add([created()]);
    for (let step = 1; step < 120; step += 1) queue.add([{ op: 'PATCH', table: 'todos', id: todo, opData: { description: `step ${step}` } }]);
    await drain(meet({ fetch: counting }));
    expect(requests).toEqual([50, 50, 20]);
    expect(await stored()).toMatchObject({ description: 'step 119' });
  });

  test('where the answer is lost, what was applied is not applied again', async () => {
    queue.add([created()]);
    await drain(meet());
    let isLost = true;
    const losing: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      await response.text();
      if (!isLost) return new Response('', { status: 500 });
      isLost = false;
      throw new TypeError('the line was cut');
    };
    queue.add([{ op: 'PATCH', table: 'todos', id: todo, opData: { description: 'from the device' } }]);
    await expect(meet({ fetch: losing }).uploadData(queue.database)).rejects.toThrow('the line was cut');
    expect(queue.left()).toEqual([todo]);
    expect(await stored()).toMatchObject({ description: 'from the device' });
    await database.sql`UPDATE todos SET description = 'from somebody else' WHERE id = ${todo}`;
    await drain(meet());
    expect(await stored()).toMatchObject({ description: 'from somebody else' });
  });

  test('a refused transaction is told, is a dead letter, and takes nothing else with it', async () => {
    const refusals: Refusal[] = [];
    const mine = todo;
    queue.add([created()]);
    todo = randomUUID();
    queue.add([{ op: 'PATCH', table: 'todos', id: mine, opData: { description: 'half of it' } }, created(stranger)]);
    queue.add([{ op: 'PATCH', table: 'todos', id: mine, opData: { description: 'what came after' } }]);
    await drain(meet({ onDropped: (refusal) => void refusals.push(refusal) }));
    expect(refusals).toMatchObject([{ code: 'UNAUTHORIZED', operation: { id: todo, table: 'todos' }, transactionId: 2 }]);
    expect(refusals[0]?.message).toMatch(/\w/);
    expect(await stored(todo)).toBeUndefined();
    expect(await stored(mine)).toMatchObject({ description: 'what came after' });
    const letters = await database.sql`SELECT client, transaction_id, operations FROM rulegate.dead_letters WHERE transaction::text LIKE ${`%${todo}%`}`;
    expect([...letters]).toEqual([{ client: 'device-1', transaction_id: '2', operations: 2 }]);
  });

  test('a refusal that the rules leave to the app is kept until it decides, and holds up what is behind', async () => {
    let decision: Decision = 'keep';
    const refusals: Refusal[] = [];
    const connector = meet({
      onRefused: (refusal) => {
        refusals.push(refusal);
        return decision;
      },
    });
    queue.add([created()]);
    queue.add([{ op: 'PATCH', table: 'todos', id: todo, opData: { completed: 1 } }]);
    queue.add([{ op: 'PATCH', table: 'todos', id: todo, opData: { description: 'behind it' } }]);
    await expect(drain(connector)).rejects.toThrow('A finished task needs its time');
    expect(queue.left().length).toBe(2);
    expect(await stored()).toEqual({ description: 'Ä "quoted" 😀', completed: false });
    decision = 'discard';
    connector.retryNow();
    await drain(connector);
    expect(refusals).toMatchObject(Array(2).fill({ code: 'COMPLETED_AT_MISMATCH', operation: { id: todo } }));
    expect(await stored()).toEqual({ description: 'behind it', completed: false });
  });

  test('a token that ended is replaced', async () => {
    const tokens = ['no.token.at-all', await gateway.token(ann)];
    queue.add([created()]);
    await drain(meet({ fetchCredentials: async () => ({ endpoint: 'http://sync', token: tokens.shift() ?? '' }) }));
    expect(tokens).toEqual([]);
    expect(await stored()).toBeDefined();
  });

  test('a transaction that nobody could read blocks only itself', async () => {
    let deep: unknown = 1;
    for (let depth = 0; depth < 80; depth += 1) deep = [deep];
    queue.add([created()]);
    const good = todo;
    todo = randomUUID();
    queue.add([{ op: 'PUT', table: 'todos', id: todo, opData: { list_id: home, description: deep } }]);
    await expect(drain(meet())).rejects.toThrow('the gateway answered 400');
    expect(queue.left()).toEqual([todo]);
    expect(await stored(good)).toBeDefined();
  });

  test('while the gateway is away everything stays, and afterwards it arrives', async () => {
    const connector = meet();
    await connector.fetchCredentials();
    await gateway.kill();
    queue.add([created()]);
    await expect(connector.uploadData(queue.database)).rejects.toThrow('not reached');
    expect(queue.left()).toEqual([todo]);
    await gateway.resume();
    await drain(connector);
    expect(await stored()).toBeDefined();
  });
});
