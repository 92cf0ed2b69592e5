import { rmSync } from 'node:fs'
import { describeBridge } from '../../packages/cni/testing/bridge-suite.ts'
import { describeFilters } from '../../packages/cni/testing/filters-suite.ts'
import { describeHostLocal } from '../../packages/cni/testing/host-local-suite.ts'
import { describeLeases } from '../../packages/cni/testing/lease-suite.ts'
import { describeProtocol } from '../../packages/cni/testing/protocol-suite.ts'
import { buildPlugins, NetnsWorld } from './cni-world.ts'

describe('CNI plugins as the executable on the real kernel', () => {
  let plugins = ''
  let world: NetnsWorld
  before(() => {
    plugins = buildPlugins()
  })
  after(() => rmSync(plugins, { recursive: true, force: true }))
  beforeEach(() => {
    world = new NetnsWorld(plugins)
  })
  afterEach(() => world.dispose())
  describeProtocol(() => world)
  describeHostLocal(() => world)
  describeLeases(() => world)
  describeBridge(() => world)
  describeFilters(() => world)
})
