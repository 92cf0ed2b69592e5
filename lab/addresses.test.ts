import { expect } from 'chai'
import { nodeCount } from './addresses.ts'

describe('the number of nodes', () => {
  it('is three, or what the environment asks for', () => {
    expect([nodeCount({}), nodeCount({ PODROUTE_LAB_NODES: '6' })]).to.deep.equal([3, 6])
  })

  it('is refused where there are no addresses for them', () => {
    for (const text of ['0', '21', '2.5', 'many']) {
      expect(() => nodeCount({ PODROUTE_LAB_NODES: text }), text).to.throw(`"${text}": 1 to 20 nodes`)
    }
  })
})
