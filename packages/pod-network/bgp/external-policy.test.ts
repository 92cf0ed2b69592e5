import { cidr } from '@podroute/address/cidr.ts'
import { Bench } from 'bgp-speaker-ts/testing/bench.ts'
import { expect } from 'chai'
import type { AcceptRoutes } from '../settings.ts'
import { acceptedPrefix, externalImport, namedPrefixes, type RouterImport } from './external-policy.ts'

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

const path = (...asns: readonly number[]) => ({ asPath: [{ kind: 'sequence' as const, asns }] })
/** Of routes that are not plain. */
const ATTRIBUTES: Readonly<Record<string, object>> = {
  '10.1.0.0/16': { communities: [0xfc000007] },
  '10.2.0.0/16': { largeCommunities: [[64512, 1, 2]] },
  '10.3.0.0/16': { extendedCommunities: ['0002fc0000000064'] },
  '10.4.0.0/16': path(64513, 65010, 65020),
}

describe('what a router outside is believed', () => {
  let bench: Bench
  afterEach(() => bench.close())

  /** What is taken of the prefixes, and why others are not. */
  const judge = async (acceptRoutes: AcceptRoutes, prefixes: readonly string[], more: RouterImport = {}) => {
    bench = await Bench.started()
    const peer = bench.peer({}, { importPolicy: externalImport(acceptRoutes, more) }).establish()
    for (const prefix of prefixes) peer.announceWith(ATTRIBUTES[prefix] ?? {}, prefix)
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

  it('is told apart by communities of all kinds and by AS paths', async () => {
    const routes = [...Object.keys(ATTRIBUTES), '10.5.0.0/16']
    const taken = async (more: RouterImport) => {
      const judged = await judge(false, routes, more)
      await bench.close()
      return judged.taken
    }
    expect(await taken({ accept: [{ communities: ['64512:7'] }] })).to.deep.equal(['10.1.0.0/16'])
    expect(await taken({ accept: [{ communities: ['64512:1:2', 'rt:64512:100'] }] })).to.deep.equal([
      '10.2.0.0/16',
      '10.3.0.0/16',
    ])
    expect(await taken({ accept: [{ asPath: { origin: 65020 } }] })).to.deep.equal(['10.4.0.0/16'])
    expect(await taken({ accept: [{ asPath: { maxLength: 1 }, communities: ['64512:7'] }] })).to.deep.equal([
      '10.1.0.0/16',
    ])
    expect(await taken({ accept: [{}], reject: [{ asPath: { contains: 65010 } }] })).to.deep.equal([
      ...['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16', '10.5.0.0/16'],
    ])
    bench = await Bench.started()
  })

  it('is not what is rejected, even by name, with that reason', async () => {
    const list = [acceptedPrefix(cidr('10.0.0.0/8'), { minLength: 8, maxLength: 24 })]
    const reject = [{ prefixes: [acceptedPrefix(cidr('10.2.0.0/16'), { maxLength: 32 })] }]
    const { taken, refused } = await judge(list, ['10.1.0.0/16', '10.2.0.0/16', '10.2.1.0/24'], { reject })
    expect(taken).to.deep.equal(['10.1.0.0/16'])
    expect(refused).to.deep.equal({ '10.2.0.0/16': 'rejected', '10.2.1.0/24': 'rejected' })
  })

  it('has the local preference of its entry, else that of its router; a default route only where one is named', async () => {
    const accept = [
      { prefixes: [acceptedPrefix(cidr('10.1.0.0/16'), {})], localPreference: 300 },
      { prefixes: [acceptedPrefix(cidr('10.5.0.0/16'), {})] },
    ]
    await judge(false, ['10.1.0.0/16', '10.5.0.0/16', '0.0.0.0/0'], { accept, localPreference: 200 })
    const preferred = () =>
      Object.fromEntries([...bench.speaker.routes()].map((r) => [r.prefix, r.localPref]))
    expect(preferred()).to.deep.equal({ '10.1.0.0/16': 300, '10.5.0.0/16': 200 })
    await bench.close()
    const { refused } = await judge(true, ['10.1.0.0/16', '0.0.0.0/0'], { localPreference: 200 })
    expect(preferred()).to.deep.equal({ '10.1.0.0/16': 200 })
    expect(refused).to.deep.equal({ '0.0.0.0/0': 'default-route' })
    await bench.close()
    await judge(false, ['0.0.0.0/0'], { accept: [{ prefixes: [acceptedPrefix(cidr('0.0.0.0/0'), {})] }] })
    expect(preferred()).to.deep.equal({ '0.0.0.0/0': 100 })
  })
})
