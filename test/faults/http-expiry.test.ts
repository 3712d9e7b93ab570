import { generateKeyPairSync } from 'node:crypto';
import { createCdnObjectReader } from '@object-transfer/core/storage/cdn-object-reader';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import { createGcsTokenSource } from '@object-transfer/core/storage/gcs-token-source';
import { startCloudFrontServer } from '@object-transfer/local-cloud/cloudfront/cloudfront-server';
import { startGcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';
import type { TransferContext } from '@object-transfer/worker/cdn-transfer/transfer-context';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { DESTINATION_BUCKET } from '../fixtures/clouds.ts';
import { answer, startScriptedServer } from '../integration/storage/scripted-server.ts';
import { auditObjects, type Discrepancy } from './audit-objects.ts';
import { HttpFaultProxy } from './http-fault-proxy.ts';
import { HttpFaultRig, OBJECT_KINDS } from './http-fault-rig.ts';
import type { HttpFault } from './http-fault.ts';

/** Permissions that end while objects are under way: signed URLs, and access tokens. */
let rig: HttpFaultRig;
beforeAll(async () => {
  rig = await HttpFaultRig.start();
});
afterAll(() => rig[Symbol.asyncDispose]());
beforeEach(() => rig.clear());

const HOUR_MS = 3_600_000;
const ROUNDS = 3;

/** Moves objects of all kinds, one after the other; between any two, and before each of their ranges, something may happen. */
async function moveAll(overrides: Partial<TransferContext>, between: () => void = () => undefined): Promise<string[]> {
  const ended: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of OBJECT_KINDS) {
      ended.push(await rig.transfer(kind, rig.put(kind, `${kind} ${round}`), overrides));
      between();
    }
  }
  return [...new Set(ended)];
}

describe('signed URLs', () => {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKey = keys.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const privateKey = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

  /** A distribution that demands them, and whose clock is ahead of the reader's. */
  async function withDistribution(
    aheadMs: number,
    use: (
      cdn: TransferContext['cdn'],
      distribution: { readonly refused: () => number; readonly pass: (ms: number) => void },
    ) => Promise<void>,
  ): Promise<void> {
    await using stack = new AsyncDisposableStack();
    let nowMs = Date.UTC(2030, 0, 1);
    const server = await startCloudFrontServer({
      origin: { url: rig.clouds.s3.url, bucket: rig.clouds.source.name },
      publicKeys: { KEY: publicKey },
      now: () => nowMs + aheadMs,
    });
    stack.defer(() => server.close());
    // Every seventh answer breaks off, so that what is under way is asked for again with what holds by then.
    let requests = 0;
    const choose = (): HttpFault | undefined => (++requests % 7 === 0 ? { kind: 'resetInBody' } : undefined);
    const proxy = stack.use(await HttpFaultProxy.start({ targetUrl: server.url, choose }));
    const signing = {
      kind: 'signed',
      keyPairId: 'KEY',
      privateKey,
      privateKeyOrigin: 'the test',
      lifetimeMs: HOUR_MS,
    } as const;
    const cdn = createCdnObjectReader({ urlHostPre: `${proxy.url}/`, signing, now: () => nowMs });
    stack.defer(() => cdn.close());
    const pass = (ms: number) => {
      nowMs += ms;
    };
    await use(cdn, { refused: () => server.stats.refused, pass });
  }

  test('that expire during a run are renewed before they do', async () => {
    await withDistribution(0, async (cdn, { refused, pass }) => {
      expect(await moveAll({ cdn, direct: undefined }, () => pass(HOUR_MS / 3))).toEqual(['transferred']);
      expect(refused()).toBe(0);
    });
    expect(await rig.audit()).toEqual([]);
  });

  test('that expire too early, by the clock of the CDN, are renewed when they are refused', async () => {
    await withDistribution(HOUR_MS / 2, async (cdn, { refused, pass }) => {
      expect(await moveAll({ cdn, direct: undefined }, () => pass(HOUR_MS / 5))).toEqual(['transferred']);
      expect(refused()).toBeGreaterThan(0);
    });
    expect(await rig.audit()).toEqual([]);
  });

  test('that have expired when they are made are a failure of their own', async () => {
    await withDistribution(2 * HOUR_MS, async (cdn, { pass }) => {
      const ended = await moveAll({ cdn, direct: undefined }, () => pass(HOUR_MS / 5));
      expect(ended).toEqual(['SOURCE_SIGNATURE_REJECTED']);
    });
    const found = new Set((await rig.audit()).map(({ kind }) => kind));
    expect(found).toEqual(new Set(['missing']));
  });
});

