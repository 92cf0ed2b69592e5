import { expect } from 'chai'
import { FEATURES } from '../features.ts'
import { parseFlags } from './flags.ts'
import { configValues } from './values.ts'

const sections = FEATURES.map(({ section }) => section)
const overridesOf = (...args: string[]) => parseFlags(['--node-name', 'n', ...args], {}, sections).overrides

describe('values of the configuration', () => {
  const text = `
asn: 65001
bgp: {mesh: true, gracefulRestart: {timeSeconds: 60}}
peers: [{address: 192.0.2.1, asn: 65000, password: secret}]
`
  const values = configValues(text, overridesOf('--run-pod-network=false', '--bgp-port=1790'), FEATURES)
  const valueAt = (path: string) => values.find((value) => value.path === path)

  it('come from the file, from flags, or are the default', () => {
    expect(valueAt('asn')).to.deep.include({ value: 65001, from: 'file' })
    expect(valueAt('bgp.gracefulRestart.timeSeconds')).to.deep.include({ value: 60, from: 'file' })
    expect(valueAt('bgp.gracefulRestart.enabled')).to.deep.include({ value: true, from: 'default' })
    expect(valueAt('bgp.holdTimeSeconds')).to.deep.include({ value: 90, from: 'default' })
    expect(valueAt('podNetwork.enabled')).to.deep.include({ value: false, from: 'flags' })
    expect(valueAt('bgp.port')).to.deep.include({ value: 1790, from: 'flags' })
  })

  it('are the file’s where it says what is the default anyway', () => {
    expect(valueAt('bgp.mesh')).to.deep.include({ value: true, from: 'file' })
  })

  it('hide what is secret', () => {
    expect(JSON.stringify(values)).to.include('(hidden)')
    expect(JSON.stringify(values)).to.not.include('"secret"')
    expect(valueAt('peers')?.value).to.have.nested.property('[0].asn', 65000)
  })

  it('are all there for an empty file, and none for one that cannot be used', () => {
    expect(configValues('', [], FEATURES).every(({ from }) => from === 'default')).to.equal(true)
    expect(configValues('', [], FEATURES).map(({ path }) => path)).to.include('log.level')
    expect(configValues('asn: x', [], FEATURES)).to.deep.equal([])
  })
})
