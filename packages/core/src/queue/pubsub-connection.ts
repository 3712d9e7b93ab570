import { v1 } from '@google-cloud/pubsub';
import { status } from '@grpc/grpc-js';
import { type CallOptions, closeGoogleClient, type Patience } from '../config/call-google-service.ts';
import { googleServiceError, type GoogleServiceCall } from '../config/google-service-error.ts';
import { resolveGoogleEndpoint } from '../config/google-service-endpoint.ts';
import { ConfigurationError, ServiceError } from '../domain/errors.ts';
import { endsWithin } from '../runtime/ends-within.ts';
import { retry } from '../runtime/retry.ts';
import { unlessAborted } from '../runtime/unless-aborted.ts';
import { CallDeadline } from './call-deadline.ts';
import { pubsubName } from './pubsub-name.ts';

export interface PubsubConnectionOptions {
  /** The project of topics and subscriptions that are given by their bare id. */
  readonly projectId: string;
  /** `PUBSUB_EMULATOR_HOST`, `host:port` without TLS; without it, Google's Pub/Sub. */
  readonly emulatorHost?: string | undefined;
  readonly patience?: Patience | undefined;
  /** How long calls are tried once the connection is closing; default 3,000. */
  readonly closeGraceMs?: number | undefined;
  /** How connections are found out that died without a word; default after 30 s to 40 s. */
  readonly keepalive?: PubsubKeepalive | undefined;
}

export interface PubsubKeepalive {
  /** Between the pings of a connection on which calls are under way. */
  readonly intervalMs: number;
  /** A connection that does not answer one for so long is given up: what is under way on it fails, and may be tried again. */
  readonly timeoutMs: number;
}

/**
 * Without pings the network decides when such a connection is over, after a quarter of an hour; every call and stream would
 * fail on it until then. Google's clients of Bigtable ping its front ends as often.
 */
const KEEPALIVE: PubsubKeepalive = { intervalMs: 30_000, timeoutMs: 10_000 };

/** A restart of the service is sat out; then the work that waits is better handed to another process. */
const PUBSUB_PATIENCE: Patience = {
  attemptTimeoutMs: 30_000,
  totalTimeoutMs: 60_000,
  retries: { maxAttempts: Number.POSITIVE_INFINITY, baseDelayMs: 250, maxDelayMs: 8_000 },
};

/** Of the 30 s that a preempted VM gets, most belong to the work. */
export const CLOSE_GRACE_MS = 3_000;

/** What a generated client is asked: not to retry by itself, and to leave off when the call is given up. */
interface PubsubCallOptions extends CallOptions {
  readonly signal: AbortSignal;
}

export interface PubsubCall {
  /** The method, as Pub/Sub names it: `Publish`. */
  readonly op: string;
  /** The topic or subscription by its full name. */
  readonly resource: string;
  /** Called when the first try has failed and others follow. */
  readonly onRetry?: ((error: Error) => void) | undefined;
}

/**
 * Google's generated clients of Pub/Sub, which connect on first use. The hand-written layer above them in the same package
 * takes an ack for granted as soon as it is written down, and a message for delivered while it waits in its own queue; what
 * this adapter promises needs the answers of the service.
 * @throws ConfigurationError `CONFIG_INVALID` for a malformed emulator host
 */
export class PubsubConnection {
  readonly projectId: string;
  /** For messages. */
  readonly host: string;
  readonly publisher: InstanceType<typeof v1.PublisherClient>;
  readonly subscriber: InstanceType<typeof v1.SubscriberClient>;
  readonly #patience: Patience;
  readonly #closeGraceMs: number;
  /** Of the calls under way. */
  readonly #deadlines = new Set<CallDeadline>();
  /** On the clock of `performance`, once the connection is closing. */
  #closesAt: number | undefined;

  constructor(options: PubsubConnectionOptions) {
    const endpoint = resolveGoogleEndpoint('pubsub.googleapis.com', {
      variable: 'PUBSUB_EMULATOR_HOST',
      host: options.emulatorHost,
    });
    this.projectId = options.projectId;
    this.host = endpoint.host;
    this.#patience = options.patience ?? PUBSUB_PATIENCE;
    this.#closeGraceMs = options.closeGraceMs ?? CLOSE_GRACE_MS;
    const { intervalMs, timeoutMs } = options.keepalive ?? KEEPALIVE;
    const clientOptions = {
      ...endpoint.clientOptions,
      projectId: options.projectId,
      'grpc.keepalive_time_ms': intervalMs,
      'grpc.keepalive_timeout_ms': timeoutMs,
    };
    this.publisher = new v1.PublisherClient(clientOptions);
    this.subscriber = new v1.SubscriberClient(clientOptions);
  }

