// Malformed messages, each with its NOTIFICATION or RFC 7606 outcome.
import { expect } from 'chai'
import { NotificationError } from '../errors.ts'
import { fromHex, toHex } from './attributes.ts'
import { decodeMessage } from './message.ts'

const MARKER = 'ff'.repeat(16)
const INTERNAL = { fourOctetAs: true, internal: true, localAsn: 64999, addPath4: false, addPath6: false }
const EXTERNAL = { ...INTERNAL, internal: false }

const hex16 = (value: number) => value.toString(16).padStart(4, '0')

function message(type: string, body: string): string {
  const bytes = fromHex(body)
  return `${MARKER}${hex16(bytes.length + 19)}${type}${toHex(bytes)}`
}

const update = (attributes: string, nlri = '080a') =>
  message('02', `0000${hex16(fromHex(attributes).length)}${attributes}${nlri}`)

const ORIGIN = '40010100'
const AS_PATH = '400206 0201 0000fc00'
const NEXT_HOP = '400304 c0000201'
const GOOD = `${ORIGIN}${AS_PATH}${NEXT_HOP}`

function notification(hex: string): [number, number, string] {
  try {
    decodeMessage(fromHex(hex), INTERNAL)
  } catch (error) {
    if (error instanceof NotificationError) return [error.code, error.subcode, toHex(error.data)]
    throw error
  }
  throw new Error('no error')
}

const outcome = (hex: string, context = INTERNAL) => decodeMessage(fromHex(hex), context).outcome.kind

