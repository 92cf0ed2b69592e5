/** The bridge's addresses. Every global address on the bridge is ours: the bridge is. */
import type { AddressesApi, LinksApi } from '@podroute/kernel/kernel.ts'
import type { KernelChanges } from '@podroute/kernel/monitors.ts'
import { type Address, type AddressOp, IFA_F_NODAD } from '@podroute/linux/route/addresses.ts'
import type { Link } from '@podroute/linux/route/links.ts'
import { SCOPE_UNIVERSE } from '@podroute/linux/route/rtnetlink.ts'
import {
  DONE,
  type Observation,
  type Op,
  type Outcome,
  outcomeOf,
  type Resource,
} from '@podroute/reconcile/resource.ts'
import type { BridgeAddress } from '../bridge/bridge.ts'
import { PodNetworkError } from '../errors.ts'

const keyOf = (address: Address) => `${address.address}/${address.prefixLength}`

export class BridgeAddressResource implements Resource<string, BridgeAddress> {
  readonly name = 'bridge-addresses'
  readonly #links: LinksApi
  readonly #addresses: AddressesApi
  readonly #bridge: string
  readonly #changes: KernelChanges | undefined
  #index: number | undefined

  constructor(links: LinksApi, addresses: AddressesApi, bridge: string, changes?: KernelChanges) {
    this.#links = links
    this.#addresses = addresses
    this.#bridge = bridge
    this.#changes = changes
  }

  equal(a: BridgeAddress, b: BridgeAddress): boolean {
    return a.address === b.address && a.prefixLength === b.prefixLength
  }

  async *list(): AsyncIterable<Iterable<readonly [string, BridgeAddress]>> {
    const link = await this.#find()
    if (!link) return
    const addresses = await this.#addresses.list({ interfaceIndex: link.index })
    const ours = addresses.filter(({ scope }) => scope === SCOPE_UNIVERSE)
    yield ours.map((address) => [keyOf(address), planOf(address)])
  }

  async apply(ops: readonly Op<string, BridgeAddress>[]): Promise<readonly Outcome[]> {
    const link = await this.#find()
    if (!link) return ops.map((op) => withoutBridge(op.kind, this.#bridge))
    const outcomes = await this.#addresses.apply(ops.map((op) => addressOp(op, link.index)))
    return outcomes.map((error, i) => {
      if (error?.code === 'EADDRNOTAVAIL' && ops[i]?.kind === 'remove') return DONE
      return outcomeOf(error)
    })
  }

  /** Of another kind, a device of that name is somebody else's. */
  async #find(): Promise<Link | undefined> {
    const link = await this.#links.get(this.#bridge)
    const bridge = link?.kind === 'bridge' ? link : undefined
    this.#index = bridge?.index
    return bridge
  }

  watch(touched: (key: string, observation?: Observation<BridgeAddress>) => void): Disposable {
    if (!this.#changes) return { [Symbol.dispose]() {} }
    return this.#changes.subscribe({
      onAddress: (change, address) => {
        if (address.interfaceIndex !== this.#index || address.scope !== SCOPE_UNIVERSE) return
        if (change === 'remove') touched(keyOf(address), { kind: 'absent' })
        else touched(keyOf(address), { kind: 'present', value: planOf(address) })
      },
    })
  }
}

function planOf({ address, prefixLength }: Address): BridgeAddress {
  return { address, prefixLength }
}

function addressOp(op: Op<string, BridgeAddress>, interfaceIndex: number): AddressOp {
  const { address, prefixLength } = op.kind === 'remove' ? op.previous : op.value
  const family = address.includes(':') ? 6 : 4
  // Without a port the bridge has no carrier, and an IPv6 address would stay tentative until the first pod.
  const flags = family === 6 ? IFA_F_NODAD : 0
  return {
    kind: op.kind,
    address: { interfaceIndex, family, address, prefixLength, scope: SCOPE_UNIVERSE, flags },
  }
}

function withoutBridge(kind: Op<string, unknown>['kind'], bridge: string): Outcome {
  if (kind === 'remove') return DONE
  return { ok: false, error: new PodNetworkError('no-bridge', `there is no bridge ${bridge} yet`) }
}
