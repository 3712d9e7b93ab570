import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';

/**
 * Google's own emulators, straight from the jars of an installed Cloud SDK: the `gcloud` command around them is slow and
 * leaves the Java process behind when it is killed.
 */

export type EmulatorKind = 'pubsub' | 'datastore';

/** What it takes to start an emulator, or the words for the summary of skipped tests. */
export type EmulatorSearch =
  | { readonly java: string; readonly javaArguments: readonly string[]; readonly missing?: undefined }
  | { readonly missing: string };

export interface RunningEmulator {
  /** `127.0.0.1:port`, the form of PUBSUB_EMULATOR_HOST and DATASTORE_EMULATOR_HOST. */
  readonly host: string;
  close(): Promise<void>;
}

interface EmulatorProgram {
  readonly component: string;
  /** Folder below `platform` of the SDK, and the jar in it. */
  readonly directory: string;
  readonly jar: RegExp;
  /** Arguments of java after the class path. */
  readonly main: readonly string[];
  readonly options: readonly string[];
  /** What it prints when it accepts connections. */
  readonly ready: RegExp;
}

const PROGRAMS: Readonly<Record<EmulatorKind, EmulatorProgram>> = {
  pubsub: {
    component: 'pubsub-emulator',
    directory: 'pubsub-emulator/lib',
    jar: /^cloud-pubsub-emulator-.*\.jar$/,
    main: ['com.google.cloud.pubsub.testing.v1.Main'],
    options: [],
    ready: /Server started, listening on/,
  },
  datastore: {
    component: 'cloud-firestore-emulator',
    directory: 'cloud-firestore-emulator',
    jar: /^cloud-firestore-emulator.*\.jar$/,
    main: ['com.google.cloud.datastore.emulator.firestore.CloudFirestore'],
    options: ['--database-mode=datastore-mode'],
    ready: /Dev App Server is now running/,
  },
};

/**
 * Kills its command as soon as stdin ends, which happens at the latest when the test process dies, however it dies. Its own
 * outputs are closed, so that they end with the command.
 */
const WATCHDOG = '"$@" & child=$!; exec >&- 2>&-; cat > /dev/null; kill -9 $child; wait $child';

const START_ATTEMPTS = 3;
const START_TIMEOUT_MS = 60_000;

/** Looks for the emulator: in CLOUDSDK_ROOT_DIR, beside the `gcloud` of PATH, and where packages install it. */
export function findEmulator(kind: EmulatorKind): EmulatorSearch {
  const program = PROGRAMS[kind];
  const java = findOnPath('java');
  if (java === undefined) return { missing: `java is not on PATH: Google's ${kind} emulator needs it` };
  for (const root of sdkRoots()) {
    const directory = join(root, 'platform', program.directory);
    const jar = existsSync(directory) ? readdirSync(directory).find((name) => program.jar.test(name)) : undefined;
    if (jar !== undefined) {
      return { java, javaArguments: ['-Duser.language=en', '-cp', join(directory, jar), ...program.main] };
    }
  }
  return { missing: `the component ${program.component} of the Google Cloud SDK is not installed` };
}

/**
 * Starts an empty emulator on a free port of the loopback interface.
 * @throws where {@link findEmulator} finds none, or it does not start
 */
export async function startEmulator(kind: EmulatorKind): Promise<RunningEmulator> {
  const found = findEmulator(kind);
  if (found.missing !== undefined) throw new Error(found.missing);
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const command = [found.java, ...found.javaArguments, '--host=127.0.0.1', `--port=${port}`];
    const child = spawn('/bin/sh', ['-c', WATCHDOG, 'sh', ...command, ...PROGRAMS[kind].options]);
    try {
      await untilReady(child, PROGRAMS[kind].ready);
      return { host: `127.0.0.1:${port}`, close: () => end(child) };
    } catch (error) {
      await end(child);
      // Somebody else may have taken the port since.
      if (attempt === START_ATTEMPTS) throw error;
    }
  }
}

function untilReady(child: ChildProcess, ready: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (why: string): void => reject(new Error(`the emulator ${why}:\n${output}`));
    const timer = setTimeout(() => fail(`was not ready after ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      finish();
    };
    const onOutput = (chunk: Buffer): void => {
      output += chunk.toString();
      if (ready.test(output)) settle(resolve);
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', onOutput);
      stream?.once('end', () => settle(() => fail('ended')));
    }
    child.once('error', (error) => settle(() => reject(error)));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.stdin?.end();
  await ended;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('the server has no port'));
      });
    });
  });
}

function sdkRoots(): readonly string[] {
  const gcloud = findOnPath('gcloud');
  return [
    process.env['CLOUDSDK_ROOT_DIR'],
    gcloud === undefined ? undefined : dirname(dirname(gcloud)),
    '/usr/lib/google-cloud-sdk',
    '/usr/share/google-cloud-sdk',
    '/snap/google-cloud-cli/current',
    join(process.env['HOME'] ?? '/', 'google-cloud-sdk'),
  ].filter((root) => root !== undefined);
}

function findOnPath(command: string): string | undefined {
  const path = (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, command));
  const found = path.find((file) => existsSync(file));
  return found === undefined ? undefined : realpathSync(found);
}
