/**
 * The PowerSync connector for a Rulegate gateway. Copy this file into your app: it needs nothing but the types of the SDK.
 *
 *     const connector = new RulegateConnector({
 *       url: 'https://writes.example.com',
 *       fetchCredentials: async () => ({ endpoint: 'https://sync.example.com', token: await login.freshToken() }),
 *       onDropped: (refusal) => toast(`Not saved: ${refusal.message}`),
 *       onRefused: (refusal) => ask(refusal), // 'discard' or 'keep'
 *     });
 *     await database.connect(connector);
 *
 * It uploads whole transactions, several in one request, in the order of the queue. The queue is the only copy of somebody's work, so
 * a transaction leaves it for three reasons only: the gateway says it is applied, the gateway refused it for good, or the app said `discard`.
 * Whatever else happens (no network, no answer in time, an answer that makes no sense) keeps it, and throws, so that the SDK tries again.
 * To send twice is safe: the gateway knows what it applied by client, number and content.
 */
import type { CrudEntry, CrudTransaction, PowerSyncBackendConnector, PowerSyncCredentials } from '@powersync/common';

/** A transaction that the gateway refused for good. It is still in the queue while a hook looks at it. */
export interface Refusal {
  /** What the gateway says, fit to be shown. */
  message: string;
  /** For programs: `UNAUTHORIZED`, `UNIQUE_VIOLATION`, the `code` of a check … */
  code: string | undefined;
  /** More about it, for example a list of `{ field, message }`. */
  details: unknown;
  /** The write that was refused, where it was one of them and not the whole. */
  operation: CrudEntry | undefined;
  /** All writes of the transaction. They stand or fall together. */
  operations: readonly CrudEntry[];
  transactionId: number | undefined;
}

/** What becomes of a refused transaction: it leaves the queue, or it stays, and what was written after it waits behind it. */
export type Decision = 'discard' | 'keep';

export interface RulegateOptions {
  /** Where the gateway listens, without `/api/data`. */
  url: string;
  /** A fresh token and the address of the PowerSync service, or null where nobody is signed in. Throw where the network is to blame. */
  fetchCredentials: () => Promise<PowerSyncCredentials | null>;
  /**
   * Told of each transaction that the gateway refused and will not take in any form: after this it leaves the queue. Show it, or write it down.
   * Where this throws, the transaction stays and comes again.
   */
  onDropped?: (refusal: Refusal) => void | Promise<void>;
  /**
   * Asked about each refusal that the rules leave to the app (`client_handles`). Without this hook the answer is `keep`: nothing is lost, and nothing behind it
   * is uploaded. Do not wait for a person here, because `disconnect` waits for this: show the question, answer `keep`, and call `retryNow` once there is an answer.
   */
  onRefused?: (refusal: Refusal) => Decision | Promise<Decision>;
  /** Transactions in one request: 50 is the most that a gateway takes. */
  transactionsMax?: number;
  /** Bytes of one request, unless a single transaction is larger. Heavier ones take turns at the gateway. */
  bytesMax?: number;
  /** Time for one request. The gateway answers within 27 s. */
  timeoutMs?: number;
  /** Time after which a transaction that was kept is offered to the gateway, and then to the hook, again. */
  keepMs?: number;
  /** Another `fetch`, for platforms that need one. */
  fetch?: typeof fetch;
}

// No server may ask for more.
const WAIT_MS_MAX = 5 * 60_000;
const REJECTED_TOKEN_WAIT_MS = 30_000;

/** Why nothing more was uploaded for now. The SDK shows it as `currentStatus.uploadError`, waits, and calls again; until `waitMs` is over the same is thrown again. */
export class UploadPaused extends Error {
  override readonly name = 'UploadPaused';
  /** Time before which the gateway is not asked again. */
  readonly waitMs: number;
  /** The refusal that the app decided to keep, where that is the reason. */
  readonly refusal: Refusal | undefined;

  constructor(message: string, waitMs = 0, refusal?: Refusal) {
    super(message);
    this.waitMs = Math.min(waitMs, WAIT_MS_MAX);
    this.refusal = refusal;
  }
}

export class RulegateConnector implements PowerSyncBackendConnector {
  private readonly options: RulegateOptions;
  private readonly address: string;
  private credentials: PowerSyncCredentials | null = null;
  private paused: { error: UploadPaused; since: number } | undefined;
  /** How many of the next transactions go one by one, because they came in a request that was refused as a whole. */
  private alone = 0;

