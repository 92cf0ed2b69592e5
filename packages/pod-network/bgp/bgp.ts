/** BGP on this node as the pod network sees it: the instance, its tables and sessions, and what is heard of them. */
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { BestPathChange, PeerEvent, PeerSnapshot } from 'bgp-speaker-ts/snapshot.ts'
import type { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { isPathFailure } from './bfd/path-failure.ts'
import { BmpCollectors } from './bmp/collectors.ts'
import { takeLeave } from './ends/leave.ts'
import { LostSessions } from './ends/lost-sessions.ts'
import { BgpInstance, type CreateSpeaker } from './instance.ts'
import type { InstanceConfig } from './instance-config.ts'
import { PodOrigins } from './roles/pod-origins.ts'
import { BgpSessions } from './sessions.ts'
import { type BgpTables, createBgpTables } from './tables.ts'

export interface BgpOptions {
  readonly nodeName: string
  readonly createSpeaker: CreateSpeaker
  readonly clock: Clock
  readonly log: Logger
  /** Name of the Node at an address; undefined where no Node has it. */
  nodeAt(peer: string): string | undefined
  /** Milliseconds that routes outlive their session. */
  keepFor(): number
  onBest(changes: readonly BestPathChange[]): void
  /** A session came up or went down, or a peer has told something about itself. */
  onSession(event: PeerEvent): void
  /** The speaker is gone, and all paths with it. */
  onEnded(): void
}

export class Bgp {
  readonly sessions: BgpSessions
  readonly tables: BgpTables
  readonly collectors: BmpCollectors
  readonly #options: BgpOptions
  readonly #instance: BgpInstance
  readonly #lost = new LostSessions()
  readonly #origins = new PodOrigins()
  /** Prefixes in which routes may be judged otherwise than they were. */
  readonly #doubtful = new Set<string>()

  constructor(options: BgpOptions) {
    const { createSpeaker, clock, log } = options
    this.#options = options
    this.collectors = new BmpCollectors(options.nodeName)
    const handlers = {
      created: (speaker: Speaker) => this.#follow(speaker),
      ended: () => this.#ended(),
    }
    const create = (config: InstanceConfig) => createSpeaker({ ...config, validator: this.#origins })
    this.#instance = new BgpInstance(create, handlers, log)
    this.tables = createBgpTables(this.#instance, { clock, log })
    // For as long as the instance is there: it tells only of its own failures.
    this.tables.instance.watch()
    this.sessions = new BgpSessions({
      ...{ log, clock },
      speaker: () => this.#instance.speaker,
      nodeAt: (peer) => options.nodeAt(peer),
      changed: (event) => this.#sessionChanged(event),
    })
  }

  peers(): readonly PeerSnapshot[] {
    return this.sessions.peers()
  }

  /** There is news of the peer: where there is no session, it is tried at once. */
  retry(peer: string): void {
    const { speaker } = this.#instance
    if (speaker?.configuration(peer)) speaker.retryPeer(peer)
  }

  /** What routes to the pods of a Node are judged by, from the next `judge` on. @param node undefined: it is gone */
  setOrigin(name: string, node: ClusterNode | undefined): void {
    for (const prefix of this.#origins.replace(name, node)) this.#doubtful.add(prefix)
  }

  /** Routes that Nodes have been changed for are judged again. */
  judge(): void {
    if (this.#doubtful.size === 0) return
    this.#instance.speaker?.revalidate([...this.#doubtful])
    this.#doubtful.clear()
  }

  /** When the session with a peer was lost; undefined while it is there. */
  lostAt(peer: string): number | undefined {
    return this.#lost.lostAt(peer)
  }

  /** `kept`: peers keep this node's routes until another agent is there; `left`: nobody does, and routers move before they have to. */
  async stop(how: 'kept' | 'forgotten' | 'left'): Promise<void> {
    const { speaker } = this.#instance
    if (how === 'left' && speaker) await takeLeave(speaker, this.#options.clock)
    if (how === 'kept') await this.#instance.abandon()
    else await this.#instance.close(how === 'left' ? 'the node leaves' : 'agent stops')
  }

  #follow(speaker: Speaker): void {
    this.collectors.follow(speaker)
    this.sessions.follow(speaker)
    speaker.on('best', (changes) => this.#options.onBest(changes))
  }

  #ended(): void {
    void this.collectors.ended()
    this.sessions.clear()
    this.#options.onEnded()
    for (const table of [this.tables.peers, this.tables.announcements]) void table.adopt()
  }

  #sessionChanged(event: PeerEvent): void {
    const { clock, keepFor, onSession } = this.#options
    if (event.kind === 'established') this.#lost.established(event.peer)
    // A path that BFD finds dead is that of a machine, not of its agent: nothing of it is kept.
    if (event.kind === 'down' && !isPathFailure(event.reason))
      this.#lost.lost(event.peer, clock.now(), keepFor())
    onSession(event)
  }
}
