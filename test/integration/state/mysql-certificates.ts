import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];

/** Authorities and certificates of theirs, in a directory that goes when it is disposed of. */
export class MysqlCertificates {
  readonly #directory = mkdtempSync(join(tmpdir(), 'mysql-tls-'));

  createAuthority(name: string): void {
    this.#openssl('req', '-x509', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=Test ${name}`);
  }

  /** A certificate of an authority. @param extension names of the server, where it has any */
  createCertificate(authority: string, name: string, subject: string, extension = ''): void {
    this.#openssl('req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${subject}`);
    writeFileSync(this.#path('extensions'), extension);
    const signing = ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-CAcreateserial', '-days', '2'];
    this.#openssl('x509', '-req', '-in', `${name}.csr`, ...signing, '-extfile', 'extensions', '-out', `${name}.pem`);
  }

  /** Options of a server that has this certificate. */
  serverOptions(authority: string, name: string): readonly string[] {
    const [ca, cert, key] = [`${authority}.pem`, `${name}.pem`, `${name}.key`].map((file) => this.#path(file));
    return [`--ssl-ca=${ca}`, `--ssl-cert=${cert}`, `--ssl-key=${key}`];
  }

  /** PEM text. */
  read(name: string): string {
    return readFileSync(this.#path(`${name}.pem`), 'utf8');
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true });
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.#directory, stdio: 'ignore' });
  }

  #path(file: string): string {
    return join(this.#directory, file);
  }
}
