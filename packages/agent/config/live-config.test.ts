import { silent } from '@podroute/reconcile/log.ts'
import { expect } from 'chai'
import { ConfigError } from '../errors.ts'
import { type ConfigTexts, LiveConfig } from './live-config.ts'
import type { Config, ReadFile } from './load.ts'

/** A configuration of one key: any number is good. */
function load(read: ReadFile): Config {
  const text = read('config.yaml')
  if (text === 'fault') throw new TypeError('a fault of ours')
  const secret = text.includes('secret') ? read('secret') : ''
  if (!/^\d/.test(text)) throw new ConfigError([`asn: ${text} is no number`])
  return { features: new Map([['toy', `${text} ${secret}`]]) } as unknown as Config
}

function setup(files: Record<string, string>, lastGood?: ConfigTexts, strict = false) {
  const said: string[] = []
  const state = { files, lastGood, notLive: [] as string[] }
  const live = new LiveConfig({
    load,
    read(path) {
      const text = state.files[path]
      if (text === undefined) throw new ConfigError([`cannot read ${path}`])
      return text
    },
    store: {
      load: () => state.lastGood,
      save(texts) {
        state.lastGood = texts
      },
    },
    log: silent,
    strict,
    apply(config) {
      said.push(`apply ${config.features.get('toy')}`)
      return state.notLive
    },
    refused: (problems) => void said.push(`refused ${problems.join()}`),
  })
  return { live, said, state }
}

describe('the live configuration', () => {
  it('hands on what is different, and nothing when a file was only touched', () => {
    const { live, said, state } = setup({ 'config.yaml': '1' })
    live.start()
    live.reload()
    expect(said).to.deep.equal([])
    state.files = { 'config.yaml': '2' }
    live.reload()
    live.reload()
    expect(said).to.deep.equal(['apply 2 '])
  })

  it('goes on with the last good one when a new one is wrong, says so once, and takes the next good one', () => {
    const { live, said, state } = setup({ 'config.yaml': '1' })
    live.start()
    state.files = { 'config.yaml': 'x' }
    live.reload()
    live.reload()
    expect(said).to.deep.equal(['refused asn: x is no number'])
    expect(live.condition()).to.deep.include({ ok: false, detail: 'asn: x is no number', advisory: true })
    state.files = { 'config.yaml': '1' }
    live.reload()
    expect(live.condition().ok).to.equal(true)
    expect(said).to.have.length(1)
    state.files = { 'config.yaml': '3' }
    live.reload()
    expect(said.at(-1)).to.equal('apply 3 ')
  })

  it('starts with the last good one where the new one is wrong', () => {
    const { live, said } = setup({ 'config.yaml': 'x' }, { 'config.yaml': '7' })
    expect(live.start().features.get('toy')).to.equal('7 ')
    expect(said).to.deep.equal(['refused asn: x is no number'])
    expect(live.files()).to.deep.equal(['config.yaml'])
  })

  it('does not start where neither is good', () => {
    expect(() => setup({ 'config.yaml': 'x' }).live.start()).to.throw(ConfigError)
    expect(() => setup({ 'config.yaml': 'x' }, { 'config.yaml': 'y' }).live.start()).to.throw(ConfigError)
    expect(() => setup({ 'config.yaml': 'x' }, {}).live.start()).to.throw(ConfigError)
  })

  it('does not start with the last good one where it is strict', () => {
    expect(() => setup({ 'config.yaml': 'x' }, { 'config.yaml': '7' }, true).live.start()).to.throw(
      ConfigError,
    )
  })

  it('goes on, too, when reading it fails in a way that nobody thought of', () => {
    const { live, said, state } = setup({ 'config.yaml': '1' })
    live.start()
    state.files = { 'config.yaml': 'fault' }
    live.reload()
    expect(said).to.deep.equal(['refused a fault of ours'])
    expect(live.config.features.get('toy')).to.equal('1 ')
  })

  it('follows a secret, and names a file that is missing among those to watch', () => {
    const { live, said, state } = setup({ 'config.yaml': '1 secret', secret: 'a' })
    live.start()
    state.files = { 'config.yaml': '1 secret', secret: 'b' }
    live.reload()
    expect(said).to.deep.equal(['apply 1 secret b'])
    state.files = { 'config.yaml': '1 secret' }
    live.reload()
    expect(live.files()).to.deep.equal(['config.yaml', 'secret'])
    expect(live.condition().ok).to.equal(false)
  })

  it('says what cannot change on a running node, until that is taken back', () => {
    const { live, state } = setup({ 'config.yaml': '1' })
    live.start()
    state.notLive = ['podNetwork.bridge: drain the node and restart the agent']
    state.files = { 'config.yaml': '2' }
    live.reload()
    expect(live.condition()).to.deep.include({ ok: false, detail: state.notLive[0] })
    state.notLive = []
    state.files = { 'config.yaml': '1' }
    live.reload()
    expect(live.condition().ok).to.equal(true)
  })
})
