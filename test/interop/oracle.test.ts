// Other people's decoders on every message that we encode: Wireshark's (tshark) and ExaBGP's.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from 'bgp-speaker-ts/packet/attributes.ts'
import type { Capability } from 'bgp-speaker-ts/packet/capabilities.ts'
import { ATTRIBUTE, FLAG, MAX_EXTENDED_LENGTH, MAX_LENGTH, MESSAGE } from 'bgp-speaker-ts/packet/codes.ts'
import { decodeMessage, encodeMessage, type Message } from 'bgp-speaker-ts/packet/message.ts'
import { Bench } from 'bgp-speaker-ts/testing/bench.ts'
import { VECTORS } from 'bgp-speaker-ts/testing/vectors.ts'
import { expect } from 'chai'
import { output, temporaryDirectory } from './support/daemon.ts'

/** What a speaker with everything turned on says to its peers in its life, in bytes. */
interface Spoken {
  readonly plain: readonly Uint8Array[]
  /** To peers that it tells several paths. */
  readonly withPathIds: readonly Uint8Array[]
  /** To a peer of 2-byte AS numbers. */
  readonly old: readonly Uint8Array[]
}

const PREFIXES = ['10.1.0.0/16', '10.2.3.0/24', '10.2.3.4/32', 'fd10::/48', '0.0.0.0/0', '::/0']
const FAMILIES = [1, 2].map((afi) => ({ afi, safi: 1 }))
const RESTART: Capability = {
  kind: 'graceful-restart',
  restarting: false,
  notification: true,
  time: 60,
  families: FAMILIES.map((family) => ({ ...family, forwarding: true })),
}
const PATHS: Capability = {
  kind: 'add-path',
  families: FAMILIES.map((family) => ({ ...family, receive: true, send: true })),
}
const NEXT_HOPS: Capability = { kind: 'extended-next-hop', families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] }

function announceAll(bench: Bench): void {
  for (const prefix of PREFIXES)
    bench.speaker.announce({
      prefix,
      med: 7,
      communities: ['64512:1', 'no-export'],
      largeCommunities: ['1:2:3'],
      extendedCommunities: ['0002fc0000000064'],
    })
}

async function spoken(): Promise<Spoken> {
  const bench = await Bench.started({ restarting: true, selectionDeferralTime: 1 })
  const gracefulRestart = { time: 120, forwarding: true }
  const long = { gracefulRestart, longLivedRestart: { time: 3600 } }
  const ours = { ...long, extendedNextHop: true, addPathReceive: true, addPathSend: true }
  const refresh: Capability = { kind: 'enhanced-route-refresh' }
  const peer = bench.peer({ capabilities: [RESTART, refresh] }, ours)
  announceAll(bench)
  const inner = { asn: 64512, capabilities: [RESTART] }
  const client = { routeReflectorClient: true }
  const reflected = bench.peer({ ...inner, address: '10.0.0.3' }, client)
  const attributes = {
    asPath: [{ kind: 'sequence', asns: [4_200_000_001] }],
    localPref: 100,
    atomicAggregate: true,
    aggregator: { asn: 4_200_000_001, address: '10.0.0.3' },
    unknown: [{ type: 254, flags: 0xe0, value: Uint8Array.of(1, 2) }],
  }
  reflected.establish().announceWith(attributes, '10.7.0.0/16', 'fd07::/48')
  const innerClient = bench.peer({ ...inner, address: '10.0.0.4' }, client).establish()
  const wide = bench.peer(
    { address: '10.0.0.5', capabilities: [NEXT_HOPS, { kind: 'extended-message' }] },
    ours,
  )
  const alsoWide = bench.peer({ address: '10.0.0.8', capabilities: [{ kind: 'extended-message' }] }, ours)
  const several = bench.peer({ address: '10.0.0.6', capabilities: [PATHS], readsPathIds: true }, ours)
  const old = bench.peer({ address: '10.0.0.7' })
  old.connect().send(
    {
      ...old.open([]),
      capabilities: FAMILIES.map((family) => ({ kind: 'multiprotocol', ...family })),
    } as Message,
    {
      kind: 'keepalive',
    },
  )
  for (const each of [peer, wide, alsoWide, several]) each.establish()
  // More than fits a message of 4,096 bytes: for the other one with long ones only.
  wide.announceWith({ communities: Array.from({ length: 1500 }, (_, i) => 65536 + i) }, '10.8.0.0/16')
  bench.clock.advance(2000)
  bench.speaker.withdraw('10.1.0.0/16')
  bench.speaker.withdraw('fd10::/48')
  peer.send({ kind: 'route-refresh', afi: 2, safi: 1, subtype: 0 })
  bench.speaker.requestRefresh('10.0.0.2', 'ipv4-unicast')
  bench.clock.advance(40_000)
  const closed = bench.speaker.close('maintenance until 6')
  bench.clock.advance(2000)
  await closed
  const plain = [peer, reflected, innerClient, wide, alsoWide].flatMap((each) => [...each.raw()])
  return { plain, withPathIds: several.raw(), old: old.raw() }
}

