/**
 * Writes the status of ClusterNetworkPolicies. Every agent would write the same, so each waits a random moment, and does nothing when
 * another one was faster. No Lease says who it is: that costs the API a request of every node every few seconds, also while nothing changes.
 */
import type { ApiClient } from '@podroute/cluster/api/client.ts'
import { ApiStatusError } from '@podroute/cluster/errors.ts'
import type { ClusterNetworkPolicy } from '@podroute/cluster/objects/cluster-network-policy.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import { acceptedOf, conditionOf } from './accepted.ts'

export interface PolicyStatusesOptions {
  client(): Promise<Pick<ApiClient, 'patchJson'>>
  readonly policies: ReadonlyMap<string, ClusterNetworkPolicy>
  readonly clock: Clock
  /** Wall-clock time. */
  readonly wall: () => Date
  readonly random: () => number
  readonly log: Logger
}

/** Agents write at random moments of so many milliseconds: of 1,000 some ten do, before they see what the first one wrote. */
const SPREAD = 5000
/** An agent that says something else of the same object leaves it for so long: agents of two versions must not write on and on. */
const OTHER_OPINION = 600_000
const RETRY = 60_000

export class PolicyStatuses implements Disposable {
  readonly #options: PolicyStatusesOptions
  readonly #due = new Map<string, Disposable>()
  readonly #stop = new AbortController()
  #said = ''

  constructor(options: PolicyStatusesOptions) {
    this.#options = options
  }

  /** The policy is so now; undefined: it is gone. */
  changed(name: string, policy: ClusterNetworkPolicy | undefined): void {
    this.#forget(name)
    const wanted = policy && acceptedOf(policy)
    if (!wanted) return
    const { accepted } = policy
    if (!accepted || accepted.generation !== wanted.generation) this.#later(name, 0)
    else if (accepted.status !== wanted.status || accepted.message !== wanted.message)
      this.#later(name, OTHER_OPINION)
  }

  [Symbol.dispose](): void {
    this.#stop.abort()
    for (const name of [...this.#due.keys()]) this.#forget(name)
  }

  #later(name: string, wait: number): void {
    if (this.#stop.signal.aborted) return
    const { clock, random } = this.#options
    this.#due.set(
      name,
      clock.after(wait + random() * SPREAD, () => {
        this.#due.delete(name)
        void this.#write(name)
      }),
    )
  }

  #forget(name: string): void {
    this.#due.get(name)?.[Symbol.dispose]()
    this.#due.delete(name)
  }

  /** Never rejects. */
  async #write(name: string): Promise<void> {
    const { policies, client, wall } = this.#options
    const policy = policies.get(name)
    const wanted = policy && acceptedOf(policy)
    if (!wanted) return
    const body = {
      ...{ apiVersion: 'policy.networking.k8s.io/v1alpha2', kind: 'ClusterNetworkPolicy' },
      // Another object of the same name is refused.
      metadata: { name, ...(policy.uid === '' ? {} : { uid: policy.uid }) },
      status: { conditions: [conditionOf(wanted, policy.accepted, wall())] },
    }
    const path = `/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies/${name}/status`
    try {
      const api = await client()
      await api.patchJson(path, { kind: 'apply', body, manager: 'podroute', force: true }, this.#stop.signal)
      this.#said = ''
    } catch (error) {
      this.#failed(name, error)
    }
  }

  #failed(name: string, error: unknown): void {
    if (this.#stop.signal.aborted) return
    // It is gone, or another one: its watch says so.
    const isOther = error instanceof ApiStatusError && (error.notFound || error.status === 409)
    if (isOther) return
    const said = error instanceof ApiStatusError ? String(error.status) : String(error)
    if (said !== this.#said)
      this.#options.log.warn('the status of a ClusterNetworkPolicy cannot be written', {
        ...{ policy: name, error },
        todo: 'it is enforced all the same; allow patch on clusternetworkpolicies/status: apply the ClusterRole of deploy/podroute.yaml',
      })
    this.#said = said
    if (!this.#due.has(name)) this.#later(name, RETRY)
  }
}
