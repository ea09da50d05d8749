/** A database of its own for each test file, on the server that TEST_DATABASE_URL names. */
import { randomUUID } from 'node:crypto';
import postgres from 'postgres';

export interface Fresh {
  uri: string;
  sql: postgres.Sql;
  drop(): Promise<void>;
}

export async function fresh(server: string): Promise<Fresh> {
  const name = `client_${randomUUID().replaceAll('-', '')}`;
  const admin = postgres(server, { max: 1, onnotice: () => undefined });
  await admin.unsafe(`CREATE DATABASE ${name}`);
  const uri = new URL(server);
  uri.pathname = `/${name}`;
  const sql = postgres(uri.href, { max: 2, onnotice: () => undefined });
  return {
    uri: uri.href,
    sql,
    drop: async () => {
      await sql.end();
      await admin.unsafe(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.end();
    },
  };
}
