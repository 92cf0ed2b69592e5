/**
 * A router that hashes resiliently: the next hops that BGP has put into the kernel of a namespace for an address become a resilient group,
 * whose route is in a table of its own that is looked at first: FRR takes its route out of the kernel for another one in its table. It makes no such groups for BGP by itself.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { run } from '../../lab/command.ts'

/** Number of the group and of the table. */
const GROUP = 9000
/** Flows of a bucket that had no packet for so many seconds may be moved to a next hop that comes. */
const IDLE_SECONDS = 20
const BUCKETS = 256

interface ShownRoute {
  readonly gateway?: string
  readonly dev?: string
  readonly nexthops?: readonly { readonly gateway: string; readonly dev: string }[]
}

/** Next hops of the routes that BGP has made in a namespace's kernel. */
export async function bgpNextHops(netns: string, address: string): Promise<readonly NextHop[]> {
  const command = ['-n', netns, '-j', 'route', 'show', address, 'proto', 'bgp']
  const routes = JSON.parse(await run('ip', command)) as readonly ShownRoute[]
  return routes
    .flatMap(({ gateway, dev, nexthops = [] }) => [{ gateway, dev }, ...nexthops])
    .filter((hop): hop is NextHop => hop.gateway !== undefined && hop.dev !== undefined)
    .sort((a, b) => a.gateway.localeCompare(b.gateway))
}

interface NextHop {
  readonly gateway: string
  readonly dev: string
}

export class ResilientRoute implements AsyncDisposable {
  readonly #netns: string
  readonly #address: string
  readonly #monitor: ChildProcess
  /** Numbers of next hop objects by gateway: one that comes back is the same object. */
  readonly #numbers = new Map<string, number>()
  #work: Promise<void>
  #members = ''

  private constructor(netns: string, address: string) {
    this.#netns = netns
    this.#address = address
    this.#monitor = spawn('ip', ['-n', netns, 'monitor', 'route'], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#work = this.#follow()
    this.#monitor.stdout!.on('data', () => {
      this.#work = this.#work.then(() => this.#follow())
    })
  }

  static async over(netns: string, address: string): Promise<ResilientRoute> {
    const route = new ResilientRoute(netns, address)
    await route.settled()
    await route.#ip('rule', 'add', 'to', address, 'lookup', `${GROUP}`)
    return route
  }

  /** Resolves when the group has the members of BGP's route as it is now. */
  async settled(): Promise<void> {
    this.#work = this.#work.then(() => this.#follow())
    await this.#work
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#monitor.kill()
    await this.#work
    await this.#ip('rule', 'delete', 'to', this.#address, 'lookup', `${GROUP}`)
    await this.#remove()
  }

  async #follow(): Promise<void> {
    const hops = await bgpNextHops(this.#netns, this.#address)
    const members = hops.map(({ gateway }) => gateway).join()
    if (members === this.#members) return
    this.#members = members
    if (hops.length === 0) return this.#remove()
    const numbers: number[] = []
    for (const hop of hops) numbers.push(await this.#object(hop))
    const group = ['nexthop', 'replace', 'id', `${GROUP}`, 'group', numbers.join('/'), 'type', 'resilient']
    await this.#ip(...group, 'buckets', `${BUCKETS}`, 'idle_timer', `${IDLE_SECONDS}`)
    await this.#ip('route', 'replace', this.#address, 'nhid', `${GROUP}`, 'table', `${GROUP}`)
  }

  async #object({ gateway, dev }: NextHop): Promise<number> {
    const known = this.#numbers.get(gateway)
    if (known !== undefined) return known
    const number = GROUP + 1 + this.#numbers.size
    this.#numbers.set(gateway, number)
    await this.#ip('nexthop', 'replace', 'id', `${number}`, 'via', gateway, 'dev', dev)
    return number
  }

  /** The kernel takes the group and the route with the last of its next hops. */
  async #remove(): Promise<void> {
    for (const number of this.#numbers.values()) await this.#ip('nexthop', 'delete', 'id', `${number}`)
    this.#numbers.clear()
    this.#members = ''
  }

  async #ip(...args: readonly string[]): Promise<void> {
    await run('ip', ['-n', this.#netns, ...args])
  }
}
