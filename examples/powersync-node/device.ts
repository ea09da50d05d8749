/** The app's side: the tables on the device, and a database with them. */
import { column, createConsoleLogger, LogLevels, PowerSyncDatabase, Schema, Table } from '@powersync/node';

const lists = new Table({ name: column.text, owner_id: column.text, created_at: column.text });

const todos = new Table(
  {
    list_id: column.text,
    description: column.text,
    completed: column.integer,
    completed_at: column.text,
    created_by: column.text,
  },
  // The connector sends both along: what a row was before, and what the app notes in `_metadata`.
  { trackPrevious: true, trackMetadata: true },
);

/** The database of one device: a file in this folder, which the SDK fills, and whose writes it puts into its upload queue. */
export function device(folder: string): PowerSyncDatabase {
  return new PowerSyncDatabase({
    schema: new Schema({ lists, todos }),
    // The SQLite of Node itself, so that nothing has to be compiled. An app would rather take better-sqlite3.
    database: { dbFilename: 'device.db', dbLocation: folder, implementation: { type: 'node:sqlite' } },
    logger: createConsoleLogger({ minLevel: LogLevels.error + 1 }),
  });
}
