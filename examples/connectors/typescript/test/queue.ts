/** The upload queue of a device, in memory: as much of the SDK's database as a connector sees. */
import { CrudTransaction, type CrudEntry, type PowerSyncBackendConnector, type UpdateType } from '@powersync/common';

export type Database = Parameters<PowerSyncBackendConnector['uploadData']>[0];

export interface Write {
  op: 'PUT' | 'PATCH' | 'DELETE';
  table: string;
  id: string;
  opData?: Record<string, unknown>;
  previousValues?: Record<string, unknown>;
  metadata?: string;
}

export class Queue {
  private transactions: CrudTransaction[] = [];
  private last = 0;

  /** One transaction, written on the device. Without a number it is what the SDK makes of a write outside of any transaction. */
  add(writes: Write[], transactionId: number | null = this.last + 1): void {
    const number = (this.last += 1);
    const crud = writes.map((write, index): CrudEntry => ({
      ...write,
      op: write.op as UpdateType,
      clientId: number * 1000 + index,
      // SQLite's null reaches the connector as null, whatever the SDK's types say.
      transactionId: transactionId as number,
      toJSON: () => write,
      equals: () => false,
      toComparisonArray: () => [],
    }));
    const complete = async (): Promise<void> => {
      const done = this.transactions.findIndex((one) => one === transaction);
      this.transactions = this.transactions.slice(done + 1);
    };
    const transaction = new CrudTransaction(crud, complete, transactionId as number);
    this.transactions.push(transaction);
  }

  /** The first row of each transaction that has not left the queue. */
  left(): string[] {
    return this.transactions.map(({ crud }) => crud[0]?.id ?? 'nothing');
  }

  get database(): Database {
    const all = async function* (this: Queue): AsyncGenerator<CrudTransaction, null> {
      yield* [...this.transactions];
      return null;
    };
    const database: Pick<Database, 'getCrudTransactions' | 'getClientId'> = {
      getCrudTransactions: () => all.call(this),
      getClientId: async () => 'device-1',
    };
    return database as Database;
  }
}

/** A queue of transactions that each put one row: `a`, `b`, `c` … */
export function queueOf(...ids: string[]): Queue {
  const queue = new Queue();
  for (const id of ids) queue.add([{ op: 'PUT', table: 'todos', id, opData: { description: id } }]);
  return queue;
}
