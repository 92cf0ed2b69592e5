/**
 * The addresses of the node's interfaces. kube-proxy (mode ipvs) and kube-router put the addresses of all Services on an interface of
 * their own and leave it behind when they go: those are no addresses of the node.
 */
import { hostCidr } from '@podroute/address/cidr.ts'
import { specialRange } from '@podroute/address/special.ts'
import type { Addresses } from '@podroute/linux/route/addresses.ts'
import type { Link, Links } from '@podroute/linux/route/links.ts'

/** An interface with addresses of Services that another program made. */
export interface LeftOver {
  /** `kube-ipvs0` */
  readonly interface: string
  /** Whose it is: `kube-proxy`. */
  readonly program: string
  readonly addresses: readonly string[]
}

export interface HostAddresses {
  /** Those that others can reach, left-overs excepted. */
  readonly reachable: readonly string[]
  readonly leftOvers: readonly LeftOver[]
}

/** Programs by the name of their interface. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'kube-ipvs0': 'kube-proxy',
  'kube-dummy-if': 'kube-router',
}

/** Asks for these interfaces by name: a node has one for each pod. @throws KernelError */
export async function readHostAddresses(
  links: Pick<Links, 'get'>,
  addresses: Pick<Addresses, 'list'>,
): Promise<HostAddresses> {
  const found = await Promise.all(Object.keys(PROGRAMS).map((name) => links.get(name)))
  const others = found.filter((link) => link !== undefined).filter(isLeftOver)
  const all = (await addresses.list()).filter(({ address }) => isReachable(address))
  const of = (index: number) => all.filter((a) => a.interfaceIndex === index).map((a) => a.address)
  return {
    reachable: all
      .filter((a) => !others.some(({ index }) => index === a.interfaceIndex))
      .map((a) => a.address),
    leftOvers: others
      .map(({ name, index }) => ({
        interface: name,
        program: PROGRAMS[name] ?? '',
        addresses: of(index).sort(),
      }))
      .filter((leftOver) => leftOver.addresses.length > 0),
  }
}

/** Whether others can have it for an address of this node. */
function isReachable(address: string): boolean {
  const host = hostCidr(address)
  const purpose = host && specialRange(host)?.purpose
  return purpose !== 'loopback' && purpose !== 'link-local'
}

/** Both programs make theirs of the kind `dummy`. */
export function isLeftOver({ name, kind }: Pick<Link, 'name' | 'kind'>): boolean {
  return kind === 'dummy' && Object.hasOwn(PROGRAMS, name)
}