describe('malformed messages', () => {
  const resets: readonly (readonly [string, string, [number, number, string]])[] = [
    ['a marker that is not all ones', `${'ff'.repeat(15)}fe001304`, [1, 1, '']],
    ['a length below 19', `${MARKER}001204`, [1, 2, '0012']],
    ['a length above 4096', `${MARKER}100102`, [1, 2, '1001']],
    ['a KEEPALIVE with a body', `${MARKER}00140400`, [1, 2, '0014']],
    ['an OPEN of 28 bytes', `${MARKER}001c01${'00'.repeat(9)}`, [1, 2, '001c']],
    ['an unknown type', `${MARKER}001309`, [1, 3, '09']],
    ['version 3', message('01', '03 fc00 005a 0a000001 00'), [2, 1, '0004']],
    ['hold time 2', message('01', '04 fc00 0002 0a000001 00'), [2, 6, '']],
    ['BGP identifier 0', message('01', '04 fc00 005a 00000000 00'), [2, 3, '']],
    ['AS number 0', message('01', '04 0000 005a 0a000001 00'), [2, 2, '']],
    ['an unknown optional parameter', message('01', '04 fc00 005a 0a000001 02 0900'), [2, 4, '']],
    ['a capability that is cut short', message('01', '04 fc00 005a 0a000001 04 0202 4104'), [2, 0, '']],
    ['a length of withdrawn routes past the end', message('02', '0005 0000'), [3, 1, '']],
    ['a length of attributes past the end', message('02', '0000 0001'), [3, 1, '']],
    ['an unknown well-known attribute', update(`${GOOD} 40c801 00`), [3, 2, '40c80100']],
    ['MP_REACH_NLRI twice', update(`${'800e05 0001 80 00 00'.repeat(2)}`), [3, 1, '']],
    ['an MP_REACH_NLRI that cannot be cut', update('800e04 0002 01 10'), [3, 9, '']],
    ['an IPv6 next hop of 5 bytes', update('800e0a 0002 01 05 0000000000 00'), [3, 9, '']],
    ['a prefix of 33 bits', update(GOOD, '21 0a000000 00'), [3, 10, '']],
    ['a prefix that is cut short', update(GOOD, '18 0a00'), [3, 10, '']],
    // RFC 7606 section 5.2: nothing to withdraw, and NLRI may be lost in what could not be read.
    ['an attribute longer than the list, and no NLRI', message('02', '0000 0004 40012000'), [3, 1, '']],
    [
      'ORIGIN 3, and no NLRI',
      message('02', '0000 0014 40010103 4002060201 0000fffd 4003040a000002'),
      [3, 1, ''],
    ],
    ['ORIGIN 3 beside withdrawn routes alone', message('02', '0002 080a 0004 40010103'), [3, 1, '']],
    ['ORIGIN 3 beside MP_UNREACH_NLRI alone', update('40010103 800f06 0002 01 10 2001', ''), [3, 1, '']],
    [
      'ORIGIN 3 beside an MP_REACH_NLRI without NLRI',
      update(`40010103 800e09 0001 01 04 c0000201 00`, ''),
      [3, 1, ''],
    ],
    ['a ROUTE-REFRESH of 5 bytes', message('05', '0001000100'), [7, 1, message('05', '0001000100')]],
  ]
  for (const [name, hex, expected] of resets) {
    it(`${name}: NOTIFICATION ${expected[0]}/${expected[1]}`, () =>
      expect(notification(hex)).to.deep.equal(expected))
  }

  const withdraws: readonly (readonly [string, string])[] = [
    ['ORIGIN of 2 bytes', `40010200 00${AS_PATH}${NEXT_HOP}`],
    ['ORIGIN 3', `40010103${AS_PATH}${NEXT_HOP}`],
    ['no ORIGIN', `${AS_PATH}${NEXT_HOP}`],
    ['no AS_PATH', `${ORIGIN}${NEXT_HOP}`],
    ['no NEXT_HOP', `${ORIGIN}${AS_PATH}`],
    ['an AS_PATH segment of no ASes', `${ORIGIN}400202 0200${NEXT_HOP}`],
    ['an AS_PATH segment of unknown type', `${ORIGIN}400206 0501 0000fc00${NEXT_HOP}`],
    ['AS number 0 in AS_PATH (RFC 7607)', `${ORIGIN}40020a 0202 0000fc00 00000000${NEXT_HOP}`],
    ['an AS_PATH that is cut short', `${ORIGIN}400204 0201 0000${NEXT_HOP}`],
    ['NEXT_HOP of 3 bytes', `${ORIGIN}${AS_PATH}400303 c00002`],
    ['MULTI_EXIT_DISC of 3 bytes', `${GOOD}800403 000000`],
    ['LOCAL_PREF of 5 bytes', `${GOOD}400505 0000000000`],
    ['COMMUNITIES of no bytes', `${GOOD}c00800`],
    ['COMMUNITIES of 5 bytes', `${GOOD}c00805 0000000000`],
    ['EXTENDED COMMUNITIES of 7 bytes', `${GOOD}c01007 00000000000000`],
    ['LARGE_COMMUNITY of 8 bytes', `${GOOD}c02008 0000000000000000`],
    ['ORIGINATOR_ID of 3 bytes', `${GOOD}800903 000000`],
    ['CLUSTER_LIST of 2 bytes', `${GOOD}800a02 0000`],
    ['ORIGIN that claims to be optional', `c0010100${AS_PATH}${NEXT_HOP}`],
    ['an attribute longer than the list', `${GOOD}c008ff 00`],
    ['two bytes left of an attribute', `${GOOD}c008`],
  ]
  for (const [name, attributes] of withdraws) {
    it(`${name}: treated as withdraw (RFC 7606)`, () =>
      expect(outcome(update(attributes))).to.equal('treat-as-withdraw'))
  }

  const discards: readonly (readonly [string, string])[] = [
    ['ATOMIC_AGGREGATE of 1 byte', `${GOOD}400601 00`],
    ['AGGREGATOR of 6 bytes', `${GOOD}c00706 000000000000`],
    ['AGGREGATOR of AS 0 (RFC 7607)', `${GOOD}c00708 00000000 c0000201`],
    ['COMMUNITIES twice', `${GOOD}c00804 fc000001 c00804 fc000002`],
  ]
  for (const [name, attributes] of discards) {
    it(`${name}: the attribute is discarded (RFC 7606)`, () =>
      expect(outcome(update(attributes))).to.equal('attribute-discard'))
  }

  it('an attribute that is discarded costs no session where there are no NLRI (RFC 7606 5.2)', () =>
    expect(outcome(update(`${GOOD}400601 00`, ''))).to.equal('attribute-discard'))

  it('an UPDATE of good attributes without NLRI is taken', () =>
    expect(outcome(update(GOOD, ''))).to.equal('ok'))

  it('LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST of an external peer do not count, whatever they hold', () => {
    const { message: decoded, outcome: result } = decodeMessage(
      fromHex(update(`${GOOD}400501 00 800901 00 800a01 00`)),
      EXTERNAL,
    )
    expect(result.kind).to.equal('ok')
    expect(decoded).to.have.property('attributes').that.has.keys('origin', 'asPath', 'nextHop')
  })

  it('an AS_PATH with segments of a confederation is malformed from an external peer (RFC 5065 5)', () => {
    const hex = update(`${ORIGIN}40020c 0301 0000fc01 0201 0000fc00${NEXT_HOP}`)
    expect(decodeMessage(fromHex(hex), EXTERNAL).outcome.kind).to.equal('treat-as-withdraw')
    expect(decodeMessage(fromHex(hex), INTERNAL).outcome.kind).to.equal('ok')
  })

  it('an optional attribute that is unknown and not transitive is dropped, a transitive one marked partial', () => {
    const { message: decoded } = decodeMessage(fromHex(update(`${GOOD}80fd01 01 c0fe01 02`)), INTERNAL)
    expect(decoded)
      .to.have.nested.property('attributes.unknown')
      .that.deep.equals([{ type: 254, flags: 0xe0, value: Uint8Array.of(2) }])
  })

  it('the low four flag bits are ignored: they neither travel on nor make a MED ours (found by fuzzing)', () => {
    const { message: decoded } = decodeMessage(fromHex(update(`${GOOD}810404 00000005 c8fe01 02`)), INTERNAL)
    expect(decoded).to.have.nested.property('attributes.med', 5)
    expect(decoded).not.to.have.nested.property('attributes.medIsOurs')
    expect(decoded).to.have.nested.property('attributes.unknown[0].flags', 0xe0)
  })
})

