import { expect } from 'chai'
import { labFamilies, nodeCount } from './addresses.ts'

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

describe('the families of the lab', () => {
  it('are both, or the one that the environment asks for', () => {
    const asked = (PODROUTE_LAB_FAMILY: string) => labFamilies({ PODROUTE_LAB_FAMILY })
    expect([labFamilies({}), asked('4'), asked('6')]).to.deep.equal([[4, 6], [4], [6]])
    expect(() => asked('5')).to.throw('"5": 4, 6 or both')
  })
})
