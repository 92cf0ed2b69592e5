// What the executable does, by the name that it was called by. Evaluated once, when it is built (native/heap.c).

import { bridge } from '../bridge/plugin.ts'
import { hostLocal } from '../host-local/plugin.ts'
import { install } from '../install/install.ts'
import { loopback } from '../loopback/plugin.ts'
import { nativeSystem } from '../native-system.ts'
import { portmap } from '../portmap/plugin.ts'
import { prepareNode } from '../prepare-node/prepare-node.ts'
import { runPlugin } from '../protocol/plugin.ts'

/** Kernel modules that the agent's features need, by the build. */
declare const PODROUTE_MODULES: readonly string[]

const PLUGINS = [bridge, hostLocal, loopback, portmap]

const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1)

/** @returns the exit status */
function main(): number {
  const [called = '', command, ...args] = nativeSystem.arguments
  const plugin = PLUGINS.find(({ name }) => name === baseName(called))
  if (plugin !== undefined) return runPlugin(plugin, nativeSystem)
  if (command === 'prepare-node') return prepareNode(nativeSystem, args, PODROUTE_MODULES)
  return install(nativeSystem, command === 'install' ? args : [])
}

Object.assign(globalThis, { main })
