import type { NodeObject } from '@podroute/cluster/objects/node.ts'
import { expect } from 'chai'
import { testNode } from '../testing/fixtures.ts'
import { LeftNodes, MOST, RETURNED_FOR } from './left-nodes.ts'

const LABEL = 'example.com/leave'
const DRAIN = { taints: [], labels: [{ key: LABEL }] }
const LEFT = { labels: { [LABEL]: '' } }

describe('nodes that are left', () => {
  let saved: readonly string[]
  let left: LeftNodes

  const start = (kept: readonly string[] = []) => {
    saved = kept
    left = new LeftNodes({
      load: () => saved,
      save: (names) => {
        saved = names
      },
    })
  }
  const set = (n: number, overrides: Partial<NodeObject> = {}, now = 0) =>
    left.set(`node-${n}`, testNode(n, overrides), DRAIN, now)
  const after = (name: string) => left.after(name).map((node) => node.name)
  beforeEach(() => start())

  it('are handed on to in the order of their names, by each of them to those after it, by the last to nobody', () => {
    for (const n of [7, 1, 4]) set(n, LEFT)
    for (const n of [2, 3]) set(n)
    expect(after('node-2')).to.deep.equal(['node-1', 'node-4', 'node-7'])
    expect(after('node-1')).to.deep.equal(['node-4', 'node-7'])
    expect(after('node-7')).to.deep.equal([])
  })

  it('end with as many as the TTL of a packet may be taken for, and never lead back', () => {
    for (let n = 1; n <= 2 * MOST; n++) set(n, LEFT)
    set(99)
    for (const from of ['node-1', `node-${2 * MOST}`, 'node-99']) {
      const met: string[] = []
      for (let at: string | undefined = from; at !== undefined; [at] = after(at)) {
        expect(met).to.not.include(at)
        met.push(at)
      }
      expect(met.length).to.be.at.most(MOST + 1)
    }
  })

  it('are none of those that are not ready, but for a machine that shuts down', () => {
    set(1, { ...LEFT, ready: false })
    set(2, { ready: false, ending: 'shutdown' })
    set(3, { ending: 'deletion' })
    expect(after('node-9')).to.deep.equal(['node-2', 'node-3'])
    left.set('node-3', undefined, DRAIN, 0)
    expect(after('node-9')).to.deep.equal(['node-2'])
  })

  it('count for a while after they are back, unless they were not ready', () => {
    set(1, LEFT)
    set(2, LEFT)
    expect(left.expire(5000)).to.equal(undefined)
    set(1, {}, 5000)
    set(2, {}, 6000)
    set(2, { zone: 'other' }, 7000)
    expect(after('node-9')).to.deep.equal(['node-1', 'node-2'])
    expect(left.expire(5000 + RETURNED_FOR)).to.equal(6000 + RETURNED_FOR)
    expect(after('node-9')).to.deep.equal(['node-2'])
    set(2, { ready: false }, 8000)
    set(2, {}, 9000)
    expect(left.size).to.equal(0)
  })

  it('are known to the next agent, for as long again', () => {
    set(1, LEFT)
    set(2)
    set(1, {}, 10)
    expect(saved).to.deep.equal(['node-1'])
    start(saved)
    set(1, {}, 50)
    set(2, {}, 50)
    expect(after('node-9')).to.deep.equal(['node-1'])
    expect(left.expire(50)).to.equal(50 + RETURNED_FOR)
    expect(left.expire(50 + RETURNED_FOR)).to.equal(undefined)
    expect(saved).to.deep.equal([])
  })

  it('that the last agent knew stay known until their Node is told', () => {
    start(['node-1'])
    set(2, LEFT)
    expect(saved).to.deep.equal(['node-1', 'node-2'])
  })
})
