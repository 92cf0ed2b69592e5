// Two FRR routers at the top of a rack, as docs/routers.md has them: TCP-MD5, BFD, and a node that uses both at once (ECMP).
import { expect } from 'chai'
import { eventually } from './support/daemon.ts'
import { DocumentedRouter, documented } from './support/documented-router.ts'
import { type NodeSpeaker, startNode } from './support/node-speaker.ts'
import { BEHIND, RouterNetwork, type Site } from './support/router-network.ts'

const FILES = { '/etc/podroute-secrets/router': 'top-of-rack' }
/** Three packets, 300 ms apart, and what a loaded machine may add. */
const DETECTION = 900 + 1500

/** The documented configuration for the router at another address. */
const at = (text: string, host: number) =>
  text.replaceAll('172.31.0.100', `172.31.0.${host}`).replaceAll('fd31::100', `fd31::${host}`)

describe('two FRR routers at the top of a rack', function () {
  this.timeout(60_000)
  let network: RouterNetwork
  let sites: readonly Site[] = []
  let routers: readonly DocumentedRouter[] = []
  let node: NodeSpeaker
  /** Next hops of the equal paths to a prefix, from the events. */
  const used = new Map<string, readonly (string | undefined)[]>()
  const hops = (host: number) => (prefix: string) =>
    prefix.includes(':') ? `fd31::${host}` : `172.31.0.${host}`
  const uses = (...hosts: readonly number[]) =>
    eventually(
      () => BEHIND.map((prefix) => [...(used.get(prefix) ?? [])].sort()),
      (found) =>
        found.every(
          (list, i) =>
            list.join() ===
            hosts
              .map((host) => hops(host)(BEHIND[i]!))
              .sort()
              .join(),
        ),
    )

  before(async () => {
    network = new RouterNetwork()
    sites = [100, 101].map((host) => network.addRouter(host))
    routers = sites.map((site) => new DocumentedRouter('frr', site))
    for (const [i, router] of routers.entries()) await router.start(at(documented('frr'), 100 + i))
    const entries = documented('yaml')
    const both = entries + at(entries.replace('peers:\n', ''), 101)
    node = await startNode(network.add(11), 1, both, FILES)
    node.speaker.on('best', (changes) => {
      for (const { prefix, best, multipath } of changes)
        used.set(
          prefix,
          (multipath ?? (best ? [best] : [])).map(({ nextHop }) => nextHop),
        )
    })
  })
  after(async () => {
    await node?.close()
    await Promise.all(routers.map((router) => router.stop()))
    network.close()
  })

  it('are used at once: two next hops for what both announce, in both families', async () => {
    await uses(100, 101)
    for (const router of routers)
      await eventually(
        () => router.learned(),
        (prefixes) => prefixes.join() === [...node.pods].sort().join(),
      )
  })

  it('are watched by BFD, each at both addresses', async () => {
    for (const host of [100, 101])
      for (const peer of [`172.31.0.${host}`, `fd31::${host}`])
        await eventually(
          () => node.bfd.isUp(peer),
          (up) => up === true,
        )
  })

  it('lose their routes within the detection time when one is dead, and the other one is used alone', async () => {
    const start = performance.now()
    network.unplug(sites[0]!)
    await uses(101)
    expect(performance.now() - start).to.be.below(DETECTION)
    const ended = node.speaker.peers().filter(({ address }) => address.endsWith('100'))
    for (const { lastDown } of ended)
      expect(lastDown).to.include({ kind: 'notification-sent', code: 6, subcode: 10 })
  })

  it('are used at once again when it is back', async () => {
    network.plug(sites[0]!)
    await uses(100, 101)
  })

  it('have no session with a node that has another key', async () => {
    const other = await startNode(network.add(12), 2, documented('yaml'), {
      '/etc/podroute-secrets/router': 'not it',
    })
    await new Promise((resolve) => setTimeout(resolve, 3000))
    expect(other.speaker.peers().map(({ counters }) => counters.established)).to.deep.equal([0, 0])
    await other.close()
  })
})
