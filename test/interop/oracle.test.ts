// Other people's decoders on every message that we encode: Wireshark's (tshark) and ExaBGP's.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from 'bgp-speaker-ts/packet/attributes.ts'
import { MAX_EXTENDED_LENGTH, MAX_LENGTH, MESSAGE } from 'bgp-speaker-ts/packet/codes.ts'
import { decodeMessage, encodeMessage, type Message } from 'bgp-speaker-ts/packet/message.ts'
import { VECTORS } from 'bgp-speaker-ts/packet/vectors.ts'
import { Bench } from 'bgp-speaker-ts/testing/bench.ts'
import { expect } from 'chai'
import { output, temporaryDirectory } from './support/daemon.ts'

const CONTEXT = { fourOctetAs: true, internal: true, localAsn: 64999, addPath4: false, addPath6: false }

/** What a speaker with everything turned on says to its peers in its life, in bytes. */
async function spoken(): Promise<Uint8Array[]> {
  const bench = await Bench.started({ restarting: true, selectionDeferralTime: 1 })
  const gracefulRestart = { time: 120, forwarding: true }
  const families = [1, 2].map((afi) => ({ afi, safi: 1, forwarding: true }))
  const restart = {
    kind: 'graceful-restart',
    restarting: false,
    notification: true,
    time: 60,
    families,
  } as const
  const peer = bench.peer(
    { capabilities: [restart, { kind: 'enhanced-route-refresh' }] },
    { gracefulRestart, extendedNextHop: true, addPathReceive: true },
  )
  for (const prefix of ['10.1.0.0/16', '10.2.3.0/24', '10.2.3.4/32', 'fd10::/48', '0.0.0.0/0', '::/0'])
    bench.speaker.announce({
      prefix,
      med: 7,
      communities: ['64512:1', 'no-export'],
      largeCommunities: ['1:2:3'],
      extendedCommunities: ['0002fc0000000064'],
    })
  const reflected = bench.peer({ address: '10.0.0.3', asn: 64512 }, { routeReflectorClient: true })
  reflected.establish().announceWith({ asPath: [], localPref: 100 }, '10.7.0.0/16', 'fd07::/48')
  const client = bench.peer({ address: '10.0.0.4', asn: 64512 }, { routeReflectorClient: true }).establish()
  peer.establish()
  bench.clock.advance(2000)
  bench.speaker.withdraw('10.1.0.0/16')
  bench.speaker.withdraw('fd10::/48')
  peer.send({ kind: 'route-refresh', afi: 2, safi: 1, subtype: 0 })
  bench.speaker.requestRefresh('10.0.0.2', 'ipv4-unicast')
  bench.clock.advance(40_000)
  const closed = bench.speaker.close('maintenance until 6')
  bench.clock.advance(2000)
  await closed
  return [peer, reflected, client].flatMap((each) => [...each.raw()])
}

describe('messages that we encode', function () {
  this.timeout(60_000)
  const directory = temporaryDirectory('oracle')
  let spokenMessages: Uint8Array[]
  let messages: Uint8Array[]

  before(async () => {
    const encoded = VECTORS.map(({ message }) => encodeMessage(message, MAX_EXTENDED_LENGTH))
    const vectors = encoded.filter(isKnownToWireshark)
    expect(encoded.length - vectors.length).to.equal(2)
    spokenMessages = await spoken()
    messages = [...vectors, ...spokenMessages]
  })
  after(() => directory.remove())

  it('are of all kinds', () => {
    const kinds = new Set(messages.map((bytes) => bytes[18]))
    expect([...kinds].sort()).to.deep.equal(Object.values(MESSAGE).sort())
    expect(messages.length).to.be.greaterThan(40)
  })

  it('are what Wireshark reads, with nothing malformed', async () => {
    const dump = join(directory.path, 'messages.txt')
    const pcap = join(directory.path, 'messages.pcap')
    writeFileSync(dump, messages.map(hexDump).join('\n'))
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
    expect(faults.map((line) => toHex(messages[Number(line.split('\t')[0]) - 1]!))).to.deep.equal([])
    const types = (await read('bgp')).map((line) => Number(line.split('\t')[1]))
    expect(types).to.deep.equal(messages.map((bytes) => bytes[18]))
  })

  it('are what ExaBGP reads: all UPDATEs of the speaker, with the same prefixes', async () => {
    const config = join(directory.path, 'exabgp.conf')
    writeFileSync(config, EXABGP)
    const updates = spokenMessages.filter((bytes) => prefixesOf(bytes).length > 0)
    expect(updates.length).to.be.greaterThan(8)
    for (const bytes of updates) {
      const text = await output('exabgp', ['--decode', toHex(bytes), config])
      const announced = [...text.matchAll(/decoded update \d+ (\S+) /g)].map((match) => match[1])
      expect(announced.sort(), toHex(bytes)).to.deep.equal([...prefixesOf(bytes)].sort())
    }
  })
})

const EXABGP = `
neighbor 10.0.0.1 {
  router-id 10.0.0.2;
  local-address 10.0.0.2;
  local-as 64512;
  peer-as 64512;
  family { ipv4 unicast; ipv6 unicast; }
}
`

/** Version 4.0 knows neither messages of more than 4,096 bytes (RFC 8654) nor extended optional parameters (RFC 9072). */
function isKnownToWireshark(bytes: Uint8Array): boolean {
  return bytes.length <= MAX_LENGTH && (bytes[18] !== MESSAGE.OPEN || bytes[28] !== 255)
}

function messageOf(bytes: Uint8Array): Message {
  return decodeMessage(bytes, CONTEXT).message
}

function prefixesOf(bytes: Uint8Array): string[] {
  const message = messageOf(bytes)
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
