/** The connector against a server that answers by a script: what leaves the queue, what stays, what is asked of whom. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { RulegateConnector, UploadPaused, type Decision, type Refusal, type RulegateOptions } from '../connector.ts';
import { Queue, queueOf } from './queue.ts';
import { script, type Script, type Step } from './script.ts';

const success = { status: 'success' };
const notAttempted = { status: 'not_attempted' };
const retryable = { status: 'retryable_error', message: 'the database is away', retry_after_ms: 150 };
const fatal = (requires_client_handling: boolean): object => ({
  status: 'fatal_error',
  requires_client_handling,
  message: 'no rule allows it',
  failed_operation: { error_code: 'UNAUTHORIZED', message: 'no rule allows it', details: [{ field: 'name', message: 'x' }], operation_index: 0 },
});

const open: Script[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function meet(steps: Step[], options: Partial<RulegateOptions> = {}): Promise<{ server: Script; connector: RulegateConnector; tokens: string[] }> {
  const server = await script(...steps);
  open.push(server);
  const tokens: string[] = [];
  const fetchCredentials = async (): Promise<{ endpoint: string; token: string }> => {
    tokens.push(`token-${tokens.length + 1}`);
    return { endpoint: 'http://sync', token: tokens.at(-1) ?? '' };
  };
  return { server, connector: new RulegateConnector({ url: server.url, fetchCredentials, ...options }), tokens };
}

/** What came of one call: the sentence it threw, or undefined. */
async function upload(connector: RulegateConnector, queue: Queue): Promise<string | undefined> {
  try {
    await connector.uploadData(queue.database);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Calls until the queue is empty. Each call has to move it on: one that does not would be called for ever. */
async function drain(connector: RulegateConnector, queue: Queue): Promise<void> {
  while (queue.left().length > 0) {
    const before = queue.left().length;
    expect(await upload(connector, queue)).toBeUndefined();
    expect(queue.left().length).toBeLessThan(before);
  }
}

describe('what is sent', () => {
  test('a transaction is sent whole, with everything that the SDK knows of it', async () => {
    const { server, connector } = await meet([{ results: [success] }]);
    const queue = new Queue();
    queue.add(
      [
        { op: 'PUT', table: 'lists', id: 'a', opData: { name: 'Größe "ß" 😀', position: 1.5 } },
        { op: 'PATCH', table: 'todos', id: 'b', opData: { completed: 1 }, previousValues: { completed: 0 }, metadata: 'from the share sheet' },
        { op: 'DELETE', table: 'todos', id: 'c' },
      ],
      42,
    );
    expect(await upload(connector, queue)).toBeUndefined();
    expect(server.asked[0]?.path).toBe('/api/data');
    expect(server.asked[0]?.headers).toMatchObject({ 'content-type': 'application/json', authorization: 'Bearer token-1', 'x-powersync-client-id': 'device-1' });
    expect(JSON.parse(server.asked[0]?.body ?? '')).toStrictEqual({
      transactions: [
        {
          transaction_id: 42,
          crud: [
            { op: 'PUT', table: 'lists', id: 'a', op_data: { name: 'Größe "ß" 😀', position: 1.5 }, transaction_id: 42 },
            { op: 'PATCH', table: 'todos', id: 'b', op_data: { completed: 1 }, previous_values: { completed: 0 }, metadata: 'from the share sheet', transaction_id: 42 },
            { op: 'DELETE', table: 'todos', id: 'c', transaction_id: 42 },
          ],
        },
      ],
    });
  });

  test('nothing is sent as null: a transaction without a number has none', async () => {
    const { server, connector } = await meet([{ results: [success] }]);
    const queue = new Queue();
    queue.add([{ op: 'DELETE', table: 'todos', id: 'a' }], null);
    expect(await upload(connector, queue)).toBeUndefined();
    expect(server.asked[0]?.body).not.toContain('null');
    expect(server.asked[0]?.body).not.toContain('transaction_id');
  });

  test('an empty queue asks nobody', async () => {
    const { server, connector, tokens } = await meet([]);
    expect(await upload(connector, new Queue())).toBeUndefined();
    expect([server.asked, tokens]).toEqual([[], []]);
  });

  test('no request has more than 50 transactions, whatever is asked for', async () => {
    const ids = Array.from({ length: 120 }, (_, index) => `row-${index}`);
    const { server, connector } = await meet([50, 50, 20].map((count) => ({ results: Array(count).fill(success) })), { transactionsMax: 1000 });
    const queue = queueOf(...ids);
    await drain(connector, queue);
    expect(server.sent().map((rows) => rows.length)).toEqual([50, 50, 20]);
    expect(server.sent().flat()).toEqual(ids);
  });

  test('no request has more bytes than allowed, unless one transaction alone has', async () => {
    const bytesMax = 1000;
    const queue = new Queue();
    for (const [id, size] of [['a', 100], ['b', 100], ['c', 250], ['d', 10], ['e', 5], ['f', 1000]] as const) {
      queue.add([{ op: 'PUT', table: 'todos', id, opData: { description: '€'.repeat(size) } }]);
    }
    const { server, connector } = await meet([2, 1, 2, 1].map((count) => ({ results: Array(count).fill(success) })), { bytesMax });
    await drain(connector, queue);
    expect(server.sent()).toEqual([['a', 'b'], ['c'], ['d', 'e'], ['f']]);
    for (const { body, transactions } of server.asked) expect(Buffer.byteLength(body) <= bytesMax + 20 || transactions.length === 1).toBe(true);
  });

  test('no cookies are sent, and no redirect is followed', async () => {
    let asked: RequestInit | undefined;
    const listening: typeof fetch = async (input, init) => {
      asked = init;
      return fetch(input, init);
    };
    const { connector } = await meet([{ results: [success] }], { fetch: listening });
    expect(await upload(connector, queueOf('a'))).toBeUndefined();
    expect(asked).toMatchObject({ credentials: 'omit', redirect: 'error' });
  });

  test('a slash at the end of the address does no harm', async () => {
    const { server, connector } = await meet([{ results: [success] }]);
    const slashed = new RulegateConnector({ url: `${server.url}//`, fetchCredentials: () => connector.fetchCredentials() });
    expect(await upload(slashed, queueOf('a'))).toBeUndefined();
    expect(server.asked[0]?.path).toBe('/api/data');
  });
});

describe('what leaves the queue', () => {
  test.each([
    { name: 'all that was applied', results: [success, success, success], left: [] },
    { name: 'the applied ones before one that has to wait', results: [success, retryable, notAttempted], left: ['b', 'c'], says: 'the database is away' },
    { name: 'nothing where the first has to wait', results: [retryable, notAttempted, notAttempted], left: ['a', 'b', 'c'], says: 'the database is away' },
    { name: 'nothing behind one that has to wait, even if it says success', results: [retryable, success, success], left: ['a', 'b', 'c'], says: 'the database is away' },
    { name: 'one that is refused for good', results: [success, fatal(false), success], left: [], dropped: ['b'] },
    { name: 'one that is refused for good, and the rest is sent again at once', results: [fatal(false), notAttempted, notAttempted], left: ['b', 'c'], dropped: ['a'] },
    { name: 'nothing where nothing was attempted', results: [notAttempted, notAttempted, notAttempted], left: ['a', 'b', 'c'], says: 'attempted nothing' },
    { name: 'nothing that the app did not decide about', results: [success, fatal(true), notAttempted], left: ['b', 'c'], says: 'refused, and kept', asked: ['b'] },
    { name: 'what the app discards', results: [success, fatal(true), notAttempted], left: ['c'], decision: 'discard' as const, asked: ['b'] },
    { name: 'nothing that the app keeps', results: [fatal(true), notAttempted, notAttempted], left: ['a', 'b', 'c'], decision: 'keep' as const, says: 'refused, and kept', asked: ['a'] },
    { name: 'nothing with an unknown status', results: [success, { status: 'perhaps' }, success], left: ['b', 'c'], says: 'not known' },
    { name: 'nothing with an unknown status, whatever else it says', results: [{ ...fatal(false), status: 'perhaps' }, success, success], left: ['a', 'b', 'c'], says: 'not known' },
    { name: 'nothing refused without the flag', results: [{ status: 'fatal_error', message: 'no' }, success, success], left: ['a', 'b', 'c'], says: 'not known' },
    { name: 'nothing refused with a flag that is no bool', results: [{ status: 'fatal_error', requires_client_handling: 0 }, success, success], left: ['a', 'b', 'c'], says: 'not known' },
    { name: 'nothing whose result is null', results: [success, null, success], left: ['b', 'c'], says: 'no result' },
    { name: 'nothing where a result is missing', results: [success, success], left: ['a', 'b', 'c'], says: '3 results' },
    { name: 'nothing where there is a result too many', results: [success, success, success, success], left: ['a', 'b', 'c'], says: '3 results' },
  ])('$name', async ({ results, left, says, dropped = [], asked = [], decision }) => {
    const told: { dropped: string[]; asked: string[] } = { dropped: [], asked: [] };
    const { connector, server } = await meet([{ results }], {
      onDropped: ({ operation }) => void told.dropped.push(operation?.id ?? ''),
      onRefused: ({ operation }) => {
        told.asked.push(operation?.id ?? '');
        return decision ?? 'keep';
      },
    });
    const queue = queueOf('a', 'b', 'c');
    const thrown = await upload(connector, queue);
    expect(queue.left()).toEqual(left);
    expect(told).toEqual({ dropped, asked });
    if (says === undefined) expect(thrown).toBeUndefined();
    else expect(thrown).toContain(says);
    expect(server.asked.length).toBe(1);
  });

  test('without hooks a refusal for good leaves, and one for the app stays', async () => {
    const { connector } = await meet([{ results: [fatal(false), fatal(true)] }]);
    const queue = queueOf('a', 'b');
    expect(await upload(connector, queue)).toContain('refused, and kept');
    expect(queue.left()).toEqual(['b']);
  });

  test('a hook that throws keeps what it was told of, and what was applied before it has left', async () => {
    for (const flag of [false, true]) {
      const fails = async (): Promise<never> => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        throw new Error('the disk is full');
      };
      const { connector } = await meet([{ results: [success, fatal(flag), notAttempted] }], { onDropped: fails, onRefused: fails });
      const queue = queueOf('a', 'b', 'c');
      expect(await upload(connector, queue)).toBe('the disk is full');
      expect(queue.left()).toEqual(['b', 'c']);
    }
  });

  test('a hook sees the refusal, and the transaction is still in the queue meanwhile', async () => {
    const seen: [Refusal, string[]][] = [];
    const queue = new Queue();
    const { connector } = await meet([{ results: [{ ...fatal(true), failed_operation: { error_code: 'TAKEN', operation_index: 1 } }] }], {
      onRefused: async (refusal): Promise<Decision> => {
        seen.push([refusal, queue.left()]);
        return 'discard';
      },
    });
    queue.add([{ op: 'DELETE', table: 'lists', id: 'a' }, { op: 'PUT', table: 'lists', id: 'b' }], 7);
    expect(await upload(connector, queue)).toBeUndefined();
    const [refusal, left] = seen[0] ?? [];
    expect(refusal).toMatchObject({ message: 'no rule allows it', code: 'TAKEN', operation: { id: 'b' }, operations: [{ id: 'a' }, { id: 'b' }], transactionId: 7 });
    expect([left, queue.left()]).toEqual([['a'], []]);
  });
});

describe('what keeps everything', () => {
  const page = '<html>Please log in to the WLAN</html>';
  test.each<{ name: string; step: Step; says: string }>([
    { name: 'a page of a hotel', step: { status: 200, text: page }, says: 'no 2 results' },
    { name: 'an empty answer', step: { status: 200, text: '' }, says: 'no 2 results' },
    { name: 'JSON that is no object', step: { status: 200, text: '[]' }, says: 'no 2 results' },
    { name: 'results that are no list', step: { status: 200, text: '{"results":{"length":2}}' }, says: 'no 2 results' },
    { name: 'no content', step: { status: 204, text: '' }, says: '204' },
    { name: 'a success of another kind', step: { status: 201, text: JSON.stringify({ results: [success, success] }) }, says: '201' },
    { name: 'a redirect', step: { status: 302, headers: { location: '/elsewhere' } }, says: 'not reached' },
    { name: 'a wrong address', step: { status: 404 }, says: '404: as the script says' },
    { name: 'a fault', step: { status: 500, text: page }, says: '500' },
    { name: 'a gateway that is full', step: { status: 503, headers: { 'retry-after': '1' } }, says: '503' },
    { name: 'a line that is cut', step: (response) => response.destroy(), says: 'not reached' },
    { name: 'an answer that breaks off', step: (response) => void response.writeHead(200, { 'content-length': '100' }).write('{"results":[', () => response.destroy()), says: 'not reached' },
    { name: 'no answer', step: () => undefined, says: 'no answer in time' },
    { name: 'an answer that never ends', step: (response) => void response.writeHead(200).write('{"results":['), says: 'no answer in time' },
  ])('$name', async ({ step, says }) => {
    const { connector, server } = await meet([step], { timeoutMs: 200 });
    const queue = queueOf('a', 'b');
    expect(await upload(connector, queue)).toContain(says);
    expect(queue.left()).toEqual(['a', 'b']);
    expect(server.asked.length).toBe(1);
  });

  test('no answer is waited for longer than 29 s, and no timer is left behind', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { connector, server } = await meet([() => undefined, { results: [success] }]);
      const queue = queueOf('a');
      let said: string | undefined | null = null;
      const call = upload(connector, queue).then((sentence) => (said = sentence));
      while (server.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
      await vi.advanceTimersByTimeAsync(28_000);
      expect(said).toBeNull();
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await call).toContain('no answer in time');
      expect(await upload(connector, queue)).toBeUndefined();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test('nobody there', async () => {
    const { connector, server } = await meet([]);
    await server.close();
    const queue = queueOf('a');
    expect(await upload(connector, queue)).toContain('not reached');
    expect(queue.left()).toEqual(['a']);
  });

  test('nobody signed in, or a login that is not reached', async () => {
    const queue = queueOf('a');
    for (const [fetchCredentials, says] of [
      [async () => null, 'nobody is signed in'],
      [async () => Promise.reject(new Error('login is away')), 'login is away'],
    ] as const) {
      const { connector, server } = await meet([], { fetchCredentials });
      expect(await upload(connector, queue)).toBe(says);
      expect([queue.left(), server.asked]).toEqual([['a'], []]);
    }
  });
});

describe('tokens', () => {
  test('one token serves many uploads', async () => {
    const { connector, tokens } = await meet([{ results: [success] }, { results: [success] }], { transactionsMax: 1 });
    const queue = queueOf('a', 'b');
    for (let round = 0; round < 2; round += 1) expect(await upload(connector, queue)).toBeUndefined();
    expect(tokens.length).toBe(1);
  });

  test('the token of the sync stream serves uploads, and every call of the SDK gets a fresh one', async () => {
    const { connector, tokens, server } = await meet([{ results: [success] }]);
    await connector.fetchCredentials();
    await connector.fetchCredentials();
    expect(await upload(connector, queueOf('a'))).toBeUndefined();
    expect([tokens.length, server.asked[0]?.headers.authorization]).toEqual([2, 'Bearer token-2']);
  });

  test('a rejected token is replaced, and the upload goes on at once', async () => {
    const { connector, server } = await meet([{ status: 401 }, { results: [success] }]);
    const queue = queueOf('a');
    expect(await upload(connector, queue)).toBeUndefined();
    expect(server.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
    expect(server.asked[0]?.body).toBe(server.asked[1]?.body);
    expect(queue.left()).toEqual([]);
  });

  test('a fresh token that is rejected too keeps everything, and asks no third time', async () => {
    const { connector, server } = await meet([{ status: 401 }, { status: 401 }, { results: [success] }]);
    const queue = queueOf('a');
    expect(await upload(connector, queue)).toContain('rejects a fresh token');
    expect([queue.left(), server.asked.length]).toEqual([['a'], 2]);
    connector.retryNow();
    expect(await upload(connector, queue)).toBeUndefined();
    expect(server.asked.at(-1)?.headers.authorization).toBe('Bearer token-3');
  });

  test('a token that is known to have ended is not tried', async () => {
    let count = 0;
    const fetchCredentials = async (): Promise<{ endpoint: string; token: string; expiresAt: Date }> => ({ endpoint: 'x', token: `token-${(count += 1)}`, expiresAt: new Date(Date.now() + (count - 1) * 60_000) });
    const { connector, server } = await meet([{ results: [success] }], { fetchCredentials });
    await connector.fetchCredentials();
    expect(await upload(connector, queueOf('a'))).toBeUndefined();
    expect(server.asked[0]?.headers.authorization).toBe('Bearer token-2');
  });
});

describe('waiting', () => {
  test.each<{ name: string; step: Step; waits: number }>([
    { name: 'retry_after_ms', step: { results: [{ ...retryable, retry_after_ms: 20_000 }] }, waits: 20_000 },
    { name: 'Retry-After in seconds', step: { status: 503, headers: { 'retry-after': '30' } }, waits: 30_000 },
    { name: 'Retry-After as a date', step: { status: 503, headers: { 'retry-after': new Date('2030-01-01T00:00:20Z').toUTCString() } }, waits: 20_000 },
    { name: 'never longer than five minutes', step: { results: [{ ...retryable, retry_after_ms: 1e15 }] }, waits: 300_000 },
    { name: 'not at all for nonsense', step: { results: [{ ...retryable, retry_after_ms: 'soon' }] }, waits: 0 },
    { name: 'nor for a header of nonsense', step: { status: 503, headers: { 'retry-after': 'soon' } }, waits: 0 },
    { name: 'a refusal that was kept', step: { results: [fatal(true)] }, waits: 60_000 },
    { name: 'a rejected fresh token', step: { status: 401 }, waits: 30_000 },
  ])('$name: $waits ms', async ({ step, waits }) => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2030-01-01T00:00:00Z') });
    try {
      const { connector, server } = await meet('status' in step && step.status === 401 ? [step, step, { results: [success] }] : [step, { results: [success] }]);
      const queue = queueOf('a');
      const said = await upload(connector, queue);
      expect(said).toBeDefined();
      const asked = server.asked.length;
      const start = Date.now();
      // As the SDK does: call again and again.
      for (let call = 0; call < 100 && queue.left().length > 0; call += 1) {
        const again = await upload(connector, queue);
        const isOver = Date.now() - start >= waits;
        expect([again, server.asked.length]).toEqual(isOver ? [undefined, asked + 1] : [said, asked]);
        if (!isOver) vi.setSystemTime(Date.now() + 5_000);
      }
      expect([Date.now() - start, queue.left()]).toEqual([waits, []]);
    } finally {
      vi.useRealTimers();
    }
  });

  test('a clock that is set back makes no wait longer', async () => {
    const { connector } = await meet([{ results: [{ ...retryable, retry_after_ms: 200_000 }] }, { results: [success] }]);
    const queue = queueOf('a');
    await upload(connector, queue);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 86_400_000 });
    try {
      expect(await upload(connector, queue)).toBeUndefined();
    } finally {
      vi.useRealTimers();
    }
  });

  test('a decision ends the wait: what was kept is offered again, and discarded', async () => {
    let decision: 'keep' | 'discard' = 'keep';
    const { connector, server } = await meet([{ results: [fatal(true)] }, { results: [fatal(true)] }], { onRefused: () => decision });
    const queue = queueOf('a');
    const error: unknown = await connector.uploadData(queue.database).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UploadPaused);
    expect((error as UploadPaused).refusal).toMatchObject({ code: 'UNAUTHORIZED', operation: { id: 'a' } });
    decision = 'discard';
    connector.retryNow();
    expect(await upload(connector, queue)).toBeUndefined();
    expect([queue.left(), server.asked.length]).toEqual([[], 2]);
  });
});

describe('a request that is refused as a whole', () => {
  test.each([400, 413])('%i: its transactions go one by one, and only the one at fault stays', async (status) => {
    const no = { status };
    const { connector, server } = await meet([no, { results: [success] }, { results: [success] }, no, no]);
    const queue = queueOf('a', 'b', 'c', 'd');
    expect(await upload(connector, queue)).toBeUndefined();
    expect(await upload(connector, queue)).toBeUndefined();
    expect(await upload(connector, queue)).toContain(`${status}`);
    expect(await upload(connector, queue)).toContain(`${status}`);
    expect(server.sent()).toEqual([['a', 'b', 'c', 'd'], ['a'], ['b'], ['c'], ['c']]);
    expect(queue.left()).toEqual(['c', 'd']);
  });

  test('after them, several go together again', async () => {
    const { connector, server } = await meet([{ status: 413 }, { results: [success] }, { results: [success] }, { results: [success, success] }], { transactionsMax: 2 });
    const queue = queueOf('a', 'b', 'c', 'd');
    await drain(connector, queue);
    expect(server.sent()).toEqual([['a', 'b'], ['a'], ['b'], ['c', 'd']]);
  });
});
