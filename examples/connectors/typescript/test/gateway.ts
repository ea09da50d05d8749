/** A real gateway: the built program, in a folder of its own with the starter rules, over a database that it is given. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../../../..');
const program = process.env['RULEGATE'] ?? join(root, 'target/debug/rulegate');

/** Why there can be no gateway here, or undefined. With RULEGATE_REQUIRED there has to be one. */
export function missing(): string | undefined {
  const reason = !existsSync(program)
    ? `${program} is not there: cargo build, or name the program in RULEGATE`
    : process.env['TEST_DATABASE_URL'] === undefined
      ? 'TEST_DATABASE_URL is not set: a Postgres in which databases may be made, for example postgres://postgres@127.0.0.1:5432/postgres'
      : undefined;
  if (reason !== undefined && process.env['RULEGATE_REQUIRED'] !== undefined) throw new Error(reason);
  return reason;
}

export class Gateway {
  /** Stays the same when it is started again. */
  url = 'http://127.0.0.1:0';
  private readonly folder: string;
  private readonly database: string;
  private child: ChildProcess | undefined;

  private constructor(folder: string, database: string) {
    this.folder = folder;
    this.database = database;
  }

  /** Starts one. `edit` may change the rules in its folder before that. */
  static async start(database: string, edit: (rules: string) => Promise<void> = async () => undefined): Promise<Gateway> {
    const folder = await mkdtemp(join(tmpdir(), 'rulegate-client-'));
    await cp(join(root, 'rules'), join(folder, 'rules'), { recursive: true });
    await edit(join(folder, 'rules'));
    const gateway = new Gateway(folder, database);
    await gateway.resume();
    return gateway;
  }

  /** Starts it again after `kill`, where it was. */
  async resume(): Promise<void> {
    const words = ['dev', '--database', this.database, '--listen', new URL(this.url).host, '--admin', '127.0.0.1:0'];
    const child = spawn(program, words, { cwd: this.folder, env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    this.url = await new Promise<string>((resolve, reject) => {
      let told = '';
      const hear = (chunk: Buffer): void => {
        told += chunk.toString();
        const address = /uploads +(http:\/\/\S+)\/api\/data/.exec(told)?.[1];
        if (address !== undefined) resolve(address);
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`the gateway did not start:\n${told}`)));
    });
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const child = this.child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A token that it accepts. */
  async token(subject: string): Promise<string> {
    const { stdout } = await promisify(execFile)(program, ['token', '--sub', subject], { cwd: this.folder, env: this.environment });
    return stdout.trim();
  }

  /** Where it keeps the key of its tokens. */
  get key(): string {
    return join(this.folder, '.rulegate/keys/development.pem');
  }

  private get environment(): NodeJS.ProcessEnv {
    const { DATABASE_URL: _, JWKS_URI: __, ...others } = process.env;
    return others;
  }
}
