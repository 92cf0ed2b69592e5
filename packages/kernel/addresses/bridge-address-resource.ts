/** The addresses of a bridge that is ours: so is every global address on it. */
import { type Address, type AddressOp, IFA_F_NODAD } from '@podroute/linux/route/addresses.ts'
import type { Link } from '@podroute/linux/route/links.ts'
import { SCOPE_UNIVERSE } from '@podroute/linux/route/rtnetlink.ts'
import {
  codeOf,
  DONE,
  type Observation,
  type Op,
  type Outcome,
  outcomeOf,
  type Resource,
} from '@podroute/reconcile/resource.ts'
import type { AddressesApi, LinksApi } from '../kernel.ts'
import { LinkError } from '../links/errors.ts'
import type { KernelChanges } from '../monitors.ts'

export interface InterfaceAddress {
  readonly address: string
  readonly prefixLength: number
}

export interface BridgeAddressOptions {
  /** Name of the bridge. */
  readonly bridge: string
  readonly changes?: KernelChanges
}

const keyOf = (address: Address) => `${address.address}/${address.prefixLength}`

export class BridgeAddressResource implements Resource<string, InterfaceAddress> {
  readonly name = 'bridge-addresses'
  readonly #links: LinksApi
  readonly #addresses: AddressesApi
  readonly #bridge: string
  readonly #changes: KernelChanges | undefined
  #index: number | undefined

  constructor(links: LinksApi, addresses: AddressesApi, options: BridgeAddressOptions) {
    this.#links = links
    this.#addresses = addresses
    this.#bridge = options.bridge
    this.#changes = options.changes
  }

  equal(a: InterfaceAddress, b: InterfaceAddress): boolean {
    return a.address === b.address && a.prefixLength === b.prefixLength
  }

  async *list(): AsyncIterable<Iterable<readonly [string, InterfaceAddress]>> {
    const link = await this.#find()
    if (!link) return
    const addresses = await this.#addresses.list({ interfaceIndex: link.index })
    const ours = addresses.filter(({ scope }) => scope === SCOPE_UNIVERSE)
    yield ours.map((address) => [keyOf(address), interfaceAddress(address)])
  }

  async apply(ops: readonly Op<string, InterfaceAddress>[]): Promise<readonly Outcome[]> {
    const link = await this.#find()
    if (!link) return ops.map((op) => withoutBridge(op.kind, this.#bridge))
    const outcomes = await this.#addresses.apply(ops.map((op) => addressOp(op, link.index)))
    return outcomes.map((error, i) => {
      if (codeOf(error) === 'EADDRNOTAVAIL' && ops[i]?.kind === 'remove') return DONE
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

  watch(touched: (key: string, observation?: Observation<InterfaceAddress>) => void): Disposable {
    if (!this.#changes) return { [Symbol.dispose]() {} }
    return this.#changes.subscribe({
      onAddress: (change, address) => {
        if (address.interfaceIndex !== this.#index || address.scope !== SCOPE_UNIVERSE) return
        if (change === 'remove') touched(keyOf(address), { kind: 'absent' })
        else touched(keyOf(address), { kind: 'present', value: interfaceAddress(address) })
      },
    })
  }
}

function interfaceAddress({ address, prefixLength }: Address): InterfaceAddress {
  return { address, prefixLength }
}

function addressOp(op: Op<string, InterfaceAddress>, interfaceIndex: number): AddressOp {
  const { address, prefixLength } = op.kind === 'remove' ? op.previous : op.value
  const family = address.includes(':') ? 6 : 4
  // Without a port the bridge has no carrier, and an IPv6 address would stay tentative until there is one.
  const flags = family === 6 ? IFA_F_NODAD : 0
  return {
    kind: op.kind,
    address: { interfaceIndex, family, address, prefixLength, scope: SCOPE_UNIVERSE, flags },
  }
}

function withoutBridge(kind: Op<string, unknown>['kind'], bridge: string): Outcome {
  if (kind === 'remove') return DONE
  return { ok: false, error: new LinkError('no-bridge', `there is no bridge ${bridge} yet`) }
}
