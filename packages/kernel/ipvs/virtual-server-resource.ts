/** IPVS virtual servers as a Resource; those without our mark in their flags belong to others. */
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { outcomeOf } from '@podroute/reconcile/resource.ts'
import type { IpvsApi, IpvsOp, VirtualServer } from '../kernel.ts'
import { isOurs, type ServerKey, serverKey } from './keys.ts'

export class VirtualServerResource implements Resource<ServerKey, VirtualServer> {
  readonly name = 'virtual-servers'
  readonly #ipvs: IpvsApi

  constructor(ipvs: IpvsApi) {
    this.#ipvs = ipvs
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
    return (await this.#ipvs.apply(ops.map(toIpvsOp))).map(outcomeOf)
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
