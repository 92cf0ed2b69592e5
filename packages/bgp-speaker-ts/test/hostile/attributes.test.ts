// Malformed attributes in a session: the outcome for the session, and what other peers are sent (RFC 7606, RFC 7607, RFC 4271 section 5).
import { expect } from 'chai'
import { fromHex, toHex } from '../../packet/attributes.ts'
import { ASN, Bench } from '../../testing/bench.ts'
import type { RawPeer } from '../../testing/raw-peer.ts'

const hex16 = (value: number) => value.toString(16).padStart(4, '0')

/** An UPDATE message around the body. */
function update(body: string): Uint8Array {
  const bytes = fromHex(body)
  return fromHex(`${'ff'.repeat(16)}${hex16(bytes.length + 19)}02${toHex(bytes)}`)
}

const withAttributes = (attributes: string, nlri: string) =>
  update(`0000${hex16(fromHex(attributes).length)}${attributes}${nlri}`)

const ORIGIN = '40010100'
const AS_PATH = '400206 0201 0000fc01'
const NEXT_HOP = '400304 0a000002'

describe('wrong attributes', () => {
  let bench: Bench
  let peer: RawPeer

  beforeEach(async () => {
    bench = await Bench.started()
    peer = bench.peer().establish()
  })
  afterEach(() => bench.close())

  for (const [name, body] of [
    ['an attribute longer than the list', '0000 0004 40012000'],
    ['ORIGIN 3', '0000 0014 40010103 4002060201 0000fffd 4003040a000002'],
    ['ORIGIN 3 beside withdrawn routes', '0003 100a02 0004 40010103'],
  ] as const) {
    it(`reset the session where there are no NLRI to withdraw: ${name} (RFC 7606 5.2)`, () => {
      peer.announce('10.1.0.0/16')
      peer.forget()
      peer.send(update(body))
      expect(peer.names()).to.deep.equal(['notification 3/1'])
      expect(bench.prefixes()).to.deep.equal([])
      expect(bench.speaker.peers()[0]?.lastDown).to.deep.include({
        kind: 'notification-sent',
        code: 3,
        subcode: 1,
      })
    })
  }

  it('are counted once: not again for a withdrawal that follows', () => {
    peer.send(withAttributes(`40010103${AS_PATH}${NEXT_HOP}`, '100a01'))
    peer.withdraw('10.1.0.0/16', '10.2.0.0/16')
    expect(bench.speaker.peers()[0]).to.deep.include({ state: 'established' })
    expect(bench.speaker.peers()[0]?.counters.treatedAsWithdraw).to.equal(1)
  })

  it('of a peer of 2-byte AS numbers: our own AS beside AS 0 in AS4_PATH is a loop', () => {
    const old = bench.raw({ address: '10.0.0.3', asn: 65533 })
    bench.speaker.addPeer({ address: '10.0.0.3', asn: 65533, families: ['ipv4-unicast'], passive: true })
    const other = bench.peer({ address: '10.0.0.4', asn: 65004 }).establish()
    const capabilities = [{ kind: 'multiprotocol', afi: 1, safi: 1 }] as const
    old.connect()
    old.send({ kind: 'open', asn: 65533, holdTime: 90, routerId: 3, capabilities }, { kind: 'keepalive' })
    const own = ASN.toString(16).padStart(8, '0')
    const attributes = `${ORIGIN}400208 0203 fffd 5ba0 5ba0 400304 0a000003`
    other.forget()
    old.send(withAttributes(`${attributes}c0110a 0202 00000000 ${own}`, '100a01'))
    old.send(withAttributes(`${attributes}c0110a 0202 0000fc05 ${own}`, '100a02'))
    expect(bench.prefixes()).to.deep.equal([])
    expect(other.names()).to.deep.equal([])
    const counters = bench.speaker.peers().find(({ address }) => address === '10.0.0.3')?.counters
    expect(counters).to.deep.include({ rejected: { 'as-loop': 2 }, attributesDiscarded: 1 })
  })

  it('lose the partial bit, where it may not be set (RFC 4271 section 4.3): well-known and non-transitive ones', () => {
    const other = bench.peer({ address: '10.0.0.4', asn: ASN }, { asn: ASN }).establish()
    peer.send(
      withAttributes(
        `60010100 600206 0201 0000fc01 600304 0a000002 a00404 00000007 600600 e00804 fc010001`,
        '100a01',
      ),
    )
    bench.clock.settle()
    const heard = toHex(other.raw().findLast((bytes) => bytes[18] === 2)!)
    for (const whole of ['40010100', '40020602010000fc01', '80040400000007', '400600'])
      expect(heard).to.include(whole)
    expect(heard).to.include('e00804fc010001')
    for (const partial of ['60010100', '600206', 'a00404', '600600']) expect(heard).not.to.include(partial)
  })

  it('keep the partial bit where it may be set, through a policy and to a peer of 2-byte AS numbers (RFC 4271 section 5)', () => {
    const policy = {
      rules: [{ name: 'mark', verdict: 'accept', set: { addCommunities: ['64512:9'] } }],
      otherwise: 'accept',
    } as const
    const sender = bench.peer({ address: '10.0.0.5' }, { importPolicy: policy }).establish()
    const old = bench.raw({ address: '10.0.0.3', asn: 65533 })
    bench.speaker.addPeer({ address: '10.0.0.3', asn: 65533, families: ['ipv4-unicast'], passive: true })
    const capabilities = [{ kind: 'multiprotocol', afi: 1, safi: 1 }] as const
    old.connect()
    old.send({ kind: 'open', asn: 65533, holdTime: 90, routerId: 3, capabilities }, { kind: 'keepalive' })
    const attributes = `${ORIGIN}${AS_PATH}400304 0a000005 e00708 0000fc05 c0000201 e00804 fc010001`
    sender.send(withAttributes(attributes, '100a01'))
    bench.clock.settle()
    const heard = toHex(old.raw().findLast((bytes) => bytes[18] === 2)!)
    expect(heard).to.include('e00706fc05c0000201')
    expect(heard).to.include('e00808fc000009fc010001')
  })
})
