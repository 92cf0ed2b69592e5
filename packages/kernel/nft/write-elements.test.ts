import { packTransaction } from '@podroute/linux/netlink/batch.ts'
import { createWriter, NLM_F_ACK, readMessages, written } from '@podroute/linux/netlink/wire.ts'
import { elementTransaction } from '@podroute/linux/nft/element-write.ts'
import { hexOf } from '@podroute/linux/testing/vectors.ts'
import { expect } from 'chai'
import type { ElementChange } from './api.ts'
import { encodeChange } from './write-elements.ts'

const add = (set: string, type: ElementChange['type'], ...elements: string[]): ElementChange => ({
  ...{ kind: 'add', set, type, elements },
})
const ADDRESS: ElementChange['type'] = { key: ['ipv4_addr'] }
/** What `nft --debug=mnl -f -` (1.0.6) sends for the same, behind the message header, less the number that it gives a set (attribute 4). */
const VECTORS: readonly { change: ElementChange; type: number; hex: string }[] = [
  {
    change: add('a', ADDRESS, '10.0.0.1', '10.0.0.2'),
    type: 2572,
    hex: '01000000 0600010074000000 0600020061000000 24000380 10000180 0c000180 08000100 0a000001 10000280 0c000180 08000100 0a000002',
  },
  {
    change: add('m', { ...ADDRESS, value: 'verdict' }, '10.0.0.1 : goto c'),
    type: 2572,
    hex: '01000000 0600010074000000 060002006d000000 2c000380 28000180 0c000180 08000100 0a000001 18000280 14000280 08000100 fffffffc 0600020063000000',
  },
  {
    change: {
      ...add('e', { key: ['ipv6_addr', 'inet_service', 'inet_proto'], timeout: true }, 'fd00::1 . 80 . tcp'),
      timeout: 24 * 3_600_000,
    },
    type: 2572,
    hex: '01000000 0600010074000000 0600020065000000 34000380 30000180 0c000400 0000000005265c00 20000180 1c000100 fd000000000000000000000000000001 00500000 06000000',
  },
  {
    change: add(
      'k',
      { key: ['ipv4_addr', 'inet_proto', 'inet_service', 'mark'], value: ['ipv4_addr', 'inet_service'] },
      '10.0.0.1 . tcp . 80 . 1560281089 : 10.0.0.2 . 8080',
    ),
    type: 2572,
    hex: '01000000 0600010074000000 060002006b000000 30000380 2c000180 18000180 14000100 0a000001 06000000 00500000 0100005d 10000280 0c000100 0a000002 1f900000',
  },
  {
    change: { ...add('a', ADDRESS, '10.0.0.2'), kind: 'delete' },
    type: 2574,
    hex: '01000000 0600010074000000 0600020061000000 14000380 10000180 0c000180 08000100 0a000002',
  },
]
const BRACKET = '0000000a'

function messagesOf(changes: readonly ElementChange[]) {
  const writes = changes.map((change) => encodeChange(change)!)
  const w = createWriter(16)
  packTransaction(w, elementTransaction(1, 't', writes), 7)
  return readMessages(written(w))
}

describe('elements as the kernel reads them', () => {
  for (const { change, type, hex } of VECTORS)
    it(`are those that nft sends: ${change.kind} ${change.elements.join()}`, () => {
      const [begin, message, end] = messagesOf([change])
      expect([begin!.type, message!.type, end!.type]).to.deep.equal([16, type, 17])
      expect(hexOf(message!.payload)).to.equal(hex.replaceAll(' ', ''))
      expect([begin, end].map((bracket) => hexOf(bracket!.payload))).to.deep.equal([BRACKET, BRACKET])
    })

  it('are one transaction, of which the last message before its end is acknowledged', () => {
    const messages = messagesOf(VECTORS.map(({ change }) => change))
    expect(messages.map(({ seq }) => seq)).to.deep.equal([7, 8, 9, 10, 11, 12, 13])
    expect(messages.map(({ flags }) => (flags & NLM_F_ACK) !== 0)).to.deep.equal([
      ...[false, false, false, false, false],
      true,
      false,
    ])
  })

  it('are in messages of 200: an attribute has at most 64 KiB', () => {
    const many = Array.from({ length: 450 }, (_, index) => `10.1.${index >> 8}.${index & 255}`)
    expect(messagesOf([add('a', ADDRESS, ...many)])).to.have.length(2 + 3)
  })

  it('are left to nft where they are prefixes, or no elements of the set', () => {
    const refused: readonly (readonly [ElementChange['type'], string])[] = [
      [{ key: ['ipv4_addr'], interval: true }, '10.0.0.0/8'],
      [ADDRESS, '10.0.0.256'],
      [ADDRESS, 'fd00::1'],
      [ADDRESS, '10.0.0.1 . 80'],
      [ADDRESS, '10.0.0.1 : goto c'],
      [{ ...ADDRESS, value: 'verdict' }, '10.0.0.1'],
      [{ ...ADDRESS, value: 'verdict' }, '10.0.0.1 : accept'],
      [{ key: ['ipv4_addr', 'inet_service'] }, '10.0.0.1 . 65536'],
      [{ key: ['ipv4_addr', 'inet_service'] }, '10.0.0.1 . http'],
      [{ key: ['iface_index'] }, 'eth0'],
    ]
    for (const [type, text] of refused) expect(encodeChange(add('s', type, text)), text).to.equal(undefined)
  })
})
