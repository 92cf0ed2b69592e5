import { expect } from 'chai'
import { bytesOf, hexOf } from '../testing/vectors.ts'
import {
  beginMessage,
  createWriter,
  endMessage,
  NLM_F_ACK,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  putBytes,
  putNested,
  putTextAttribute,
  putU8Attribute,
  putU16beAttribute,
  putU32Attribute,
  readAttributes,
  readDone,
  readError,
  readMessages,
  readText,
  readU16be,
  readU32,
  readU64,
  WireError,
  written,
} from './wire.ts'

describe('netlink messages', () => {
  it('writes and reads several in one buffer, each aligned to four bytes', () => {
    const w = createWriter(8)
    for (const seq of [1, 2]) {
      const start = beginMessage(w, 24, NLM_F_REQUEST | NLM_F_ACK, seq)
      putBytes(w, Uint8Array.of(1, 2, 3))
      endMessage(w, start)
    }
    expect(hexOf(written(w))).to.equal(
      '13000000180005000100000000000000010203001300000018000500020000000000000001020300',
    )
    const messages = readMessages(written(w))
    expect(messages.map(({ type, flags, seq }) => [type, flags, seq])).to.deep.equal([
      [24, 5, 1],
      [24, 5, 2],
    ])
    expect(hexOf(messages[1]!.payload)).to.equal('010203')
  })

  it('writes and reads attributes of every kind', () => {
    const w = createWriter(4)
    putU8Attribute(w, 1, 7)
    putU16beAttribute(w, 2, 8080)
    putU32Attribute(w, 3, 0xfffffffe)
    putTextAttribute(w, 4, 'wlc')
    putNested(w, 5, () => putU32Attribute(w, 1, 1))
    expect(hexOf(written(w))).to.equal(
      '0500010007000000060002001f90000008000300feffffff08000400776c63000c0005800800010001000000',
    )
    const attributes = readAttributes(written(w))
    expect(attributes.get(1)![0]).to.equal(7)
    expect(readU16be(attributes.get(2)!, 0)).to.equal(8080)
    expect(readU32(attributes.get(3)!, 0)).to.equal(0xfffffffe)
    expect(readText(attributes.get(4)!)).to.equal('wlc')
    expect(readU32(readAttributes(attributes.get(5)!).get(1)!, 0)).to.equal(1)
  })

  it('clears what an earlier message left in the buffer', () => {
    const w = createWriter(64)
    putBytes(w, new Uint8Array(64).fill(255))
    w.length = 0
    endMessage(w, beginMessage(w, 1, 2, 3))
    expect(hexOf(written(w))).to.equal('10000000010002000300000000000000')
  })

  it('reads 64-bit counters', () => {
    expect(readU64(bytesOf('feffffff01000000'), 0)).to.equal(0x1fffffffen)
  })

  it('reads the kernel’s words from an error, and none from an acknowledgement', () => {
    const words = 'Nexthop has invalid gateway'
    const w = createWriter()
    const start = beginMessage(w, NLMSG_ERROR, 0x300, 7)
    putBytes(w, bytesOf('9bffffff2c000000180005060700000000000000'))
    putTextAttribute(w, 1, words)
    endMessage(w, start)
    expect(readError(readMessages(written(w))[0]!)).to.deep.equal({ errno: 101, text: words })
    const ack = bytesOf('2400000002000001070000000000000000000000 2c000000180005060700000000000000')
    expect(readError(readMessages(ack)[0]!)).to.deep.equal({ errno: 0 })
  })

  it('reads the result at the end of a dump', () => {
    const done = (payload: string) => ({
      type: NLMSG_DONE,
      flags: 2,
      seq: 1,
      pid: 0,
      payload: bytesOf(payload),
    })
    expect(readDone(done('00000000'))).to.deep.equal({ errno: 0 })
    expect(readDone(done('feffffff'))).to.deep.equal({ errno: 2 })
    expect(readDone(done(''))).to.deep.equal({ errno: 0 })
  })

  it('refuses lengths that run past the end, at every truncation', () => {
    const w = createWriter()
    const start = beginMessage(w, 24, 5, 1)
    putU32Attribute(w, 1, 1)
    putTextAttribute(w, 2, 'abc')
    endMessage(w, start)
    const whole = written(w)
    for (let length = 1; length < whole.length; length++) {
      expect(() => readMessages(whole.subarray(0, length)), `${length} bytes`).to.throw(WireError)
    }
    const { payload } = readMessages(whole)[0]!
    for (const length of [4, 5, 6, 7, 12, 13, 14, 15]) {
      expect(() => readAttributes(payload.subarray(0, length)), `${length} bytes`).to.throw(WireError)
    }
  })

  it('refuses a length below the header’s own instead of looping', () => {
    expect(() => readMessages(new Uint8Array(32))).to.throw(WireError)
    expect(() => readAttributes(new Uint8Array(8))).to.throw(WireError)
  })
})
