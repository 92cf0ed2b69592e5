import { cidr } from '@podroute/address/cidr.ts'
import { Bench } from 'bgp-speaker-ts/testing/bench.ts'
import { expect } from 'chai'
import type { AcceptRoutes } from '../settings.ts'
import { acceptedPrefix, externalImport, namedPrefixes } from './external-policy.ts'

/** What no router is believed that may announce anything else, with the reason. */
const REFUSED: Readonly<Record<string, string>> = {
  '0.0.0.0/0': 'default-route',
  '0.0.0.0/1': 'too-short',
  '128.0.0.0/1': 'too-short',
  '16.0.0.0/7': 'too-short',
  '0.0.0.0/8': 'martian',
  '127.0.0.0/8': 'martian',
  '127.0.0.1/32': 'martian',
  '169.0.0.0/8': 'covers-link-local',
  '169.254.0.0/16': 'link-local',
  '169.254.169.254/32': 'link-local',
  '224.0.0.0/4': 'martian',
  '239.1.2.3/32': 'martian',
  '240.0.0.0/4': 'martian',
  '255.255.255.255/32': 'martian',
  '::/0': 'default-route',
  '::/1': 'too-short',
  '2000::/3': 'too-short',
  '2000::/15': 'too-short',
  '::/128': 'martian',
  '::1/128': 'martian',
  '::ffff:10.0.0.0/104': 'martian',
  'fe80::/10': 'link-local',
  'fe80::/64': 'link-local',
  'ff00::/8': 'martian',
  'ff02::1/128': 'martian',
}
const HONEST = [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '192.168.7.0/24',
  '198.51.100.1/32',
  '2001:db8::/32',
  'fd00::/16',
]

describe('what a router outside is believed', () => {
  let bench: Bench
  afterEach(() => bench.close())

  /** What is taken of the prefixes, and why others are not. */
  const judge = async (acceptRoutes: AcceptRoutes, prefixes: readonly string[]) => {
    bench = await Bench.started()
    const peer = bench.peer({}, { importPolicy: externalImport(acceptRoutes) }).establish()
    peer.announce(...prefixes)
    const taken = bench.prefixes()
    const refused = [...bench.speaker.rejected()].map(({ prefix, reason }) => [prefix, reason] as const)
    return { taken, refused: Object.fromEntries(refused) }
  }

  it('is nothing by default', async () => {
    const { taken, refused } = await judge(false, [...HONEST, ...Object.keys(REFUSED)])
    expect(taken).to.deep.equal([])
    expect(new Set(Object.values(refused))).to.deep.equal(new Set(['not-accepted']))
  })

  it('is never martian, link-local, a default route or half of the Internet where all is accepted', async () => {
    const { taken, refused } = await judge(true, [...HONEST, ...Object.keys(REFUSED)])
    expect(taken).to.deep.equal([...HONEST].sort())
    expect(refused).to.deep.equal(REFUSED)
  })

  it('is what the list names, the default route and short prefixes included, but never what is martian', async () => {
    const list = [
      '0.0.0.0/0',
      '::/0',
      '2000::/3',
      '10.0.0.0/8',
      '127.0.0.0/8',
      '169.254.169.254/32',
      'ff00::/8',
    ]
    const named = list.map((prefix) => acceptedPrefix(cidr(prefix), {}))
    const { taken, refused } = await judge(named, [...list, '10.1.0.0/16', '128.0.0.0/1', '192.168.7.0/24'])
    expect(taken).to.deep.equal(['0.0.0.0/0', '10.0.0.0/8', '2000::/3', '::/0'])
    expect(refused).to.deep.equal({
      '127.0.0.0/8': 'martian',
      '169.254.169.254/32': 'link-local',
      'ff00::/8': 'martian',
      '10.1.0.0/16': 'not-accepted',
      '128.0.0.0/1': 'too-short',
      '192.168.7.0/24': 'not-accepted',
    })
  })

  it('is of the lengths that the list allows', async () => {
    const list = [
      acceptedPrefix(cidr('10.0.0.0/8'), { minLength: 16, maxLength: 24 }),
      acceptedPrefix(cidr('fd00::/16'), { maxLength: 64 }),
    ]
    const { taken } = await judge(list, [
      ...['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', '10.1.2.128/25', '11.0.0.0/16'],
      ...['fd00::/16', 'fd00:0:0:1::/64', 'fd00:0:0:1:8000::/65'],
    ])
    expect(taken).to.deep.equal(['10.1.0.0/16', '10.1.2.0/24', 'fd00:0:0:1::/64', 'fd00::/16'])
    expect(namedPrefixes(list).map(({ text }) => text)).to.deep.equal(['fd00::/16'])
  })
})
