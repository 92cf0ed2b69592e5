// bridge: connects a container to a bridge of the host by a veth pair.

import { hostLocal } from '../host-local/plugin.ts'
import { Ipam } from '../protocol/delegate.ts'
import type { Invocation } from '../protocol/invocation.ts'
import type { Plugin } from '../protocol/plugin.ts'
import type { System } from '../system.ts'
import { add } from './add.ts'
import { check } from './check.ts'
import { readConfig } from './configuration.ts'
import { del, gc } from './del.ts'

function status(system: System, invocation: Invocation): void {
  const config = readConfig(invocation)
  if (config.ipamType !== '') new Ipam(system, invocation, config.ipamType, [hostLocal]).status()
}

export const bridge: Plugin = { name: 'bridge', add, del, check, gc, status }