describe('access tokens', () => {
  const FROM_METADATA_SERVER = { 'content-type': 'application/json', 'metadata-flavor': 'Google' };
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  interface Tokens {
    readonly overrides: Partial<TransferContext>;
    /** Those handed out. */
    readonly issued: () => number;
    readonly audit: () => Promise<readonly Discrepancy[]>;
  }

  /** A GCS that wants a token, and takes each of them only so often; the metadata server that hands them out is broken. */
  async function withTokens(
    usesEach: number,
    choose: () => HttpFault | undefined,
    use: (tokens: Tokens) => Promise<void>,
  ) {
    await using stack = new AsyncDisposableStack();
    const metadata = await startScriptedServer();
    stack.defer(() => metadata.close());
    let issued = 0;
    let uses = 0;
    metadata.script((response, request) => {
      if (request.url?.includes('/token') !== true) {
        answer(200, { 'metadata-flavor': 'Google' }, 'googleapis.com')(response, request);
        return;
      }
      uses = 0;
      const token = { access_token: `token ${++issued}`, expires_in: 3600, token_type: 'Bearer' };
      answer(200, FROM_METADATA_SERVER, JSON.stringify(token))(response, request);
    });
    const proxy = stack.use(
      await HttpFaultProxy.start({
        targetUrl: metadata.url,
        choose: ({ target }) => (target.includes('/token') ? choose() : undefined),
      }),
    );
    vi.stubEnv('GCE_METADATA_HOST', proxy.url.replace('http://', ''));
    vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present');
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', undefined);
    vi.stubEnv('CLOUDSDK_CONFIG', '/nowhere');
    vi.stubEnv('HOME', '/nowhere');
    vi.stubEnv('GOOGLE_CLOUD_PROJECT', 'a-project');
    const gcs = await startGcsServer({
      buckets: [DESTINATION_BUCKET],
      requireBearerToken: (token) => token === `token ${issued}` && ++uses <= usesEach,
    });
    stack.defer(() => gcs.close());
    const tokens = createGcsTokenSource();
    const destination = createGcsObjectDestination({ bucket: DESTINATION_BUCKET, emulatorHost: gcs.url, tokens });
    stack.defer(() => destination.close());
    await use({
      overrides: { destination, parts: destination },
      issued: () => issued,
      audit: () => auditObjects({ source: rig.clouds.source, gcs, destination: DESTINATION_BUCKET }),
    });
  }

  test('that GCS refuses during a run are renewed', async () => {
    await withTokens(
      7,
      () => undefined,
      async ({ overrides, issued, audit }) => {
        expect(await moveAll(overrides)).toEqual(['transferred']);
        expect(issued()).toBeGreaterThan(5);
        expect(await audit()).toEqual([]);
      },
    );
  });

  const BROKEN: readonly HttpFault[] = [
    { kind: 'resetBeforeHead' },
    { kind: 'truncate', length: 'closed' },
    { kind: 'truncate', length: 'plausible' },
    { kind: 'status', status: 500, by: 'frontEnd' },
    { kind: 'status', status: 503, by: 'frontEnd', retryAfter: '0' },
    { kind: 'status', status: 429, by: 'frontEnd' },
    { kind: 'garbage' },
  ];

  test.each(BROKEN)('are asked for again where their answer is broken: $kind $status', async (fault) => {
    let asked = 0;
    await withTokens(
      9,
      () => (asked++ % 2 === 0 ? fault : undefined),
      async ({ overrides, audit }) => {
        expect(await moveAll(overrides)).toEqual(['transferred']);
        expect(await audit()).toEqual([]);
      },
    );
  });

  test.each([
    ['that there are none for ever', { kind: 'status', status: 503, by: 'frontEnd' }, 'DESTINATION_UNAVAILABLE'],
    ['that they are refused', { kind: 'status', status: 403, by: 'frontEnd' }, 'DESTINATION_FORBIDDEN'],
  ] as const)('%s is a failure', async (_, fault, code) => {
    await withTokens(
      9,
      () => fault,
      async ({ overrides, audit }) => {
        const few = { maxAttempts: 2, baseDelayMs: 1, maxDelayMs: 2 };
        expect(await rig.transfer('small', rig.put('small'), { ...overrides, retryPolicy: few })).toBe(code);
        expect(await audit()).toEqual([expect.objectContaining({ kind: 'missing' })]);
      },
    );
  });
});