describe('a peer of 2-byte AS numbers (RFC 6793)', () => {
  const OLD = { ...EXTERNAL, fourOctetAs: false }
  const path = (attributes: string) => {
    const { message: decoded } = decodeMessage(fromHex(update(attributes)), OLD)
    return decoded.kind === 'update' ? decoded.attributes.asPath?.flatMap(({ asns }) => asns) : undefined
  }

  it('has its AS_PATH widened', () => {
    expect(path(`${ORIGIN}400206 0202 fc00 fc01${NEXT_HOP}`)).to.deep.equal([64512, 64513])
  })

  it('has AS_TRANS replaced by what AS4_PATH says', () => {
    expect(path(`${ORIGIN}400206 0202 fc00 5ba0${NEXT_HOP}c01106 0201 fa56ea01`)).to.deep.equal([
      64512, 4_200_000_001,
    ])
  })

  it('has an AS4_PATH longer than its AS_PATH ignored', () => {
    expect(path(`${ORIGIN}400204 0201 5ba0${NEXT_HOP}c0110a 0202 fa56ea01 fa56ea02`)).to.deep.equal([23456])
  })

  it('has a malformed AS4_PATH ignored', () => {
    expect(path(`${ORIGIN}400204 0201 fc00${NEXT_HOP}c01103 020100`)).to.deep.equal([64512])
  })

  const decodedOld = (attributes: string, nlri?: string) =>
    decodeMessage(fromHex(update(`${ORIGIN}${NEXT_HOP}${attributes}`, nlri)), { ...OLD, localAsn: 64999 })

  it('has an AS4_PATH with AS 0 discarded (RFC 7607 section 2)', () => {
    const { message: decoded, outcome: result } = decodedOld(
      '400208 0203 fffd 5ba0 5ba0 c0110a 0202 00000000 fa56ea01',
    )
    expect(result).to.deep.equal({ kind: 'attribute-discard', problem: 'malformed AS4_PATH' })
    expect(decoded)
      .to.have.nested.property('attributes.asPath[0].asns')
      .that.deep.equals([65533, 23456, 23456])
  })

  it('has segments of a confederation left out of its AS4_PATH (RFC 6793 section 3)', () => {
    const { message: decoded } = decodedOld('400206 0202 fffd 5ba0 c0110c 0301 0000fc01 0201 fa56ea01')
    expect(decoded)
      .to.have.nested.property('attributes.asPath')
      .that.deep.equals([
        { kind: 'sequence', asns: [65533] },
        { kind: 'sequence', asns: [4_200_000_001] },
      ])
  })

  it('has an AS4_AGGREGATOR of AS 0 discarded (RFC 7607 section 2)', () => {
    const { message: decoded, outcome: result } = decodedOld(
      '400204 0201 fffd c00706 5ba0 c0000201 c01208 00000000 c0000201',
    )
    expect(result).to.deep.equal({ kind: 'attribute-discard', problem: 'malformed AS4_AGGREGATOR' })
    expect(decoded).to.have.deep.nested.property('attributes.aggregator', {
      asn: 23456,
      address: '192.0.2.1',
    })
  })

  it('has an AS4_AGGREGATOR of 7 bytes discarded, with a word', () => {
    const { outcome: result } = decodedOld('400204 0201 fffd c00706 5ba0 c0000201 c01207 00000001 c00002')
    expect(result.kind).to.equal('attribute-discard')
  })
})
