import { describe, expect, it } from 'vitest';
import { tmpdir } from 'node:os';
import { RunningCommand } from './command.ts';
import { bareEnvironment } from './rehearsal.ts';

const FILTERS = ['--storage-class', '--last-modified-before', '--last-modified-after', '--include', '--exclude'];
const SIGNING = ['--url-signer-private-key-file', '--url-signer-private-key-secret-id', '--url-signer-key-pair-id'];

describe('--help', () => {
  it.each([
    { command: [], names: ['run', 'demo', 'dump', 'publisher', 'worker', 'local-cloud', '--version'] },
    { command: [], names: ['sync', 'status', 'errors', 'diff', 'limits', 'reset', 'abandon'] },
    {
      command: ['run'],
      names: ['--from', '--to', '--cdn', '--report', '--json', '--config', '--state', ...FILTERS, ...SIGNING],
    },
    { command: ['demo'], names: ['--source-dir', '--report', '--processes', '--json'] },
    { command: ['dump'], names: ['--dump-file', '--dry-run', '--json', '--s3-bucket', '--config'] },
    { command: ['publisher'], names: ['objects', 'sync-check', 'rsync', 'publishDirList'] },
    {
      command: ['publisher', 'objects'],
      names: ['--manifest', '--dry-run', '--json', '--num-single-message', '--message-format', ...FILTERS],
    },
    { command: ['publisher', 'sync-check'], names: ['--recheck', '--once', '--dry-run', '--json', '--message-format'] },
    { command: ['publisher', 'rsync'], names: ['--once', '--dry-run', '--json', '--delete-extra'] },
    { command: ['publisher', 'publishDirList'], names: ['--once', '--dry-run', '--json', '--pull-query'] },
    { command: ['worker'], names: ['cdnTransfer', 'syncCheck', 'rsync'] },
    { command: ['worker', 'syncCheck'], names: ['--check-mode', '--processes', '--dry-run', '--json', ...FILTERS] },
    {
      command: ['worker', 'rsync'],
      names: ['--rsync-engine', '--delete-extra', '--max-rsync-attempts', '--processes', ...FILTERS, ...SIGNING],
    },
    { command: ['sync'], names: ['--from-manifest', '--json', '--delete-extra', '--rsync-engine', ...SIGNING] },
    { command: ['status'], names: ['--watch', '--json', '--state', '--config-key', '--max-rsync-attempts'] },
    { command: ['errors'], names: ['list', 'retry'] },
    { command: ['errors', 'list'], names: ['--code', '--dir', '--limit', '--json'] },
    { command: ['errors', 'retry'], names: ['--code', '--dir', '--dry-run', '--json', '--pubsub-topic-id'] },
    { command: ['diff'], names: ['--dir', '--format', '--output', '--json'] },
    {
      command: ['reset'],
      names: ['"sync-check"', '"cdn-transfer"', '--dir', '--glob', '--all', '--purge', '--force', '--yes', '--dry-run'],
    },
    { command: ['limits'], names: ['--max-bandwidth', '--writes-per-second', '--json', '--state', '--config-key'] },
    { command: ['abandon'], names: ['--dir', '--force', '--json'] },
    {
      command: ['worker', 'cdnTransfer'],
      names: ['--dry-run', '--gcs-bucket', '--lease-seconds', '--max-bandwidth', '--write-ramp', ...SIGNING],
    },
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
