/**
 * Next hop groups of routes with several ways: a group is changed in place, and flows over the ways that stay go on as they were. A route
 * that names its ways itself is hashed anew with each change, which moves flows of all of them: to another router of an address of a
 * Service that is another node, and the end of the connection. A kernel that has no such groups (before Linux 5.13) has routes as ever.
 */
import type {
  NextHopGroup,
  NextHopObject,
  NextHopOp,
  SingleNextHop,
} from '@podroute/linux/route/next-hop-objects.ts'
import type { NextHop, Route } from '@podroute/linux/route/route-message.ts'
import { codeOf } from '@podroute/reconcile/resource.ts'
import type { NextHopsApi, RoutesApi } from '../kernel.ts'

/** IDs are one space for all programs; others count from 1 on, or are given theirs by the kernel, which does. */
const FIRST_ID = 0x50520000
/** What kernels say that have no such groups, or no next hop objects at all. */
const NOT_THERE = ['EOPNOTSUPP', 'EINVAL']

type Way = Pick<SingleNextHop, 'gateway' | 'interfaceIndex'>

interface Wanted {
  readonly destination: string
  readonly ways: readonly Way[]
}

export class NextHopGroups {
  readonly #objects: NextHopsApi
  readonly #routes: RoutesApi
  readonly #protocol: number
  /** IDs of the groups of our routes, by destination. */
  readonly #groups = new Map<string, number>()
  #supported = true
  /** There may be objects of ours that no route names. */
  #unswept = true

  /** @param protocol of the objects that are ours, and of no other program */
  constructor(objects: NextHopsApi, routes: RoutesApi, protocol: number) {
    this.#objects = objects
    this.#routes = routes
    this.#protocol = protocol
  }

  /** Whether the ways of a route are its group's. */
  has(destination: string): boolean {
    return this.#groups.has(destination)
  }

  get inUse(): boolean {
    return this.#groups.size > 0
  }

  /** Destinations whose ways are those of a group. */
  destinations(): Iterable<string> {
    return this.#groups.keys()
  }

  /** A route of ours is there, as the kernel has it. */
  learn({ destination, nextHopId }: Route): void {
    if (nextHopId === undefined) this.forget(destination)
    else this.#groups.set(destination, nextHopId)
  }

