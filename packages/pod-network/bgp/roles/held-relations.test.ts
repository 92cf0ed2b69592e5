import { expect } from 'chai'
import { DEADLINE, HeldRelations, LINGER } from './held-relations.ts'
import { NO_RELATION } from './topology.ts'

const MESH = { session: true, client: false, believed: false }
const CLIENT = { session: true, client: true, believed: false }
const SERVER = { session: true, client: false, believed: true }
const up = (time: number) => ({ time, established: true })
const never = () => false
const always = () => true

describe('relations that are given up', () => {
  let held: HeldRelations
  beforeEach(() => {
    held = new HeldRelations()
  })

  it('become more at once', () => {
    held.update('b', MESH, up(0))
    expect(held.update('b', CLIENT, up(1))).to.deep.equal(CLIENT)
    expect(held.isSurplus('b')).to.equal(false)
  })

  it('become less once all that is wanted is there and the others had the time to see it', () => {
    held.update('b', MESH, up(0))
    expect(held.update('b', NO_RELATION, up(1000))).to.deep.equal(MESH)
    expect(held.pause(1000, never)).to.equal(LINGER)
    expect(held.release(LINGER, always, never)).to.deep.equal([])
    expect(held.release(1000 + LINGER, never, never)).to.deep.equal([])
    expect(held.release(1000 + LINGER, always, never)).to.deep.equal(['b'])
    expect(held.update('b', NO_RELATION, up(2000 + LINGER))).to.deep.equal(NO_RELATION)
    expect(held.pause(2000 + LINGER, never)).to.equal(undefined)
  })

  it('become less at the deadline, whatever is missing', () => {
    held.update('b', CLIENT, up(0))
    held.update('b', SERVER, up(0))
    expect(held.reflects).to.equal(true)
    expect(held.release(DEADLINE, never, never)).to.deep.equal(['b'])
    expect(held.update('b', SERVER, up(DEADLINE))).to.deep.equal(SERVER)
    expect(held.reflects).to.equal(false)
  })

  it('keep no session that is down', () => {
    held.update('b', MESH, up(0))
    expect(held.update('b', NO_RELATION, { time: 1, established: false })).to.deep.equal(NO_RELATION)
  })

  it('are as before when the change is taken back meanwhile', () => {
    held.update('b', MESH, up(0))
    held.update('b', NO_RELATION, up(1))
    expect(held.update('b', MESH, up(2))).to.deep.equal(MESH)
    expect(held.release(DEADLINE, always, never)).to.deep.equal([])
  })

  it('keep sessions for as long as they last near the threshold, and no part in them', () => {
    held.update('b', MESH, up(0))
    held.update('b', NO_RELATION, up(0))
    held.update('c', CLIENT, up(0))
    held.update('c', NO_RELATION, up(0))
    expect(held.release(DEADLINE, always, always)).to.deep.equal(['c'])
    expect(held.update('b', NO_RELATION, up(DEADLINE))).to.deep.equal(MESH)
    expect(held.update('c', NO_RELATION, up(DEADLINE))).to.deep.equal(MESH)
    expect(held.pause(DEADLINE, always)).to.equal(undefined)
    expect(held.release(2 * DEADLINE, always, never)).to.have.members(['b', 'c'])
    expect(held.update('b', NO_RELATION, up(2 * DEADLINE))).to.deep.equal(NO_RELATION)
  })
})
