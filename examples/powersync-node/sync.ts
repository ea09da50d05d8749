/**
 * A stand-in for the PowerSync service, so that this example needs nothing but a gateway and its database. It speaks just enough of the
 * protocol for the SDK to connect, to upload, and to get rows: everybody gets all rows, whatever token they show. Never use it for anything else.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Sql } from 'postgres';

const TABLES = ['lists', 'todos'] as const;
const LOOK_MS = 300;

/** The rows of all tables as the SDK stores them, and the number of the last upload that they contain. */
interface Picture {
  rows: { table: string; id: string; data: string }[];
  writeCheckpoint: number;
}

export interface SyncService {
  url: string;
  close(): Promise<void>;
}

export async function syncService(sql: Sql): Promise<SyncService> {
  const streams = new Set<ServerResponse>();
  let writeCheckpoint = 0;
  let version = 0;
  let shown = '';

  async function picture(): Promise<Picture> {
    // Whatever was uploaded before this moment is in the rows that are read after it.
    const atLeast = writeCheckpoint;
    const rows: Picture['rows'] = [];
    for (const table of TABLES) {
      for (const { id, ...columns } of await sql`SELECT * FROM ${sql(table)} ORDER BY id`) rows.push({ table, id, data: JSON.stringify(columns, sqlite) });
    }
    return { rows, writeCheckpoint: atLeast };
  }

  function show(picture: Picture, stream: ServerResponse): void {
    for (const line of lines(picture, version)) stream.write(`${JSON.stringify(line)}\n`);
  }

  async function look(): Promise<void> {
    if (streams.size === 0) return;
    const seen = await picture();
    const text = JSON.stringify(seen);
    if (text === shown) return;
    shown = text;
    version += 1;
    for (const stream of streams) show(seen, stream);
  }

  let looking: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    // One look at a time, and a database that is away for a moment is looked at again.
    looking = looking.then(look).catch(() => undefined);
  }, LOOK_MS);

  const server = createServer((request, response) => {
    request.resume();
    if (request.url?.startsWith('/sync/stream')) {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write(`${JSON.stringify({ token_expires_in: 3600 })}\n`);
      streams.add(response);
      response.once('close', () => streams.delete(response));
      shown = '';
    } else if (request.url?.startsWith('/write-checkpoint2.json')) {
      writeCheckpoint += 1;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data: { write_checkpoint: `${writeCheckpoint}` } }));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      clearInterval(timer);
      await looking;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A picture as the lines of a sync stream. Each one is a bucket of its own, so that rows that are gone are gone on the device too. */
function lines({ rows, writeCheckpoint }: Picture, version: number): object[] {
  const bucket = `all[${version}]`;
  const last_op_id = `${rows.length}`;
  const data = rows.map(({ table, id, data }, index) => ({ op_id: `${index + 1}`, op: 'PUT', object_type: table, object_id: id, subkey: null, checksum: 1, data }));
  return [
    {
      checkpoint: {
        last_op_id,
        write_checkpoint: `${writeCheckpoint}`,
        buckets: [{ bucket, checksum: rows.length, count: rows.length, priority: 3 }],
      },
    },
    { data: { bucket, after: '0', next_after: last_op_id, has_more: false, data } },
    { checkpoint_complete: { last_op_id } },
  ];
}

/** A value as SQLite has it. */
function sqlite(_: string, value: unknown): unknown {
  return typeof value === 'boolean' ? Number(value) : value;
}