  /** A route is gone, or names its ways itself. */
  forget(destination: string): void {
    if (this.#groups.delete(destination)) this.#unswept = true
  }

  /** Brings the groups of these routes in place. Returns their IDs, of those that can have one. */
  async prepare(routes: readonly Route[]): Promise<ReadonlyMap<string, number>> {
    const wanted = this.#supported ? await this.#wanted(routes) : []
    if (wanted.length === 0) return new Map()
    this.#unswept = true
    const there = await this.#list()
    if (!there) return new Map()
    const ids = new Ids(there)
    const singles = await this.#singles(wanted, there.filter(isOurs(this.#protocol)), ids)
    const groups = wanted.flatMap(({ destination, ways }): [string, NextHopGroup][] => {
      const members = ways.flatMap((way) => singles.get(nameOf(way)) ?? [])
      if (members.length < ways.length) return []
      const before = this.#groups.get(destination)
      const id = before !== undefined && there.some((object) => object.id === before) ? before : ids.next()
      return [[destination, { kind: 'group', id, protocol: this.#protocol, members }]]
    })
    const errors = await this.#objects.apply(groups.map(([, object]) => ({ kind: 'put', object })))
    this.#judge(errors)
    return new Map(groups.flatMap(([destination, { id }], i) => (errors[i] ? [] : [[destination, id]])))
  }

  /** Removes the objects of ours that no route names any more. */
  async sweep(): Promise<void> {
    if (!this.#unswept || !this.#supported) return
    const there = (await this.#list())?.filter(isOurs(this.#protocol)) ?? []
    this.#unswept = false
    if (there.length === 0) return
    // A route goes with its group: what the kernel says counts, not what is remembered.
    const used = new Set((await this.#routes.list()).map(({ nextHopId }) => nextHopId))
    const kept = new Set<number>()
    const groups = there.filter((object) => object.kind === 'group')
    for (const { id, members } of groups) if (used.has(id)) for (const member of members) kept.add(member)
    const left = [
      ...groups.filter(({ id }) => !used.has(id)),
      ...there.filter(({ kind, id }) => kind === 'single' && !kept.has(id) && !used.has(id)),
    ]
    const errors = await this.#objects.apply(left.map(({ id }): NextHopOp => ({ kind: 'remove', id })))
    this.#unswept = errors.some((error) => error !== null && codeOf(error) !== 'ENOENT')
  }

  /** Those with several ways, and those that had them: a group of one keeps its flows when others come again. */
  async #wanted(routes: readonly Route[]): Promise<readonly Wanted[]> {
    const found = new Map<string, number | undefined>()
    const wanted: Wanted[] = []
    for (const { destination, gateway, nextHops, type } of routes) {
      const hops: readonly NextHop[] = nextHops ?? (gateway === undefined ? [] : [{ gateway }])
      if (type !== 'unicast' || hops.length === 0 || !(hops.length > 1 || this.has(destination))) continue
      const ways: Way[] = []
      for (const hop of hops) {
        const way = await this.#wayOf(hop, found)
        if (way) ways.push(way)
      }
      if (ways.length === hops.length) wanted.push({ destination, ways })
    }
    return wanted
  }

  /** Undefined where the gateway is on no link of the node's. @param found interfaces by gateway */
  async #wayOf(hop: NextHop, found: Map<string, number | undefined>): Promise<Way | undefined> {
    const { gateway } = hop
    if (gateway === undefined) return undefined
    if (hop.interfaceIndex !== undefined) return { gateway, interfaceIndex: hop.interfaceIndex }
    if (!found.has(gateway)) {
      const route = await this.#routes.get(gateway)
      found.set(gateway, route?.gateway === undefined && !route?.nextHops ? route?.interfaceIndex : undefined)
    }
    const interfaceIndex = found.get(gateway)
    return interfaceIndex === undefined ? undefined : { gateway, interfaceIndex }
  }

  /** IDs of the single next hops that are needed, by name; those that are missing are made. */
  async #singles(
    wanted: readonly Wanted[],
    ours: readonly NextHopObject[],
    ids: Ids,
  ): Promise<ReadonlyMap<string, number>> {
    const found = new Map(ours.flatMap((one) => (one.kind === 'single' ? [[nameOf(one), one.id]] : [])))
    const missing = new Map<string, SingleNextHop>()
    for (const way of wanted.flatMap(({ ways }) => ways)) {
      const name = nameOf(way)
      if (found.has(name) || missing.has(name)) continue
      missing.set(name, { ...way, kind: 'single', id: ids.next(), protocol: this.#protocol })
    }
    const made = [...missing]
    const errors = await this.#objects.apply(made.map(([, object]) => ({ kind: 'put', object })))
    for (const [index, [name, { id }]] of made.entries()) if (!errors[index]) found.set(name, id)
    return found
  }

  async #list(): Promise<readonly NextHopObject[] | undefined> {
    try {
      return await this.#objects.list()
    } catch (error) {
      this.#judge([error as Error])
      return undefined
    }
  }

  /** What works once is there; what is refused to all is not. */
  #judge(errors: readonly (Error | null)[]): void {
    const refused = errors.every((error) => error !== null && isNotThere(error))
    if (errors.length > 0 && refused && this.#groups.size === 0) this.#supported = false
  }
}

/** Those that nobody has. */
class Ids {
  readonly #used: ReadonlySet<number>
  #last = FIRST_ID

  constructor(objects: readonly NextHopObject[]) {
    this.#used = new Set(objects.map(({ id }) => id))
  }

  next(): number {
    do this.#last += 1
    while (this.#used.has(this.#last))
    return this.#last
  }
}

/** Whether a kernel says by it that it has no next hop objects, or not such ones. */
export function isNotThere(error: Error): boolean {
  return NOT_THERE.includes(codeOf(error) ?? '')
}

/** @param protocol of the objects that agents make */
export function isOurs(protocol: number): (object: NextHopObject) => boolean {
  return (object) => object.protocol === protocol && object.id >= FIRST_ID
}

function nameOf({ gateway, interfaceIndex }: Way): string {
  return `${gateway}%${interfaceIndex}`
}
