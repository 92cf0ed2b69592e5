// Wrong environments, versions and inputs for the comparison with the reference plugins: status and code of the answer.

import type { Call } from '../../packages/cni/testing/world.ts'

export interface ProtocolCase {
  readonly name: string
  readonly plugin: 'bridge' | 'host-local' | 'loopback' | 'portmap'
  readonly call: (data: string) => Call
  /** What of our answer is another one on purpose. */
  readonly better?: { readonly why: string; readonly ours: object }
}

const VARIABLES = ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH']
const COMPLETE: Readonly<Record<string, string>> = {
  CNI_CONTAINERID: 'c1',
  CNI_NETNS: '/var/run/netns/never-was',
  CNI_IFNAME: 'eth0',
  CNI_PATH: '/opt/cni/bin',
}

const config = (data: string, changes: object = {}) => ({
  cniVersion: '1.1.0',
  name: 'side',
  type: 'host-local',
  ipam: { type: 'host-local', dataDir: data, ranges: [[{ subnet: '10.50.0.0/24' }]] },
  ...changes,
})

const withEnvironment = (
  name: string,
  command: string,
  environment: Readonly<Record<string, string>>,
  changes: object = {},
): ProtocolCase => ({
  name,
  plugin: 'host-local',
  call: (data) => ({
    command,
    config: config(data, changes),
    environment: { ...environment, CNI_COMMAND: command },
  }),
})

const without = (name: string) => Object.fromEntries(Object.entries(COMPLETE).filter(([key]) => key !== name))

const missing = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS'].flatMap((command) =>
  VARIABLES.map((variable) => withEnvironment(`${command} without ${variable}`, command, without(variable))),
)

const malformed = [
  { CNI_CONTAINERID: '../x' },
  { CNI_CONTAINERID: '-x' },
  { CNI_IFNAME: 'a/b' },
  { CNI_IFNAME: '..' },
  { CNI_IFNAME: 'x'.repeat(16) },
  { CNI_IFNAME: 'a b' },
].map((change) =>
  withEnvironment(`ADD with ${JSON.stringify(change)}`, 'ADD', { ...COMPLETE, ...change } as typeof COMPLETE),
)

const versions = ['0.1.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0', '9.0.0', 'x', ''].flatMap((cniVersion) =>
  ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS'].map((command) =>
    withEnvironment(`${command} in version '${cniVersion}'`, command, COMPLETE, { cniVersion }),
  ),
)

const withInput = (name: string, command: string, input: string): ProtocolCase => ({
  name,
  plugin: 'bridge',
  call: () => ({ command, config: input, environment: { ...COMPLETE, CNI_COMMAND: command } }),
})

const inputs = [
  '',
  '{',
  'null',
  '[]',
  '7',
  '{"cniVersion":7}',
  '{"cniVersion":"1.0.0"}',
  '{"name":7}',
  '{"name":"a/b"}',
].flatMap((input) => [withInput(`ADD of ${input || 'nothing'}`, 'ADD', input)])

const DEL_OF_NOTHING = {
  why: 'a namespace that is none is a container that is gone: DEL succeeds, so that the runtime does not try forever',
  ours: { status: 0, code: undefined },
}

const inNamespace = (plugin: 'bridge' | 'loopback', command: string, netns: string): ProtocolCase => ({
  name: `${plugin} ${command} in ${netns}`,
  plugin,
  call: () => ({
    command,
    config: { cniVersion: '1.0.0', name: 'side', type: plugin, bridge: 'side0' },
    environment: { ...COMPLETE, CNI_COMMAND: command, CNI_NETNS: netns },
  }),
  ...(command === 'DEL' && netns === '/dev/null' ? { better: DEL_OF_NOTHING } : {}),
})

// Not ADD in the plugin's own namespace: the reference refuses it once it has done it, and prints a result and an error.
const namespaces: ProtocolCase[] = (['bridge', 'loopback'] as const).flatMap((plugin) => [
  ...['ADD', 'DEL', 'CHECK'].flatMap((command) =>
    ['/var/run/netns/never-was', '/dev/null'].map((netns) => inNamespace(plugin, command, netns)),
  ),
  inNamespace(plugin, 'DEL', '/proc/self/ns/net'),
])

export const PROTOCOL_CASES: readonly ProtocolCase[] = [
  ...missing,
  ...malformed,
  ...versions,
  ...inputs,
  ...namespaces,
  withEnvironment('a command that there is none of', 'REMOVE', COMPLETE),
  withEnvironment('VERSION', 'VERSION', {}),
]