  constructor(options: RulegateOptions) {
    this.options = options;
    this.address = `${options.url.replace(/\/+$/, '')}/api/data`;
  }

  /** Called by the SDK whenever it needs a token. It is kept for uploads. */
  async fetchCredentials(): Promise<PowerSyncCredentials | null> {
    this.credentials = await this.options.fetchCredentials();
    return this.credentials;
  }

  /** Called by the SDK when its token was rejected. */
  invalidateCredentials(): void {
    this.credentials = null;
  }

  /** Ends the wait for the gateway: somebody has decided about a refusal, or does not want to wait. The SDK calls within its `retryDelayMs`. */
  retryNow(): void {
    this.paused = undefined;
  }

  /** Called by the SDK while there is something in the queue. One call is one request; returning means that the queue moved on. */
  async uploadData(database: Parameters<PowerSyncBackendConnector['uploadData']>[0]): Promise<void> {
    this.throwWhilePaused();
    try {
      let batch = await this.nextBatch(database);
      if (batch.length === 0) return;
      const client = await database.getClientId();
      let answer = await this.send(client, batch);
      if (isRefusedWhole(answer) && batch.length > 1) {
        // One of them may be at fault: those before it need not wait.
        this.alone = batch.length;
        batch = batch.slice(0, 1);
        answer = await this.send(client, batch);
      }
      await this.settle(batch, results(answer, batch.length));
    } catch (error) {
      if (error instanceof UploadPaused) this.paused = { error, since: Date.now() };
      throw error;
    }
  }

  /** Sleeping here would hold `disconnect` up. The SDK waits between two calls anyway, and shows the reason meanwhile. */
  private throwWhilePaused(): void {
    if (this.paused === undefined) return;
    const { error, since } = this.paused;
    const elapsed = Date.now() - since;
    // A clock that was set back must not make the wait longer.
    if (elapsed >= 0 && elapsed < error.waitMs) throw error;
    this.paused = undefined;
  }

  private async nextBatch(database: Parameters<PowerSyncBackendConnector['uploadData']>[0]): Promise<Pending[]> {
    const transactionsMax = this.alone > 0 ? 1 : Math.min(this.options.transactionsMax ?? 50, 50);
    const bytesMax = this.options.bytesMax ?? 60_000;
    const batch: Pending[] = [];
    let bytes = 0;
    for await (const transaction of database.getCrudTransactions()) {
      const text = JSON.stringify(written(transaction));
      bytes += new TextEncoder().encode(text).length + 1;
      if (batch.length > 0 && bytes > bytesMax) break;
      batch.push({ transaction, text });
      if (batch.length >= transactionsMax) break;
    }
    return batch;
  }

  /** One request, and a second one with a fresh token where the first token was rejected. */
  private async send(client: string, batch: readonly Pending[]): Promise<Answer> {
    const body = `{"transactions":[${batch.map(({ text }) => text).join(',')}]}`;
    const answer = await this.post(client, body, await this.token());
    if (answer.status !== 401) return answer;
    this.invalidateCredentials();
    const second = await this.post(client, body, await this.token());
    if (second.status !== 401) return second;
    this.invalidateCredentials();
    throw new UploadPaused('the gateway rejects a fresh token', REJECTED_TOKEN_WAIT_MS);
  }

  private async token(): Promise<string> {
    const expiresAt = this.credentials?.expiresAt?.getTime() ?? Infinity;
    const credentials = this.credentials !== null && Date.now() < expiresAt ? this.credentials : await this.fetchCredentials();
    if (credentials === null) throw new UploadPaused('nobody is signed in');
    return credentials.token;
  }

