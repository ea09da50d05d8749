/** A server that answers by a script, and remembers what it was asked. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  path: string | undefined;
  headers: IncomingHttpHeaders;
  transactions: { transaction_id?: number; crud: Record<string, unknown>[] }[];
  body: string;
}

/** One answer: results in a 200, a status with headers and text, or something of its own. */
export type Step =
  | { results: unknown[] }
  | { status: number; headers?: Record<string, string>; text?: string }
  | ((response: ServerResponse) => void);

export interface Script {
  url: string;
  asked: Asked[];
  /** The rows of each request, by the first row of each of its transactions. */
  sent(): unknown[][];
  close(): Promise<void>;
}

/** Starts one. Asked more often than it has answers, it answers 599. */
export async function script(...steps: Step[]): Promise<Script> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      asked.push({ path: request.url, headers: request.headers, body, transactions: JSON.parse(body || '{}').transactions });
      play(steps[asked.length - 1] ?? { status: 599 }, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    sent: () => asked.map(({ transactions }) => transactions.map(({ crud }) => crud[0]?.['id'])),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function play(step: Step, response: ServerResponse): void {
  if (typeof step === 'function') return step(response);
  if ('results' in step) {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(step));
  } else {
    response.writeHead(step.status, step.headers).end(step.text ?? '{"message":"as the script says"}');
  }
}
