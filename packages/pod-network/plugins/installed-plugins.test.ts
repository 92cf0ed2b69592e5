import { PLUGIN_MARK } from '@podroute/kernel/files/plugin-mark.ts'
import { expect } from 'chai'
import { testNode } from '../testing/fixtures.ts'
import { World } from '../testing/world.ts'
import { PLUGIN_FOLDER } from './installed-plugins.ts'

const at = (name: string) => `${PLUGIN_FOLDER}/${name}`
const NAMES = ['bridge', 'host-local', 'loopback', 'portmap']

describe('the CNI plugins on the node', () => {
  let world: World
  const condition = () => world.network.conditions().find(({ name }) => name === 'cni-plugins')
  const put = (name: string, text: string) => world.kernel.files.write(at(name), text, 0o755)
  const install = async () => {
    await put('podroute-cni', PLUGIN_MARK)
    for (const name of NAMES) world.kernel.files.link(at('podroute-cni'), at(name))
  }
  const nextLook = () => world.settle(60_100)

  beforeEach(() => {
    world = new World()
  })
  afterEach(() => world[Symbol.asyncDispose]())

  it('are podroute’s, as links to one file or as copies of it', async () => {
    await install()
    await world.start(testNode(1))
    expect(condition()).to.deep.include({ ok: true, advisory: true })
    for (const name of NAMES) await put(name, PLUGIN_MARK)
    await nextLook()
    expect(condition()).to.include({ ok: true })
    expect(world.events).to.deep.equal([])
  })

  it('are said once where a package has put its own over them, and are well when they are back', async () => {
    await install()
    await world.start(testNode(1))
    await put('bridge', 'of a package')
    await put('portmap', 'of a package')
    for (let looks = 0; looks < 3; looks++) await nextLook()
    expect(condition()).to.include({ ok: false, advisory: true })
    expect(condition()?.detail)
      .to.include(
        '/opt/cni/bin has a package’s bridge, portmap in place of podroute’s: new pods start without source',
      )
      .and.to.include('delete pod -l app=podroute --field-selector spec.nodeName=node-1')
    expect(world.events.map(({ reason, type }) => [reason, type])).to.deep.equal([
      ['OtherPlugins', 'Warning'],
    ])
    await put('bridge', PLUGIN_MARK)
    await nextLook()
    expect(condition()?.detail).to.include('a package’s portmap in place of podroute’s. The next agent')
    await install()
    await nextLook()
    expect(condition()).to.include({ ok: true })
  })

  it('are missed one by one, not where the agent does not see the folder', async () => {
    await world.start(testNode(1))
    expect(condition()).to.include({ ok: true })
    await install()
    await world.kernel.files.remove(at('loopback'))
    await nextLook()
    expect(condition()?.detail).to.include('no loopback: new pods do not start')
  })

  it('are another one’s business where that gives pods their interfaces', async () => {
    world = new World({ cni: false })
    await install()
    await put('bridge', 'of a package')
    await world.start(testNode(1))
    expect(condition()).to.include({ ok: true })
    expect(world.events).to.deep.equal([])
  })
})