  /** @returns the full name; @throws ConfigurationError `CONFIG_INVALID` */
  topicName(topic: string): string {
    return pubsubName('topics', topic, this.projectId);
  }

  /** @returns the full name; @throws ConfigurationError `CONFIG_INVALID` */
  subscriptionName(subscription: string): string {
    return pubsubName('subscriptions', subscription, this.projectId);
  }

  /**
   * Calls a method until it answers, refuses, or patience is at its end, which is soon when the connection is closing.
   * @throws ConfigurationError `CONFIG_QUEUE_MISSING`, `CONFIG_ACCESS_DENIED`
   * @throws ServiceError `SERVICE_UNAVAILABLE` naming host, resource and how long was tried; `SERVICE_REJECTED`
   */
  async call<T>(call: PubsubCall, request: (options: PubsubCallOptions) => Promise<T>): Promise<T> {
    const { attemptTimeoutMs, totalTimeoutMs, retries } = this.#patience;
    const leftMs = this.#closesAt === undefined ? totalTimeoutMs : this.#closesAt - performance.now();
    using deadline = new CallDeadline(Math.min(totalTimeoutMs, leftMs));
    const { signal } = deadline;
    let attempts = 0;
    let lastFailure: Error | undefined;
    const tryOnce = async (attempt: number): Promise<T> => {
      attempts = attempt;
      const timeout = Math.max(1, Math.min(attemptTimeoutMs, Math.ceil(deadline.remainingMs)));
      try {
        return await request({ timeout, retry: null, signal });
      } catch (error) {
        lastFailure = this.failure(error, call);
        throw lastFailure;
      }
    };
    const onRetry = (_: unknown, attempt: number): void => {
      if (attempt === 1 && lastFailure !== undefined) call.onRetry?.(lastFailure);
    };
    this.#deadlines.add(deadline);
    try {
      return await unlessAborted(retry(retries, { signal, onRetry }, tryOnce), signal);
    } catch (error) {
      const gaveUp = error === signal.reason || (error instanceof ServiceError && error.retryable);
      if (!gaveUp) throw error;
      throw new ServiceError(
        'SERVICE_UNAVAILABLE',
        `${call.op} of ${call.resource} failed${this.#describe(attempts, deadline, lastFailure)}`,
        { op: call.op, destination: call.resource },
      );
    } finally {
      this.#deadlines.delete(deadline);
    }
  }

  #describe(attempts: number, { startedAt }: CallDeadline, lastFailure: Error | undefined): string {
    const closing = this.#closesAt === undefined ? '' : ', the connection being closed';
    if (attempts === 0) return closing;
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    const last = lastFailure?.message ?? `Pub/Sub at ${this.host}: no answer`;
    return `, tried ${attempts} ${attempts === 1 ? 'time' : 'times'} in ${seconds} s${closing}: ${last}`;
  }

  /** Names what a client reported. */
  failure(error: unknown, { op, resource }: PubsubCall): Error {
    const call: GoogleServiceCall = {
      service: 'Pub/Sub',
      host: this.host,
      projectId: this.projectId,
      op,
      source: resource,
      explain: (code, details) => {
        if (code === status.NOT_FOUND) {
          const reason = `${resource} is not there: ${details.replace(/\.$/, '')}`;
          return new ConfigurationError('CONFIG_QUEUE_MISSING', reason, { op });
        }
        // Google's library reports missing credentials by an error without a code, before it calls anything.
        if (code === status.UNKNOWN && !hasCode(error) && /credentials/i.test(details)) {
          const reason = `no Google credentials for Pub/Sub: ${details}`;
          return new ConfigurationError('CONFIG_ACCESS_DENIED', reason, { op });
        }
        return undefined;
      },
    };
    return googleServiceError(error, call);
  }

  /**
   * The process is about to end: no call is tried for longer than the grace of closing any more, and none beyond that time
   * from now. What was tried for as long already fails at once.
   */
  beginClosing(): void {
    if (this.#closesAt !== undefined) return;
    this.#closesAt = performance.now() + this.#closeGraceMs;
    for (const deadline of this.#deadlines) deadline.bringForward(deadline.startedAt + this.#closeGraceMs);
  }

  /** Ends the connections. What is being called fails, and so does what is called from now on. */
  async close(): Promise<void> {
    this.#closesAt = performance.now();
    for (const deadline of this.#deadlines) deadline.bringForward(this.#closesAt);
    const closed = Promise.all([closeGoogleClient(this.publisher), closeGoogleClient(this.subscriber)]);
    // A client that is still looking for credentials cannot be ended.
    await endsWithin(closed, this.#closeGraceMs);
  }
}

function hasCode(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'number';
}
