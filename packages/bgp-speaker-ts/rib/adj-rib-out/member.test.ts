import { expect } from 'chai'
import { type Member, sendTo } from './member.ts'

/** A member with that source index, and what it was written: bytes and messages. */
function listener(index: number) {
  const written: [number[], number][] = []
  const member: Member = {
    source: {
      index,
      kind: 'ebgp',
      address: '192.0.2.1',
      addressBytes: new Uint8Array(4),
      zone: undefined,
      routerId: 1,
      client: false,
    },
    write: (bytes, messages) => void written.push([[...bytes], messages]),
    pending: () => 0,
    rejected() {},
    sendMarker() {},
  }
  return { member, written }
}

/** Six bytes, each of them a message; those at 1, 2 and 5 are of source 7, that at 0 is of source 8. */
const batch = {
  bytes: Uint8Array.of(0, 1, 2, 3, 4, 5),
  messages: 6,
  own: new Map([
    [
      7,
      [
        { start: 1, end: 3, before: 1, messages: 2 },
        { start: 5, end: 6, before: 5, messages: 1 },
      ],
    ],
    [8, [{ start: 0, end: 1, before: 0, messages: 1 }]],
  ]),
}

describe('a batch', () => {
  it('is written as it is to a member that is the source of nothing in it', () => {
    const { member, written } = listener(3)
    sendTo(member, batch)
    expect(written).to.deep.equal([[[0, 1, 2, 3, 4, 5], 6]])
  })

  it('is written without what the member is the source of, in as few pieces as possible', () => {
    const { member, written } = listener(7)
    sendTo(member, batch)
    expect(written).to.deep.equal([
      [[0], 1],
      [[3, 4], 2],
    ])
  })

  it('begins after what the member is the source of', () => {
    const { member, written } = listener(8)
    sendTo(member, batch)
    expect(written).to.deep.equal([[[1, 2, 3, 4, 5], 5]])
  })

  it('is not written at all to the source of all of it', () => {
    const { member, written } = listener(7)
    sendTo(member, {
      bytes: Uint8Array.of(1, 2),
      messages: 2,
      own: new Map([[7, [{ start: 0, end: 2, before: 0, messages: 2 }]]]),
    })
    expect(written).to.deep.equal([])
  })
})
