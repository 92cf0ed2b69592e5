import { rmSync } from 'node:fs'
import { expect } from 'chai'
import { buildReferencePlugins } from '../../lab/tools/reference-plugins.ts'
import { CASES } from './cni-cases.ts'
import { PROTOCOL_CASES } from './cni-protocol-cases.ts'
import { describeSideBySide } from './cni-side-by-side.ts'
import { buildPlugins, NetnsWorld } from './cni-world.ts'

describe('CNI plugins side by side with the reference plugins', () => {
  it('compares at least 60 configurations', () => {
    expect(CASES.length).to.be.at.least(60)
    expect(new Set(CASES.map((c) => `${c.plugin} ${c.name} ${c.fails}`)).size).to.equal(CASES.length)
  })

  describeSideBySide(CASES)
})

describe('CNI protocol side by side with the reference plugins', () => {
  let plugins = ''
  let reference = ''
  let world: NetnsWorld
  before(async function () {
    this.timeout(600_000)
    plugins = buildPlugins()
    reference = await buildReferencePlugins()
    world = new NetnsWorld(plugins)
  })
  after(() => {
    world.dispose()
    rmSync(plugins, { recursive: true, force: true })
  })

  for (const { name, plugin, call, better } of PROTOCOL_CASES)
    it(name, () => {
      const [ours, theirs] = [plugins, reference].map((directory) => {
        const { status, json } = world.run(
          plugin,
          call(`${world.data}-${directory === plugins ? 'ours' : 'theirs'}`),
          directory,
        )
        // The reference's errors do not say the version, which the specification asks for.
        return { status, code: json?.code }
      })
      if (better === undefined) expect(ours).to.deep.equal(theirs)
      else expect(ours, better.why).to.deep.equal({ ...theirs, ...better.ours })
    })
})
