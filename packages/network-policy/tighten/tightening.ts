/**
 * Connections that are open are judged anew when what judges them changes: those that are not allowed any more end, in both directions,
 * and do not come back; no other one loses a packet. To make connection tracking forget a flow would not do: the server's next packet
 * makes a new one, in its own direction. So packets of a flow that was ended are dropped until it is allowed again.
 */
import type { FlowsApi } from '@podroute/kernel/kernel.ts'
import type { ElementChange, NftApi } from '@podroute/kernel/nft/api.ts'
import type { SetElement } from '@podroute/kernel/nft/element.ts'
import type { Flow } from '@podroute/linux/conntrack.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import { ENDED_PROTOCOLS, ENDED_SETS, TABLE_NAME } from '../kernel/table.ts'
import { endedElements, endsOf, type FlowEnds, flowKey, protocolElement } from './ended-flow.ts'

export interface TighteningOptions {
  readonly flows: Pick<FlowsApi, 'select' | 'forget'>
  readonly nft: Pick<NftApi, 'writeElements'>
  readonly clock: Clock
  readonly log: Logger
  /** Addresses of the node: its own traffic is not judged. */
  nodeAddresses(): Promise<readonly string[]>
  /** Whether a connection may begin now. */
  mayTalk(ends: FlowEnds): boolean
  ended?(count: number): void
}

interface Ended {
  readonly ends: FlowEnds
  readonly elements: readonly SetElement[]
  /** Clock time at which the kernel forgets it. */
  readonly until: number
}

/** Between two looks at connection tracking, in milliseconds. */
const PAUSE = 300
/** TCP gives up within 15 minutes of silence; one that is idle may send later. */
const HOURS = 24
const MOST_ENDED = 20_000
const ELEMENTS_PER_TRANSACTION = 2000

export class Tightening implements AsyncDisposable {
  readonly #options: TighteningOptions
  #touched = new Set<string>()
  readonly #ended = new Map<string, Ended>()
  #timer: Disposable | undefined
  #running: Promise<void> | undefined
  #disposed = false

  constructor(options: TighteningOptions) {
    this.#options = options
  }

  /** Connections of this address may be judged otherwise after the next flush. */
  touched(address: string): void {
    this.#touched.add(address)
  }

  /** The kernel judges new connections as it should. */
  flushed(): void {
    if (this.#touched.size === 0 || this.#timer || this.#disposed) return
    if (this.#running) return
    this.#running = this.#look().finally(() => {
      this.#running = undefined
      if (!this.#disposed) this.#timer = this.#options.clock.after(PAUSE, () => this.#again())
    })
  }

  /** Resolves when no flow is being looked at. */
  get settled(): Promise<void> {
    return this.#running ?? Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    this.#timer?.[Symbol.dispose]()
    await this.#running
  }

  #again(): void {
    this.#timer = undefined
    this.flushed()
  }

  /** What fails is looked at again after a pause. */
  async #look(): Promise<void> {
    const touched = this.#touched
    this.#touched = new Set()
    try {
      const own = new Set(await this.#options.nodeAddresses())
      const concerns = ({ source, destination }: FlowEnds) =>
        (touched.has(source) || touched.has(destination)) && !own.has(source) && !own.has(destination)
      await this.#allowAgain(concerns)
      const { flows, mayTalk } = this.#options
      const forbidden = await flows.select((flow) => {
        const ends = endsOf(flow)
        return concerns(ends) && !mayTalk(ends)
      })
      // Side by side, so that none waits for the rules and deletions of those before it, nor for ever for one that fails.
      const kinds = Map.groupBy(forbidden, ({ family, protocol }) => `${protocol} over IPv${family}`)
      const results = await Promise.allSettled([...kinds].map(([kind, some]) => this.#end(kind, some)))
      const failed = results.find((result) => result.status === 'rejected')
      if (failed) throw failed.reason
    } catch (error) {
      for (const address of touched) this.#touched.add(address)
      this.#options.log.warn('connections could not be judged anew', { error })
    }
  }

  /** @param kind of all of them */
  async #end(kind: string, forbidden: readonly Flow[]): Promise<void> {
    const { flows, log, clock, ended } = this.#options
    const doomed = new Map(forbidden.map((flow) => [flowKey(flow), flow]))
    // First what keeps it from coming back.
    await this.#askFor(forbidden)
    await this.#add([...doomed.values()].flatMap(endedElements))
    const until = clock.now() + HOURS * 3_600_000
    for (const [key, flow] of doomed)
      this.#ended.set(key, { ends: endsOf(flow), elements: endedElements(flow), until })
    this.#forgetOldest()
    const count = await flows.forget(forbidden)
    log.info('connections were ended that policies do not allow any more', { kind, count })
    ended?.(count)
  }

  /** Of a set's element that is there an add would leave the time: it must not be over before that of the flows. */
  async #askFor(flows: readonly Flow[]): Promise<void> {
    const elements = [...new Set(flows.map(protocolElement))]
    const kinds = ['add', 'delete', 'add'] as const
    await this.#writeAll(kinds.map((kind) => this.#change(kind, ENDED_PROTOCOLS, elements)))
  }

  async #allowAgain(concerns: (ends: FlowEnds) => boolean): Promise<void> {
    const { mayTalk, clock } = this.#options
    for (const [key, { ends, elements, until }] of this.#ended) {
      if (until > clock.now() && !(concerns(ends) && mayTalk(ends))) continue
      this.#ended.delete(key)
      await this.#remove(elements)
    }
  }

  async #add(elements: readonly SetElement[]): Promise<void> {
    for (let at = 0; at < elements.length; at += ELEMENTS_PER_TRANSACTION) {
      const some = elements.slice(at, at + ELEMENTS_PER_TRANSACTION)
      await this.#write('add', some[0]!.set, some)
    }
  }

  /** One that is gone already is no fault. */
  async #remove(elements: readonly SetElement[]): Promise<void> {
    for (const element of elements) await this.#write('delete', element.set, [element]).catch(() => undefined)
  }

  #write(kind: 'add' | 'delete', set: string, elements: readonly SetElement[]): Promise<void> {
    const texts = elements.map(({ element }) => element)
    return this.#writeAll([this.#change(kind, set, texts)])
  }

  #change(kind: 'add' | 'delete', set: string, elements: readonly string[]): ElementChange {
    return { kind, set, type: ENDED_SETS[set]!, elements, timeout: HOURS * 3_600_000 }
  }

  /** One transaction. */
  #writeAll(changes: readonly ElementChange[]): Promise<void> {
    return this.#options.nft.writeElements(TABLE_NAME, changes)
  }

  /** The kernel keeps what it has of those until their time is over. */
  #forgetOldest(): void {
    for (const key of this.#ended.keys()) {
      if (this.#ended.size <= MOST_ENDED) return
      this.#ended.delete(key)
    }
  }
}
