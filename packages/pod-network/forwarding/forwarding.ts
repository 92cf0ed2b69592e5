/**
 * Lets pods through where rules of the host would drop what is forwarded: by rules of ours in the chains of iptables, whose policy
 * decides about them; of other chains it is said what to do.
 */
import { type Condition, condition } from '@podroute/feature/condition.ts'
import type { ForeignRule } from '@podroute/kernel/nft/foreign-rule-resource.ts'
import type { BaseChain } from '@podroute/linux/nft/chains.ts'
import { AuditQueue } from '@podroute/reconcile/audit-queue.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { Table } from '@podroute/reconcile/table.ts'
import type { PodNetworkKernel } from '../tables.ts'
import { acceptingRules, droppingChains, isOfIptables, legacyProblem, nftProblem } from './host-chains.ts'

export interface ForwardingOptions {
  readonly kernel: Pick<PodNetworkKernel, 'nft' | 'changes' | 'legacyForward'>
  readonly table: Table<string, ForeignRule>
  /** Whether the operator wants it, and the pods' bridge. */
  settings(): { readonly acceptForwarding: boolean; readonly bridge: string }
  readonly clock: Clock
  readonly log: Logger
  /** What is in the way of pods, once for as long as it is there. */
  say(problem: string): void
  /** There is something to flush. */
  changed(): void
}

/** In milliseconds: the older iptables announces nothing. */
const LOOK_AGAIN = 60_000

export class Forwarding implements Disposable {
  readonly #options: ForwardingOptions
  readonly #audits = new AuditQueue()
  readonly #subscriptions = new DisposableStack()
  #timer: Disposable | undefined
  #problems: readonly string[] = []
  #disposed = false

  constructor(options: ForwardingOptions) {
    this.#options = options
  }

  /** Follows the chains of the host from now on. @throws KernelError */
  async start(): Promise<void> {
    const { kernel } = this.#options
    const look = { audit: () => this.look() }
    const following = kernel.changes.subscribe({
      // Elements of sets are no news; tables of ours have no such chain.
      onTable: (table) => {
        if (!table.includes(' podroute')) this.#audits.ask(look, this.#options.table)
      },
      onOverrun: () => this.#audits.ask(look, this.#options.table),
    })
    this.#subscriptions.use(following)
    await this.look()
    this.#lookLater()
  }

  /** Looks at the chains, and plans what they need. What cannot be read stays as it was. */
  async look(): Promise<void> {
    const { kernel, settings, log } = this.#options
    try {
      const chains = droppingChains(await kernel.nft.baseChains())
      if (this.#disposed) return
      const { acceptForwarding, bridge } = settings()
      this.#plan(acceptForwarding ? chains.filter(isOfIptables) : [], bridge)
      const problems = acceptForwarding ? await this.#problemsOf(chains, bridge) : []
      for (const problem of problems) if (!this.#problems.includes(problem)) this.#options.say(problem)
      this.#problems = problems
    } catch (error) {
      log.warn('the chains of the host cannot be read', { error: (error as Error).message })
    }
  }

  /** It keeps no node from being ready: a rule of the host may let pods through where its policy does not. */
  condition(): Condition {
    const [failure] = this.#options.table.failures()
    const problem = [...this.#problems, ...(failure ? [failure[1].message] : [])].join('; ')
    return { ...condition('forwarding', problem || undefined), advisory: true }
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#subscriptions.dispose()
    this.#timer?.[Symbol.dispose]()
  }

  #plan(chains: readonly BaseChain[], bridge: string): void {
    const { table, changed, log } = this.#options
    const wanted = new Map(chains.flatMap((chain) => [...acceptingRules(chain, bridge)]))
    let different = false
    for (const key of [...table.desired().keys()]) {
      if (wanted.has(key)) continue
      table.delete(key)
      different = true
    }
    for (const [key, rule] of wanted) {
      if (table.desired().has(key)) continue
      table.set(key, rule)
      different = true
      log.info('a chain of the host drops by its policy: pods are accepted in it', { rule: key })
    }
    const swept = table.sweep()
    if (different || swept > 0) changed()
  }

  async #problemsOf(chains: readonly BaseChain[], bridge: string): Promise<readonly string[]> {
    const { kernel } = this.#options
    const others: string[] = []
    for (const chain of chains.filter((candidate) => !isOfIptables(candidate))) {
      const comments = new Set((await kernel.nft.commentedRules(chain)).map(({ comment }) => comment))
      const accepted = [...acceptingRules(chain, bridge).values()].every((rule) =>
        comments.has(`podroute ${rule.side} ${bridge}`),
      )
      if (!accepted) others.push(nftProblem(chain, bridge))
    }
    const legacy = ([4, 6] as const).flatMap((family) => {
      const chain = kernel.legacyForward(family)
      return (chain && legacyProblem(chain, bridge)) ?? []
    })
    return [...others, ...legacy]
  }

  #lookLater(): void {
    this.#timer = this.#options.clock.after(LOOK_AGAIN, () => {
      void this.look().then(() => {
        if (!this.#disposed) this.#lookLater()
      })
    })
  }
}
