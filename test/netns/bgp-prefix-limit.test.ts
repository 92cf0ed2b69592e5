/** A router that announces far more prefixes than a node takes (row K of docs/security.md), on real sockets. */
import { kernelTransport } from '@podroute/pod-network/bgp/transport.ts'
import type { PeerEvent } from 'bgp-speaker-ts/snapshot.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { eventually } from '../support/eventually.ts'

const [NODE, ROUTER] = ['pr-limit-node', 'pr-limit-router'] as const
const ADDRESSES = { [NODE]: ['10.9.0.1', 'fd09::1'], [ROUTER]: ['10.9.0.2', 'fd09::2'] } as const
type Host = keyof typeof ADDRESSES
/** What a node takes by default. */
const LIMIT = 1000
const MANY = 20_000

describe('a router that announces too many prefixes', () => {
  const speakers: Speaker[] = []
  const events: PeerEvent[] = []

  before(async () => {
    await removeAll()
    for (const name of [NODE, ROUTER]) await run('ip', ['netns', 'add', name])
    await run('ip', [
      '-n',
      NODE,
      'link',
      'add',
      'eth0',
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      ROUTER,
    ])
    for (const host of [NODE, ROUTER]) {
      const [v4, v6] = ADDRESSES[host]
      const lines = [
        `address add ${v4}/24 dev eth0`,
        `address add ${v6}/64 dev eth0 nodad`,
        'link set eth0 up',
      ]
      await run('ip', ['-n', host, '-batch', '-'], { input: `${lines.join('\n')}\n` })
    }
  })
  afterEach(async () => {
    await Promise.all(speakers.splice(0).map((speaker) => speaker.close()))
    events.length = 0
  })
  after(removeAll)

  async function start(host: Host, asn: number, routerId: string): Promise<Speaker> {
    const listen = { addresses: ADDRESSES[host], port: 179 }
    const speaker = new Speaker({ asn, routerId, listen, transport: kernelTransport(`/run/netns/${host}`) })
    speakers.push(speaker)
    await speaker.start()
    return speaker
  }

  for (const [index, family, prefix] of [
    [0, 'ipv4-unicast', (i: number) => `100.${64 + (i >> 8)}.${i & 255}.0/24`],
    [1, 'ipv6-unicast', (i: number) => `2001:db8:${i.toString(16)}::/48`],
  ] as const)
    it(`K: loses its session at the limit of ${family}, and nothing of it stays`, async () => {
      const [node, router] = [await start(NODE, 64512, '1.1.1.1'), await start(ROUTER, 65000, '2.2.2.2')]
      for (let i = 0; i < MANY; i++) router.announce({ prefix: prefix(i), nextHop: ADDRESSES[ROUTER][index] })
      const held = new Set<string>()
      let most = 0
      node.on('peer', (event) => void events.push(event))
      node.on('best', (changes) => {
        for (const { prefix: changed, best } of changes)
          if (best === undefined) held.delete(changed)
          else held.add(changed)
        most = Math.max(most, held.size)
      })
      const families = [family]
      node.addPeer({
        address: ADDRESSES[ROUTER][index],
        asn: 65000,
        families,
        passive: true,
        maxPrefixes: LIMIT,
      })
      router.addPeer({ address: ADDRESSES[NODE][index], asn: 64512, families, connectRetryTime: 1 })
      await eventually(() => events.some(({ kind }) => kind === 'down'))
      expect(events.map(({ kind }) => kind)).to.include('near-prefix-limit')
      expect([...node.routes(family)]).to.deep.equal([])
      expect(most).to.be.at.most(LIMIT)
      expect(held.size).to.equal(0)
      expect(JSON.stringify(node.peers()[0]?.lastDown)).to.include('refixes')
      // The router tries again, and is not heard for a minute.
      await eventually(() => router.peers()[0]?.state !== 'established')
      expect(node.peers()[0]?.state).to.not.equal('established')
    })
})

async function removeAll(): Promise<void> {
  for (const name of [NODE, ROUTER]) await run('ip', ['netns', 'delete', name]).catch(() => {})
}
