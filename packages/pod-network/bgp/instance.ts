/**
 * The BGP instance of this node as one key of a table: its AS number, its router ID and where it listens. A change of these is a new
 * speaker, and all sessions start anew, unless it is the addresses alone; one that cannot listen is a failing key, which the table tries
 * again.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from '@podroute/reconcile/log.ts'
import { DONE, type Observation, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'
import type { SpeakerConfig } from 'bgp-speaker-ts/config.ts'
import type { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { PodNetworkError } from '../errors.ts'
import type { InstanceConfig } from './instance-config.ts'

/** How a speaker is made; `validator` is the same for all of them. */
export type CreateSpeaker = (config: InstanceConfig & Pick<SpeakerConfig, 'validator'>) => Speaker

/** The only key. */
export const INSTANCE = 'bgp'

export interface InstanceHandlers {
  /** A speaker was made; it is started next. */
  created(speaker: Speaker): void
  /** The speaker is gone: it knows no peer and announces nothing, and all paths went with it. */
  ended(): void
}

export class BgpInstance implements Resource<typeof INSTANCE, InstanceConfig> {
  readonly name = 'bgp-instance'
  readonly #create: CreateSpeaker
  readonly #handlers: InstanceHandlers
  readonly #log: Logger
  readonly #watchers = new Set<(key: typeof INSTANCE, observation: Observation<InstanceConfig>) => void>()
  #running: { readonly speaker: Speaker; readonly config: InstanceConfig } | undefined

  constructor(create: CreateSpeaker, handlers: InstanceHandlers, log: Logger) {
    this.#create = create
    this.#handlers = handlers
    this.#log = log
  }

  /** Undefined while there is none. */
  get speaker(): Speaker | undefined {
    return this.#running?.speaker
  }

  equal(a: InstanceConfig, b: InstanceConfig): boolean {
    return isDeepStrictEqual(a, b)
  }

  async *list(): AsyncIterable<Iterable<readonly [typeof INSTANCE, InstanceConfig]>> {
    if (this.#running) yield [[INSTANCE, this.#running.config]]
  }

  async apply(ops: readonly Op<typeof INSTANCE, InstanceConfig>[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    for (const op of ops) {
      try {
        if (op.kind === 'remove') await this.close('switched off')
        else await this.#put(op.value)
        outcomes.push(DONE)
      } catch (error) {
        outcomes.push({ ok: false, error: error as Error })
      }
    }
    return outcomes
  }

  watch(touched: (key: typeof INSTANCE, observation?: Observation<InstanceConfig>) => void): Disposable {
    this.#watchers.add(touched)
    return { [Symbol.dispose]: () => void this.#watchers.delete(touched) }
  }

  /** Ends the sessions for good: peers forget this node's routes. */
  async close(reason: string): Promise<void> {
    await this.#take()?.close(reason)
  }

  /**
   * Ends the sessions until another agent starts. With graceful restart the connections just close: after a NOTIFICATION peers without
   * RFC 8538 would forget the routes (RFC 4724 section 4), and with it an end that is announced is a hard reset.
   */
  async abandon(): Promise<void> {
    await this.#take()?.abandon()
  }

  #take(): Speaker | undefined {
    const speaker = this.speaker
    if (!speaker) return undefined
    this.#running = undefined
    speaker.removeAllListeners()
    this.#handlers.ended()
    return speaker
  }

  async #put(config: InstanceConfig): Promise<void> {
    const running = this.#running
    if (running && isDeepStrictEqual(withoutAddresses(running.config), withoutAddresses(config))) {
      await this.#listenOn(running, config)
      return
    }
    if (running) {
      this.#log.warn('the node is another one to its peers, all BGP sessions start anew', {
        asn: config.asn,
        listen: config.listen.addresses,
      })
      await this.close('reconfigured')
    }
    const started = await this.#start(config)
    // What the table has acknowledged, the one before, is gone.
    for (const touched of this.#watchers) touched(INSTANCE, { kind: 'absent' })
    await this.#listenOn(started, config)
    const { routerId } = config
    this.#log.info('BGP speaker started', { routerId, listen: started.speaker.listening() })
  }

  /** Sessions stay, and so does what was listened on where it cannot be done. */
  async #listenOn({ speaker }: { readonly speaker: Speaker }, config: InstanceConfig): Promise<void> {
    try {
      await speaker.listenOn(config.listen.addresses)
    } catch (cause) {
      throw new PodNetworkError('listen', cannotListen(config, cause as Error), { cause })
    }
    this.#running = { speaker, config }
  }

  /** It listens nowhere yet: where it cannot, because another daemon of the host has the port, it still connects to its peers. */
  async #start(config: InstanceConfig): Promise<{ readonly speaker: Speaker }> {
    const silent = { ...config, listen: { ...config.listen, addresses: [] } }
    const speaker = this.#create(silent)
    this.#handlers.created(speaker)
    await speaker.start()
    this.#running = { speaker, config: silent }
    return this.#running
  }
}

function cannotListen({ listen }: InstanceConfig, { message }: Error): string {
  const at = listen.addresses.map((address) => `${address} port ${listen.port}`).join(', ')
  const advice = message.includes('EADDRINUSE')
    ? `; sessions that this node opens itself come up. \`ss -ltnp sport = :${listen.port}\` on the node names who has the port`
    : ''
  return `cannot listen for BGP at ${at}: ${message}${advice}`
}

function withoutAddresses({ listen, ...rest }: InstanceConfig) {
  return { ...rest, port: listen.port }
}