  private async post(client: string, body: string, token: string): Promise<Answer> {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), this.options.timeoutMs ?? 29_000);
    try {
      const response = await (this.options.fetch ?? fetch)(this.address, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, 'x-powersync-client-id': client },
        body,
        // A redirect would turn the upload into a GET, whose answer says nothing about it.
        redirect: 'error',
        credentials: 'omit',
        signal: controller.signal,
      });
      return { status: response.status, retryAfter: response.headers.get('retry-after'), text: await response.text() };
    } catch (error) {
      const reason = controller.signal.aborted ? 'no answer in time' : String(error);
      throw new UploadPaused(`the gateway was not reached: ${reason}`);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Goes through the results in order, up to the first transaction that has to stay. */
  private async settle(batch: readonly Pending[], outcomes: readonly unknown[]): Promise<void> {
    // Completing a transaction completes those before it too.
    let applied: CrudTransaction | undefined;
    for (const [index, { transaction }] of batch.entries()) {
      const outcome = outcomes[index];
      if (!isObject(outcome) || outcome['status'] !== 'success') {
        await applied?.complete();
        const goesOn = await this.refused(transaction, outcome, index > 0);
        if (!goesOn) return;
      }
      applied = transaction;
      if (this.alone > 0) this.alone -= 1;
    }
    await applied?.complete();
  }

  /** For a transaction that was not applied: true where it may leave the queue, false where it stays and can be sent again at once. */
  private async refused(transaction: CrudTransaction, outcome: unknown, hasProgress: boolean): Promise<boolean> {
    if (!isObject(outcome)) throw new UploadPaused('the gateway answered something that is no result');
    const { status, requires_client_handling: forClient } = outcome;
    if (status === 'retryable_error') {
      throw new UploadPaused(`not applied for now: ${sentence(outcome['message'])}`, milliseconds(outcome['retry_after_ms']));
    }
    if (status === 'not_attempted') {
      if (hasProgress) return false;
      throw new UploadPaused('the gateway attempted nothing');
    }
    if (status !== 'fatal_error' || typeof forClient !== 'boolean') throw new UploadPaused('the gateway answered a result that is not known');
    const refusal = refusalOf(transaction, outcome);
    if (!forClient) {
      await this.options.onDropped?.(refusal);
      return true;
    }
    const decision = (await this.options.onRefused?.(refusal)) ?? 'keep';
    if (decision === 'discard') return true;
    throw new UploadPaused(`refused, and kept: ${refusal.message}`, this.options.keepMs ?? 60_000, refusal);
  }
}

/** A transaction of the queue, and the text in which it is sent. */
interface Pending {
  transaction: CrudTransaction;
  text: string;
}

interface Answer {
  status: number;
  retryAfter: string | null;
  text: string;
}

/** A transaction as the gateway reads it. What is absent is left out: the gateway takes no null in its place. */
function written(transaction: CrudTransaction): object {
  return {
    transaction_id: transaction.transactionId ?? undefined,
    crud: transaction.crud.map((entry) => ({
      op: entry.op,
      table: entry.table,
      id: entry.id,
      op_data: entry.opData ?? undefined,
      previous_values: entry.previousValues ?? undefined,
      metadata: entry.metadata ?? undefined,
      transaction_id: entry.transactionId ?? undefined,
    })),
  };
}

/** A request that will not do as it stands, however often it is sent. */
function isRefusedWhole(answer: Answer): boolean {
  return answer.status === 400 || answer.status === 413;
}

/** One result for each transaction that was sent. An answer that has more or fewer says nothing about any of them. */
function results(answer: Answer, count: number): unknown[] {
  const body = parsed(answer.text);
  if (answer.status !== 200) throw new UploadPaused(`the gateway answered ${answer.status}: ${sentence(body['message'])}`, retryAfterMs(answer.retryAfter));
  const list = body['results'];
  if (!Array.isArray(list) || list.length !== count) throw new UploadPaused(`the answer has no ${count} results for ${count} transactions: keeping them`);
  return list;
}

/** The object that an answer is. What stands between us and the gateway may answer anything: then it is empty. */
function parsed(text: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(text);
    return isObject(body) ? body : {};
  } catch {
    return {};
  }
}

function refusalOf(transaction: CrudTransaction, outcome: Record<string, unknown>): Refusal {
  const failed = isObject(outcome['failed_operation']) ? outcome['failed_operation'] : {};
  const index = failed['operation_index'];
  return {
    message: sentence(failed['message'] ?? outcome['message']),
    code: typeof failed['error_code'] === 'string' ? failed['error_code'] : undefined,
    details: failed['details'],
    operation: typeof index === 'number' ? transaction.crud[index] : undefined,
    operations: transaction.crud,
    transactionId: transaction.transactionId ?? undefined,
  };
}

/** `Retry-After` is a number of seconds or a date. */
function retryAfterMs(header: string | null): number {
  if (header === null) return 0;
  const seconds = Number(header);
  return milliseconds(Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000);
}

function milliseconds(value: unknown): number {
  return typeof value === 'number' && value > 0 ? value : 0;
}

function sentence(value: unknown): string {
  return typeof value === 'string' ? value : 'no reason given';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