describe('messages that we encode', function () {
  this.timeout(60_000)
  const directory = temporaryDirectory('oracle')
  let said: Spoken
  let messages: Uint8Array[]

  before(async () => {
    const vectors = VECTORS.map(({ message }) => encodeMessage(message, MAX_EXTENDED_LENGTH))
    said = await spoken()
    messages = [...vectors, ...said.plain, ...said.withPathIds, ...said.old]
  })
  after(() => directory.remove())

  it('are of all kinds, with all attributes and all capabilities', () => {
    const kinds = new Set(messages.map((bytes) => bytes[18]))
    expect([...kinds].sort()).to.deep.equal(Object.values(MESSAGE).sort())
    expect(messages.length).to.be.greaterThan(60)
    const attributes = new Set(messages.flatMap(attributesOf))
    expect([...attributes]).to.include.members([...Object.values(ATTRIBUTE), 254])
    const opens = messages.filter((bytes) => bytes[18] === MESSAGE.OPEN)
    const capabilities = opens.flatMap((bytes) => {
      const { message } = decodeMessage(bytes, contextOf(false))
      return message.kind === 'open' ? message.capabilities : []
    })
    expect(messages.filter(({ length }) => length > MAX_LENGTH).length).to.be.greaterThan(1)
    expect(new Set(capabilities.map(({ kind }) => kind))).to.have.all.keys(...CAPABILITIES)
  })

  it('are what Wireshark reads, with nothing malformed', async () => {
    const dump = join(directory.path, 'messages.txt')
    const pcap = join(directory.path, 'messages.pcap')
    const readable = messages.filter(isKnownToWireshark)
    expect(messages.length - readable.length).to.equal(3)
    writeFileSync(dump, readable.map(hexDump).join('\n'))
    await output('text2pcap', ['-q', '-T', '40000,179', dump, pcap])
    const read = async (filter: string) =>
      (
        await output('tshark', [
          '-r',
          pcap,
          '-Y',
          filter,
          '-T',
          'fields',
          '-e',
          'frame.number',
          '-e',
          'bgp.type',
        ])
      )
        .split('\n')
        .filter(Boolean)
    const faults = await read('_ws.malformed || _ws.expert.severity == error')
    expect(faults.map((line) => toHex(readable[Number(line.split('\t')[0]) - 1]!))).to.deep.equal([])
    const types = (await read('bgp')).map((line) => Number(line.split('\t')[1]))
    expect(types).to.deep.equal(readable.map((bytes) => bytes[18]))
  })

  it('are what ExaBGP reads: all UPDATEs of the speaker, with the same prefixes', async () => {
    for (const pathIds of [false, true]) {
      const config = join(directory.path, `exabgp-${pathIds}.conf`)
      writeFileSync(config, exabgp(pathIds))
      const spoke = (pathIds ? said.withPathIds : said.plain).filter(
        (bytes) => prefixesOf(bytes, pathIds).length > 0,
      )
      // It takes one at a time, and time; peers are mostly told the same.
      const updates = [...new Map(spoke.map((bytes) => [toHex(bytes), bytes])).values()]
      expect(updates.length).to.be.greaterThan(pathIds ? 1 : 8)
      for (const bytes of updates) {
        const text = await output('exabgp', ['--decode', toHex(bytes), config])
        const announced = [...text.matchAll(/decoded update \d+ (\S+) /g)].map((match) => match[1])
        expect(announced.sort(), toHex(bytes)).to.deep.equal([...prefixesOf(bytes, pathIds)].sort())
      }
    }
  })
})

/** All that we may say of ourselves, and one that we do not know. */
const CAPABILITIES: readonly Capability['kind'][] = [
  'multiprotocol',
  'route-refresh',
  'extended-next-hop',
  'extended-message',
  'role',
  'graceful-restart',
  'long-lived-graceful-restart',
  'four-octet-as',
  'add-path',
  'enhanced-route-refresh',
  'unknown',
]

const exabgp = (pathIds: boolean) => `
neighbor 10.0.0.1 {
  router-id 10.0.0.2;
  local-address 10.0.0.2;
  local-as 64512;
  peer-as 64512;
  ${pathIds ? 'capability {\n    add-path send/receive;\n  }' : ''}
  family { ipv4 unicast; ipv6 unicast; }
  ${pathIds ? 'add-path {\n    ipv4 unicast;\n    ipv6 unicast;\n  }' : ''}
}
`

const contextOf = (pathIds: boolean) => ({
  fourOctetAs: true,
  internal: true,
  localAsn: 64999,
  addPath4: pathIds,
  addPath6: pathIds,
})

/** Wireshark 4.0 has neither extended messages (RFC 8654) nor parameters of more than 255 bytes (RFC 9072). */
function isKnownToWireshark(bytes: Uint8Array): boolean {
  const longParameters = bytes[18] === MESSAGE.OPEN && bytes[28] === 255 && bytes[29] === 255
  return bytes.length <= MAX_LENGTH && !longParameters
}

/** Types of the attributes of an UPDATE. */
function attributesOf(bytes: Uint8Array): number[] {
  if (bytes[18] !== MESSAGE.UPDATE) return []
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const start = 19 + 2 + view.getUint16(19) + 2
  const types: number[] = []
  for (let at = start; at < start + view.getUint16(start - 2); ) {
    types.push(bytes[at + 1]!)
    const wide = (bytes[at]! & FLAG.EXTENDED) !== 0
    at += wide ? 4 + view.getUint16(at + 2) : 3 + bytes[at + 2]!
  }
  return types
}

function prefixesOf(bytes: Uint8Array, pathIds: boolean): string[] {
  const { message } = decodeMessage(bytes, contextOf(pathIds), MAX_EXTENDED_LENGTH)
  if (message.kind !== 'update') return []
  const { nlri, mpReach } = message
  return [...nlri, ...(mpReach?.nlri ?? [])].map(({ prefix }) => prefix)
}

/** One packet for text2pcap: lines of an offset and up to sixteen bytes. */
function hexDump(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    const part = toHex(bytes.subarray(at, at + 16)).match(/../g)!
    lines.push(`${at.toString(16).padStart(6, '0')} ${part.join(' ')}`)
  }
  return `${lines.join('\n')}\n`
}
