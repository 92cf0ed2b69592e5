import { expect } from 'chai'
import { nearestName } from './nearest-name.ts'

const KEYS = ['asn', 'peers', 'bgp', 'podNetwork', 'serviceProxy', 'health', 'metrics', 'log']

describe('the nearest valid name', () => {
  it('ignores case, and takes swapped, missing and added letters for slips', () => {
    expect(nearestName('serviceproxy', KEYS)).to.equal('serviceProxy')
    expect(nearestName('podnetwrok', KEYS)).to.equal('podNetwork')
    expect(nearestName('peer', KEYS)).to.equal('peers')
    expect(nearestName('assn', KEYS)).to.equal('asn')
    expect(nearestName('healht', KEYS)).to.equal('health')
  })

  it('is none where nothing is near', () => {
    expect(nearestName('networkPolicy', KEYS)).to.equal(undefined)
    expect(nearestName('x', KEYS)).to.equal(undefined)
    expect(nearestName('anything', [])).to.equal(undefined)
  })

  it('is the nearer of two', () => {
    expect(nearestName('keepRoutes', ['keepRoutesSeconds', 'peerRoutes'])).to.equal('peerRoutes')
  })
})
