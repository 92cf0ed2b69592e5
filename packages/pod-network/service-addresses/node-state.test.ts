import { expect } from 'chai'
import { type NodeState, nextNodeState } from './node-state.ts'

describe('a node as clients of service addresses see it', () => {
  const SECOND = 1000
  /** @param facts seconds, and why the node is to be left or does not work */
  const walk = (...facts: readonly (readonly [number, (string | undefined)?, (string | undefined)?])[]) => {
    let state: NodeState | undefined
    return facts.map(([at, leaving, broken]) => {
      state = nextNodeState(state, { leaving, broken, now: at * SECOND, drain: 30 * SECOND })
      return state.kind
    })
  }

  it('says that it is to be left before it withdraws, and comes back at once (A1)', () => {
    const states = walk([0], [1, 'drained'], [30, 'drained'], [31, 'drained'], [32])
    expect(states).to.deep.equal(['in', 'leaving', 'leaving', 'out', 'in'])
  })

  it('stays out where it was to be left from the start, and counts from the first reason', () => {
    expect(walk([0, 'not ready'], [90, 'not ready'])).to.deep.equal(['out', 'out'])
    expect(walk([0], [1, 'not ready'], [20, 'drained'], [31, 'drained'])).to.deep.equal([
      ...['in', 'leaving', 'leaving', 'out'],
    ])
  })

  it('withdraws at once where nothing works', () => {
    expect(walk([0], [1, undefined, 'no IPVS'], [2])).to.deep.equal(['in', 'out', 'in'])
  })
})
