import { expect } from 'chai'
import { affinityOfName } from './affinity.ts'

describe('names of short affinities', () => {
  it('say what they are for', () => {
    expect(['service-vips-4', 'affinity-udp-fd10_96__a-53'].map(affinityOfName)).to.deep.equal([
      undefined,
      { family: 6, protocol: 'udp', address: 'fd10:96::a', port: 53 },
    ])
  })
})
