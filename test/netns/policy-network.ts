/** A node and hosts behind it, each a network namespace with a veth to the node: pods, and one outside. */
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { run } from '../../lab/command.ts'
import { type Probe, Prober, probeKey } from '../support/packet-probe.ts'

export interface PolicyHost {
  readonly name: string
  readonly addresses: readonly string[]
}

/** The node's own addresses. */
export const NODE_ADDRESSES = ['172.31.0.1', 'fd31::1']
/** Of a packet that must arrive, in milliseconds. */
const LONGEST_WAY = 2000
/** Each pair has a port of its own, so that connection tracking does not know its flow. */
const FIRST_PORT_OF_PAIRS = 41_000

export class PolicyNetwork implements Disposable {
  readonly node: string
  readonly #stack = new DisposableStack()
  /** Of the hosts: what comes in there has arrived. */
  readonly #probers = new Map<string, Prober>()
  /** Of the node, which sees what it forwards. */
  readonly #senders = new Map<string, Prober>()
  readonly #hosts: string[] = []
  #rounds = 0
  #pairs = 0

  private constructor(node: string) {
    this.node = node
  }

  static async create(prefix: string, hosts: readonly PolicyHost[]): Promise<PolicyNetwork> {
    const network = new PolicyNetwork(`${prefix}-node`)
    try {
      await network.#addNode()
      for (const [index, host] of hosts.entries()) await network.#addHost(prefix, host, index)
      return network
    } catch (error) {
      network[Symbol.dispose]()
      throw error
    }
  }

  /** Sends all at once, and says which of them arrive. @param expected is waited for */
  async arriving(probes: readonly Probe[], expected: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const sourcePort = 40_000 + (this.#rounds++ % 8)
    const arrived = new Set<string>()
    const collect = () => {
      for (const prober of this.#probers.values())
        for (const key of prober.received(sourcePort)) arrived.add(key)
    }
    for (const [index, probe] of probes.entries()) {
      const sender = this.#probers.get(probe.from) ?? this.#senders.get(probe.from)
      sender!.send(probe, sourcePort)
      if (index % 200 === 0) collect()
    }
    const end = performance.now() + LONGEST_WAY
    do {
      collect()
      if ([...expected].every((key) => arrived.has(key))) break
      await new Promise((resolve) => setImmediate(resolve))
    } while (performance.now() < end)
    // What must not arrive would have come before or among what must, on the same ways.
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    return arrived
  }

  /** Sends two packets of a flow at once, of as many flows as are wanted, one flow after the other: how many packets arrive in all. */
  async arrivingOfPairs(probe: Probe, flows: number): Promise<number> {
    const [sender, receiver] = [this.#probers.get(probe.from)!, this.#probers.get(probe.to)!]
    let arrived = 0
    for (let flow = 0; flow < flows; flow++) {
      const sourcePort = FIRST_PORT_OF_PAIRS + this.#pairs++
      for (let packet = 0; packet < 2; packet++) sender.send(probe, sourcePort)
      const end = performance.now() + LONGEST_WAY
      let found = 0
      while (found < 2 && performance.now() < end) {
        found += receiver.received(sourcePort).filter((key) => key === probeKey(probe)).length
        await new Promise((resolve) => setImmediate(resolve))
      }
      arrived += found
      if (found < 2) break
    }
    return arrived
  }

  /** Nobody knows his neighbours any more. */
  async forgetNeighbours(): Promise<void> {
    for (const name of [this.node, ...this.#hosts]) await run('ip', ['-n', name, 'neigh', 'flush', 'all'])
  }

  [Symbol.dispose](): void {
    this.#stack.dispose()
  }

  #namespace(name: string): void {
    removeNetns(name)
    createNetns(name)
    this.#stack.defer(() => removeNetns(name))
  }

  async #addNode(): Promise<void> {
    this.#namespace(this.node)
    const settings = [
      'net.ipv4.ip_forward=1',
      'net.ipv6.conf.all.forwarding=1',
      'net.netfilter.nf_conntrack_checksum=0',
      'net.ipv4.conf.all.rp_filter=0',
    ]
    await run('ip', ['-n', this.node, 'link', 'set', 'lo', 'up'])
    for (const address of NODE_ADDRESSES)
      await run('ip', ['-n', this.node, 'addr', 'add', address, 'dev', 'lo'])
    await run('ip', ['netns', 'exec', this.node, 'sysctl', '-qw', ...settings])
    const prober = this.#stack.use(new Prober(this.node))
    for (const address of NODE_ADDRESSES) this.#senders.set(address, prober)
  }

  async #addHost(prefix: string, { addresses }: PolicyHost, index: number): Promise<void> {
    const name = `${prefix}-${index}`
    const link = `p${index}`
    this.#namespace(name)
    const script = [
      `ip link add ${link} netns ${this.node} type veth peer name eth0 netns ${name}`,
      `ip -n ${this.node} link set ${link} up`,
      `ip -n ${this.node} addr add fe80::1/64 dev ${link} nodad`,
      `ip netns exec ${this.node} sysctl -qw net.ipv4.conf.${link}.proxy_arp=1 net.ipv4.conf.${link}.rp_filter=0`,
      `ip -n ${name} link set lo up`,
      `ip -n ${name} link set eth0 up`,
      ...addresses.map((address) =>
        `ip -n ${name} addr add ${address} dev eth0 nodad`.replace(address.includes(':') ? '' : ' nodad', ''),
      ),
      `ip -n ${name} route add default dev eth0`,
      `ip -n ${name} route add default via fe80::1 dev eth0`,
      ...addresses.map((address) => `ip -n ${this.node} route add ${address} dev ${link}`),
      // Nobody answers: a reply would make the next packet one of an established connection.
      `ip netns exec ${name} nft 'table inet silent { chain in { type filter hook input priority 0; policy drop; icmpv6 type { 133-137 } accept; }; }'`,
    ]
    await run('sh', ['-ec', script.join('\n')])
    const prober = this.#stack.use(new Prober(name))
    this.#hosts.push(name)
    for (const address of addresses) this.#probers.set(address, prober)
  }
}

export function keysOf(probes: readonly Probe[]): ReadonlySet<string> {
  return new Set(probes.map(probeKey))
}
