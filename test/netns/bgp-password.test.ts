/**
 * TCP-MD5 keys that change under an established session, on real sockets: both ends change at different times, and what was sent
 * meanwhile arrives when both have the same key.
 */
import { kernelTransport } from '@podroute/pod-network/bgp/transport.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { eventually } from '../support/eventually.ts'

const NETNS = ['pr-key-a', 'pr-key-b'] as const
const ENDS = [
  ['10.8.0.1', '10.8.0.2'],
  ['fd08::1', 'fd08::2'],
] as const
type Side = 0 | 1

describe('the TCP-MD5 key of an established session', () => {
  let speakers: Speaker[]
  let downs: string[]

  before(async () => {
    await removeAll()
    for (const name of NETNS) await run('ip', ['netns', 'add', name])
    await run('ip', ['-n', NETNS[0], '-batch', '-'], {
      input: `link add eth0 type veth peer name eth0 netns ${NETNS[1]}\n`,
    })
    for (const [side, name] of NETNS.entries()) {
      const lines = ['link set lo up', 'link set eth0 up']
      for (const ends of ENDS) {
        const address = ends[side as Side]
        lines.push(`address add ${address}/${address.includes(':') ? '64 dev eth0 nodad' : '24 dev eth0'}`)
      }
      await run('ip', ['-n', name, '-batch', '-'], { input: `${lines.join('\n')}\n` })
    }
  })
  after(removeAll)
  beforeEach(() => {
    speakers = []
    downs = []
  })
  afterEach(() => Promise.all(speakers.map((speaker) => speaker.close())))

  for (const [index, family] of ['IPv4', 'IPv6'].entries())
    for (const passive of [0, 1] as const)
      it(`is another one at both ends and the session goes on, over ${family}, ${passive === 1 ? 'opened' : 'accepted'} by this end`, async () => {
        const ends = ENDS[index]!
        const config = (side: Side, password: string | undefined): PeerConfig => ({
          ...{ address: ends[side === 0 ? 1 : 0], localAddress: ends[side], asn: 64512 },
          ...{ families: ['ipv4-unicast'], nextHop: { ipv4: ENDS[0][side] }, connectRetryTime: 1 },
          ...(password === undefined ? {} : { password }),
          ...(side === passive ? { passive: true } : {}),
        })
        const start = async (side: Side) => {
          const listen = { addresses: [ends[side]], port: 179 }
          const transport = kernelTransport(`/run/netns/${NETNS[side]}`)
          const speaker = new Speaker({ asn: 64512, routerId: `1.1.1.${side + 1}`, listen, transport })
          speakers.push(speaker)
          speaker.on('peer', (event) => event.kind === 'down' && downs.push(JSON.stringify(event.reason)))
          speaker.addPeer(config(side, 'k1'))
          await speaker.start()
          return speaker
        }
        const [a, b] = [await start(0), await start(1)]
        const arrives = (prefix: string) =>
          eventually(() => [...b.routes()].some((route) => route.prefix === prefix))
        // Of a session that is not up at this end yet, a changed key is another session.
        await eventually(() => [a, b].every((speaker) => speaker.peers()[0]?.state === 'established'))
        for (const [round, password] of (['k2 # "\\%é', undefined, 'k3'] as const).entries()) {
          a.updatePeer(config(0, password))
          const prefix = `10.77.${round}.0/24`
          a.announce({ prefix })
          // What is signed with another key does not arrive.
          await eventually(() => retransmits(NETNS[0]))
          expect([...b.routes()].map((route) => route.prefix)).to.not.include(prefix)
          b.updatePeer(config(1, password))
          await arrives(prefix)
        }
        expect(downs).to.deep.equal([])
      })
})

/** Whether a segment waits for its acknowledgment, and was sent again. */
async function retransmits(netns: string): Promise<boolean> {
  const text = await run('ip', ['netns', 'exec', netns, 'ss', '-tinH', 'state', 'established'])
  return /retrans:[1-9]|unacked:[1-9]/.test(text)
}

async function removeAll(): Promise<void> {
  for (const name of NETNS) await run('ip', ['netns', 'delete', name]).catch(() => {})
}
