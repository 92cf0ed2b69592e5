import { expect } from 'chai'
import type { System } from '../system.ts'
import { Netlink } from './netlink.ts'
import { type Bytes, NLM_F_DUMP_INTR, NLMSG_DONE, u16, u32 } from './wire.ts'

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

/** Without the sequence number, which the answer has from the request. */
interface Answer {
  readonly type: number
  readonly flags: number
  readonly body: Bytes
}

function message(type: number, flags: number, body: Bytes): Answer {
  return { type, flags, body }
}

function kernel(answers: (attempt: number) => readonly Answer[]) {
  let sent = 0
  const system = {
    netlinkSocket: () => 3,
    send: () => void sent++,
    receive: () =>
      Buffer.from(
        answers(sent - 1)
          .map(
            ({ type, flags, body }) =>
              u32(16 + body.length) + u16(type) + u16(flags) + u32(sent) + u32(0) + body,
          )
          .join(''),
        'latin1',
      ),
  } satisfies Partial<System>
  return { netlink: new Netlink(system as unknown as System), sent: () => sent }
}
