import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Secrets by what they are. */
export type Secrets = ReadonlyMap<string, string>;

/** Shorter pieces of a secret turn up by chance. */
const MIN_LENGTH = 8;

/**
 * Which secrets show in a text: as they are, in Base64, percent-encoded or as JSON escapes them; of a text of several lines,
 * any of its lines.
 */
export function findLeaks(text: string, secrets: Secrets): readonly string[] {
  const leaks = [];
  for (const [what, secret] of secrets) {
    const lines = secret.split('\n').filter((line) => !line.startsWith('-----'));
    const forms = lines.flatMap((line) => [
      line,
      Buffer.from(line).toString('base64').replace(/=+$/, ''),
      encodeURIComponent(line),
      JSON.stringify(line).slice(1, -1),
    ]);
    const shown = forms.find((form) => form.length >= MIN_LENGTH && text.includes(form));
    if (shown !== undefined) leaks.push(`${what}: ${around(text, text.indexOf(shown))}`);
  }
  if (text.includes('PRIVATE KEY-----')) leaks.push('the frame of a private key');
  return leaks;
}

/** All that the files below a directory hold, their names included, as one text. */
export async function readAllFiles(directory: string, except: readonly string[] = []): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !except.includes(entry.name));
  const contents = files.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    return `${path}\n${await readFile(path, 'latin1')}\n`;
  });
  return (await Promise.all(contents)).join('');
}

function around(text: string, position: number): string {
  return text.slice(Math.max(0, position - 60), position + 20);
}
