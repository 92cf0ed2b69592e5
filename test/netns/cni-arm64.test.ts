import { rmSync } from 'node:fs'
import { describeBridge } from '../../packages/cni/testing/bridge-suite.ts'
import { describeProtocol } from '../../packages/cni/testing/protocol-suite.ts'
import { buildPlugins, NetnsWorld } from './cni-world.ts'

// host-local runs within bridge.
describe('CNI plugins built for arm64, under an emulator', function () {
  this.timeout(60_000)
  let plugins = ''
  let world: NetnsWorld
  before(() => {
    plugins = buildPlugins('arm64')
  })
  after(() => rmSync(plugins, { recursive: true, force: true }))
  beforeEach(() => {
    world = new NetnsWorld(plugins, 'qemu-aarch64-static')
  })
  afterEach(() => world.dispose())
  describeProtocol(() => world)
  describeBridge(() => world)
})
