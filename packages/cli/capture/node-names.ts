/** Names of addresses as the agent of this node knows them: of Nodes and Services. */
import { canonicalAddress } from '@podroute/address/address.ts'
import { ask } from '../client.ts'
import { CliError } from '../errors.ts'
import type { Names } from './lines.ts'
import { nodeName, serviceName } from './names.ts'

interface NodesPage {
  readonly nodes: readonly {
    readonly name: string
    readonly kind: string
    readonly addresses: readonly string[]
  }[]
}

interface ServicesPage {
  readonly services: readonly {
    readonly service: string
    readonly frontends: readonly { readonly address: string }[]
  }[]
}

/** None where no agent answers. */
export async function namesOfAgent(socket: string): Promise<Names> {
  const { nodes } = await ask<NodesPage>(socket, '/nodes').catch((): NodesPage => ({ nodes: [] }))
  const { services } = await ask<ServicesPage>(socket, '/services').catch(
    (): ServicesPage => ({ services: [] }),
  )
  const ofServices = services.flatMap(({ service, frontends }) =>
    frontends.map(({ address }) => [address, serviceName(service)] as const),
  )
  const ofNodes = nodes
    .filter(({ kind }) => kind !== 'router')
    .flatMap(({ name, addresses }) => addresses.map((address) => [address, nodeName(name)] as const))
  // A NodePort has the node's address.
  return new Map([...ofServices, ...ofNodes])
}

/** Addresses, joined by commas, and names that are known. @throws CliError */
export function addressesIn(text: string, names: Names): readonly string[] {
  return text.split(',').flatMap((word) => {
    const address = canonicalAddress(word)
    if (address !== undefined) return [address]
    const wanted = [nodeName(word), serviceName(word)]
    const found = [...names].filter(([, name]) => wanted.includes(name)).map(([known]) => known)
    if (found.length > 0) return found
    throw new CliError(
      'usage',
      `${word} is no address, and no Node or Service that an agent here knows: kubectl podroute capture knows pods, too`,
    )
  })
}
