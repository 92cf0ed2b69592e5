import { AddressError } from '@podroute/address/address.ts'
import { expect } from 'chai'
import { bytesOf } from '../testing/vectors.ts'
import { type BatchOutcome, blame, type NetlinkRequest, noteReply, packRequests } from './batch.ts'
import { createWriter, type Message, NLM_F_ACK, NLMSG_ERROR, putU32, readMessages, written } from './wire.ts'

const request = (value: number): NetlinkRequest => ({
  call: `CALL ${value}`,
  type: 24,
  flags: 0,
  body: (w) => putU32(w, value),
})
const bad: NetlinkRequest = {
  call: 'BAD',
  type: 24,
  flags: 0,
  body: (w) => {
    putU32(w, 1)
    throw new AddressError('not an IPv4 address: 1.2')
  },
}
const reply = (seq: number, errno: number): Message => ({
  type: NLMSG_ERROR,
  flags: 0x100,
  seq,
  pid: 0,
  payload: bytesOf(errno ? `${(256 - errno).toString(16)}ffffff` : '00000000'),
})

function pack(requests: readonly NetlinkRequest[], start = 0, limit = 400) {
  const w = createWriter(16)
  const outcomes = new Array<BatchOutcome>(requests.length).fill(null)
  const packed = packRequests(w, requests, start, limit, 100, outcomes)
  return { packed, outcomes, messages: readMessages(written(w)) }
}

describe('a batch of netlink requests', () => {
  it('asks for the acknowledgement of the last one only', () => {
    const { packed, messages } = pack([request(1), request(2), request(3)])
    expect(packed).to.deep.equal({ start: 0, end: 3, firstSeq: 100, last: 2 })
    expect(messages.map((message) => [message.seq, message.flags & NLM_F_ACK])).to.deep.equal([
      [100, 0],
      [101, 0],
      [102, NLM_F_ACK],
    ])
  })

  it('goes on where the last send ended, and stops at its limit', () => {
    const { packed, messages } = pack([1, 2, 3, 4, 5].map(request), 2, 2)
    expect(packed).to.deep.equal({ start: 2, end: 4, firstSeq: 100, last: 3 })
    expect(messages.map((message) => message.payload[0])).to.deep.equal([3, 4])
  })

  it('leaves out a request that cannot be written, wherever it stands', () => {
    for (const at of [0, 1, 2]) {
      const requests = [request(1), request(2)]
      requests.splice(at, 0, bad)
      const { packed, outcomes, messages } = pack(requests)
      expect(messages).to.have.length(2)
      expect(messages[1]!.flags & NLM_F_ACK).to.equal(NLM_F_ACK)
      expect(outcomes[at]?.message).to.equal('BAD: EINVAL: not an IPv4 address: 1.2')
      expect(noteReply(reply(100 + (packed.last ?? 0), 0), packed, requests, outcomes)).to.equal(true)
    }
    expect(pack([bad]).packed.last).to.equal(undefined)
  })

  it('matches replies to requests by their numbers and passes over others', () => {
    const requests = [request(1), request(2), request(3)]
    const { packed, outcomes } = pack(requests)
    expect(noteReply(reply(99, 17), packed, requests, outcomes)).to.equal(false)
    expect(noteReply(reply(101, 17), packed, requests, outcomes)).to.equal(false)
    expect(noteReply(reply(102, 0), packed, requests, outcomes)).to.equal(true)
    expect(outcomes.map((outcome) => outcome?.message ?? 'ok')).to.deep.equal(['ok', 'CALL 2: EEXIST', 'ok'])
  })

  it('blames what was lost on every request without an outcome', () => {
    const requests = [request(1), request(2)]
    const { packed, outcomes } = pack(requests)
    noteReply(reply(100, 17), packed, requests, outcomes)
    blame(105, packed, requests, outcomes)
    expect(outcomes.map((outcome) => outcome?.code)).to.deep.equal(['EEXIST', 'ENOBUFS'])
  })
})
