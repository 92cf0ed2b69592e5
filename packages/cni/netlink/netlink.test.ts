import { expect } from 'chai'
import type { System } from '../system.ts'
import { Netlink } from './netlink.ts'
import {
  type Bytes,
  decode,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  u16,
  u32,
} from './wire.ts'

const ENTRY = 20

describe('dumps of the plugins', () => {
  it('are read anew when the table changed meanwhile: an entry may be missing', () => {
    const { netlink, sent } = kernel((attempt) => [
      message(ENTRY, 0, 'one!'),
      message(NLMSG_DONE, attempt < 2 ? NLM_F_DUMP_INTR : 0, u32(0)),
    ])
    expect(netlink.dump({ type: 18, flags: 0, body: '' })).to.have.length(1)
    expect(sent()).to.equal(3)
  })

  it('are given up when it changes all the time', () => {
    const { netlink } = kernel(() => [message(ENTRY, NLM_F_DUMP_INTR, ''), message(NLMSG_DONE, 0, u32(0))])
    expect(() => netlink.dump({ type: 18, flags: 0, body: '' })).to.throw('EINTR (the table changed')
  })
})

describe('requests of the plugins', () => {
  const RTM_NEWLINK = 16
  const RTM_GETLINK = 18
  const request = (type: number) => ({ type, flags: 0, body: '' })
  const refusal = message(NLMSG_ERROR, 0, u32(-17) + '\0'.repeat(16))
  const done = message(NLMSG_ERROR, 0, u32(0) + '\0'.repeat(16))

  it('ask for an answer of the last one only: who is refused says so unasked', () => {
    const { netlink, requests } = kernel(() => [
      { ...refusal, of: 1 },
      { ...done, of: 2 },
    ])
    const replies = netlink.exchange([RTM_NEWLINK, RTM_NEWLINK, RTM_NEWLINK].map(request))
    expect(requests().map(({ flags }) => flags & NLM_F_ACK)).to.deep.equal([0, 0, NLM_F_ACK])
    expect(replies.map(({ error }) => error?.code)).to.deep.equal([undefined, 'EEXIST', undefined])
  })

  it('that ask for something need no acknowledgement', () => {
    const { netlink, requests } = kernel(() => [message(RTM_NEWLINK, 0, 'link')])
    const [reply] = netlink.exchange([request(RTM_GETLINK)])
    expect(requests()[0]!.flags & NLM_F_ACK).to.equal(0)
    expect(reply!.messages).to.have.length(1)
    const refusing = kernel(() => [refusal])
    expect(refusing.netlink.exchange([request(RTM_GETLINK)])[0]!.error?.code).to.equal('EEXIST')
  })

  it('of which there are none are not sent', () => {
    const { netlink, sent } = kernel(() => [])
    expect(netlink.exchange([])).to.deep.equal([])
    expect(sent()).to.equal(0)
  })
})

/** Without the sequence number, which the answer has from its request: the first one unless it says which. */
interface Answer {
  readonly type: number
  readonly flags: number
  readonly body: Bytes
  readonly of?: number
}

function message(type: number, flags: number, body: Bytes): Answer {
  return { type, flags, body }
}

function kernel(answers: (attempt: number) => readonly Answer[]) {
  let sent = 0
  let requests: Message[] = []
  const system = {
    netlinkSocket: () => 3,
    send: (_socket, datagram) => {
      sent++
      requests = decode(Buffer.from(datagram, 'latin1'))
    },
    receive: () =>
      Buffer.from(
        answers(sent - 1)
          .map(({ type, flags, body, of = 0 }) => {
            const sequence = requests[0]!.sequence + of
            return u32(16 + body.length) + u16(type) + u16(flags) + u32(sequence) + u32(0) + body
          })
          .join(''),
        'latin1',
      ),
  } satisfies Partial<System>
  return { netlink: new Netlink(system as unknown as System), sent: () => sent, requests: () => requests }
}
