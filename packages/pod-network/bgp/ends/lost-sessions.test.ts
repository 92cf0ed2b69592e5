import { expect } from 'chai'
import { LostSessions } from './lost-sessions.ts'

describe('sessions that were lost', () => {
  it('are known for as long as that matters, counted from their last loss', () => {
    const sessions = new LostSessions()
    for (const [peer, now] of [
      ['a', 0],
      ['b', 10],
      ['a', 20],
    ] as const)
      sessions.lost(peer, now, 100)
    sessions.lost('c', 111, 100)
    expect(['a', 'b', 'c'].map((peer) => sessions.lostAt(peer))).to.deep.equal([20, undefined, 111])
    sessions.lost('d', 121, 100)
    sessions.established('c')
    expect(['a', 'c', 'd'].map((peer) => sessions.lostAt(peer))).to.deep.equal([undefined, undefined, 121])
  })
})
