import { describe, expect, it } from 'vitest';
import { tmpdir } from 'node:os';
import { RunningCommand } from './command.ts';
import { bareEnvironment } from './rehearsal.ts';

const FILTERS = ['--storage-class', '--last-modified-before', '--last-modified-after', '--include', '--exclude'];
const SIGNING = ['--url-signer-private-key-file', '--url-signer-private-key-secret-id', '--url-signer-key-pair-id'];

describe('--help', () => {
  it.each([
    { command: [], names: ['run', 'demo', 'dump', 'publisher', 'worker', 'local-cloud', '--version'] },
    {
      command: ['run'],
      names: ['--from', '--to', '--cdn', '--report', '--json', '--config', '--state', ...FILTERS, ...SIGNING],
    },
    { command: ['demo'], names: ['--source-dir', '--report', '--processes', '--json'] },
    { command: ['dump'], names: ['--dump-file', '--dry-run', '--json', '--s3-bucket', '--config'] },
    { command: ['publisher'], names: ['objects'] },
    { command: ['publisher', 'objects'], names: ['--dry-run', '--json', '--num-single-message', ...FILTERS] },
    { command: ['worker'], names: ['cdnTransfer'] },
    { command: ['worker', 'cdnTransfer'], names: ['--dry-run', '--gcs-bucket', '--lease-seconds', ...SIGNING] },
    { command: ['local-cloud'], names: ['--s3-dir', '--gcs-dir', '--signed-urls', '--s3-port', '--json'] },
  ])('of $command exits 0 and names what can be given', async ({ command, names }) => {
    const directory = tmpdir();
    const environment = bareEnvironment(directory);
    await using running = new RunningCommand([...command, '--help'], { cwd: directory, environment });
    const { exitCode, stdout, stderr } = await running.ended;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const name of names) expect(stdout).toContain(` ${name}`);
  });
});
