import { expect } from 'chai'
import { BgpConfigError } from '../errors.ts'
import { canonicalAddress, changeSession, validateSession } from './config.ts'

function problemsOf(run: () => unknown): string[] {
  try {
    run()
  } catch (error) {
    if (error instanceof BgpConfigError) return error.problems.map(({ path }) => path)
    throw error
  }
  return []
}

describe('the configuration of a BFD session', () => {
  it('has defaults: 300 ms three times, port 3784', () => {
    expect(validateSession({ peer: '10.0.0.2', local: '10.0.0.1' })).to.deep.equal({
      peer: '10.0.0.2',
      local: '10.0.0.1',
      port: 3784,
      sourcePort: undefined,
      parameters: { desiredMinTx: 300, requiredMinRx: 300, detectMultiplier: 3 },
      adminDown: false,
    })
  })

  it('reports every problem with its path', () => {
    const bad = {
      peer: 'node-2',
      local: '::1%',
      port: 0,
      sourcePort: 3784,
      desiredMinTx: 9,
      requiredMinRx: 1.5,
    }
    expect(problemsOf(() => validateSession({ ...bad, detectMultiplier: 256 }))).to.deep.equal([
      'peer',
      'local',
      'port',
      'sourcePort',
      'desiredMinTx',
      'requiredMinRx',
      'detectMultiplier',
    ])
  })

  it('wants both addresses of one family', () => {
    expect(problemsOf(() => validateSession({ peer: '10.0.0.2', local: 'fd00::1' }))).to.deep.equal(['local'])
  })

  it('changes only what is said', () => {
    const session = validateSession({ peer: '10.0.0.2', local: '10.0.0.1', desiredMinTx: 50 })
    expect(changeSession(session, { detectMultiplier: 5, adminDown: true })).to.deep.include({
      parameters: { desiredMinTx: 50, requiredMinRx: 300, detectMultiplier: 5 },
      adminDown: true,
    })
    expect(problemsOf(() => changeSession(session, { requiredMinRx: 70_000 }))).to.deep.equal([
      'requiredMinRx',
    ])
  })

  it('writes addresses as the kernel does, and keeps the zone of a link-local one', () => {
    expect(canonicalAddress('FD00:0:0::1')).to.equal('fd00::1')
    expect(canonicalAddress('fe80:0::1%eth0')).to.equal('fe80::1%eth0')
    expect(canonicalAddress('10.0.0.1%eth0')).to.equal(undefined)
  })
})
