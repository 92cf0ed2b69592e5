import { describeBridge } from './testing/bridge-suite.ts'
import { FakeWorld } from './testing/fake-world.ts'
import { describeFilters } from './testing/filters-suite.ts'
import { describeHostLocal } from './testing/host-local-suite.ts'
import { describeLeases } from './testing/lease-suite.ts'
import { describeProtocol } from './testing/protocol-suite.ts'

describe('CNI plugins on the fake kernel', () => {
  let world = new FakeWorld()
  beforeEach(() => {
    world = new FakeWorld()
  })
  describeProtocol(() => world)
  describeHostLocal(() => world)
  describeLeases(() => world)
  describeBridge(() => world)
  describeFilters(() => world)
})
