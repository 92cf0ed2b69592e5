/** IPVS virtual servers as a Resource; those without our mark in their flags belong to others. */
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { codeOf, outcomeOf } from '@podroute/reconcile/resource.ts'
import type { IpvsApi, IpvsOp, VirtualServer } from '../kernel.ts'
import { isOurs, type ServerKey, serverKey } from './keys.ts'

export class VirtualServerResource implements Resource<ServerKey, VirtualServer> {
  readonly name = 'virtual-servers'
  readonly #ipvs: IpvsApi
  readonly #takeOver: () => boolean

  /** @param takeOver whether those of others become ours where ours are to be, with their destinations and connections */
  constructor(ipvs: IpvsApi, takeOver: () => boolean = () => false) {
    this.#ipvs = ipvs
    this.#takeOver = takeOver
  }

  equal(a: VirtualServer, b: VirtualServer): boolean {
    return sameServer(a, b)
  }

  async *list(): AsyncIterable<Iterable<readonly [ServerKey, VirtualServer]>> {
    const ours = (await this.#ipvs.servers()).filter(isOurs)
    yield ours.map((server) => [serverKey(server), server])
  }

  async revision(): Promise<string | undefined> {
    return this.#ipvs.serversRevision?.()
  }

  async apply(ops: readonly Op<ServerKey, VirtualServer>[]): Promise<readonly Outcome[]> {
    const errors = [...(await this.#ipvs.apply(ops.map(toIpvsOp)))]
    const held = ops.flatMap((op, index) => {
      return op.kind === 'add' && codeOf(errors[index]) === 'EEXIST' ? [{ index, server: op.value }] : []
    })
    if (held.length === 0 || !this.#takeOver()) return errors.map(outcomeOf)
    // A server that is edited keeps its destinations and their connections: clients notice nothing.
    const taken = await this.#ipvs.apply(held.map(({ server }) => ({ kind: 'replace-server', server })))
    for (const [at, { index }] of held.entries()) errors[index] = taken[at]!
    return errors.map(outcomeOf)
  }
}

/** Of two under one key. */
export function sameServer(a: VirtualServer, b: VirtualServer): boolean {
  return a.scheduler === b.scheduler && a.flags === b.flags && a.timeout === b.timeout
}

function toIpvsOp(op: Op<ServerKey, VirtualServer>): IpvsOp {
  switch (op.kind) {
    case 'add':
      return { kind: 'add-server', server: op.value }
    case 'replace':
      return { kind: 'replace-server', server: op.value }
    case 'remove':
      return { kind: 'remove-server', server: op.previous }
  }
}
