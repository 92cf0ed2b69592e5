/** Command-line flags and environment of the agent: they win over the file. */
import { parseArgs } from 'node:util'
import { canonicalAddress } from '@podroute/address/address.ts'
import type { AnySection } from '@podroute/feature/section.ts'
import { ConfigError } from '../errors.ts'

export interface Flags {
  readonly configFile: string
  readonly nodeName: string
  /** Of both families, where the environment tells them. */
  readonly nodeAddresses: readonly string[]
  readonly kubeconfig: string | undefined
  /** What one run leaves to the next one: the last good configuration, why it ended. */
  readonly stateDirectory: string
  /** End the process when the configuration cannot be used, rather than going on with the last good one. */
  readonly strict: boolean
  /** Keys of the file that flags set, by their path. */
  readonly overrides: readonly (readonly [path: readonly string[], value: unknown])[]
  readonly help: boolean
}

const DEFAULT_CONFIG_FILE = '/etc/podroute/config.yaml'
const DEFAULT_STATE_DIRECTORY = '/run/podroute'

const OWN = {
  config: { type: 'string' },
  'node-name': { type: 'string' },
  kubeconfig: { type: 'string' },
  'state-directory': { type: 'string' },
  'admin-socket': { type: 'string' },
  'log-level': { type: 'string' },
  strict: { type: 'boolean' },
  help: { type: 'boolean' },
} as const

export function usage(sections: Iterable<AnySection>): string {
  const switches = switchesOf(sections).map(
    ([name, path]) => `  ${`--${name}=BOOL`.padEnd(25)} override ${path.join('.')}`,
  )
  return `agent: runs on every node and keeps what the cluster asks for in its kernel, its files and its routers

  --config FILE             configuration (default ${DEFAULT_CONFIG_FILE}; PODROUTE_CONFIG)
  --node-name NAME          name of this Node (NODE_NAME)
  --kubeconfig FILE         reach the API server with this instead of the pod's ServiceAccount (KUBECONFIG)
${switches.join('\n')}
  --admin-socket PATH       override adminSocket
  --log-level LEVEL         override log.level
  --state-directory PATH    what the next run is to know: the last good configuration, why this run ended
                            (default ${DEFAULT_STATE_DIRECTORY})
  --strict                  end when the configuration cannot be used, instead of going on with the last good one
  --help

agent prepare-node OUT KUBECONFIG…, before the agent and with more rights than it has: loads the kernel modules of its features, and writes to the
folder OUT a kubeconfig for each with the API server's address and nothing else.

The configuration is read again whenever its file, or a file that it names, changes; \`podroute status\` says what of it cannot be used.
Exit status: 0 after SIGTERM or SIGINT, 1 when the agent cannot start, 2 when flags or configuration cannot be used.
`
}

/** @throws ConfigError naming every flag that is unknown or has a bad value. */
export function parseFlags(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  sections: Iterable<AnySection>,
): Flags {
  const switches = switchesOf(sections)
  const values = readArgs(
    args,
    switches.map(([name]) => name),
  )
  const problems: string[] = []
  const overrides: [readonly string[], unknown][] = []
  for (const [name, path] of switches) {
    const value = values[name]
    if (value === 'true' || value === 'false') overrides.push([path, value === 'true'])
    else if (value !== undefined) problems.push(`--${name}: true or false, not ${value}`)
  }
  const text = (name: keyof typeof OWN) => values[name] as string | undefined
  if (text('log-level') !== undefined) overrides.push([['log', 'level'], text('log-level')])
  if (text('admin-socket') !== undefined) overrides.push([['adminSocket'], text('admin-socket')])
  const help = values.help === true
  const nodeName = text('node-name') ?? env.NODE_NAME ?? ''
  if (nodeName === '' && !help) problems.push('--node-name (or NODE_NAME): the name of this Node is needed')
  if (problems.length > 0) throw new ConfigError(problems)
  return {
    configFile: text('config') ?? env.PODROUTE_CONFIG ?? DEFAULT_CONFIG_FILE,
    nodeName,
    nodeAddresses: (env.NODE_IPS ?? '')
      .split(',')
      .filter((address) => canonicalAddress(address) !== undefined),
    kubeconfig: text('kubeconfig') ?? (env.KUBECONFIG || undefined),
    stateDirectory: text('state-directory') ?? DEFAULT_STATE_DIRECTORY,
    strict: values.strict === true,
    overrides,
    help,
  }
}

function switchesOf(sections: Iterable<AnySection>): (readonly [name: string, path: readonly string[]])[] {
  return [...sections].flatMap(({ switches }) => Object.entries(switches))
}

function readArgs(args: readonly string[], switches: readonly string[]): Record<string, unknown> {
  const more = Object.fromEntries(switches.map((name) => [name, { type: 'string' } as const]))
  try {
    return parseArgs({ args: [...args], options: { ...more, ...OWN }, strict: true }).values
  } catch (error) {
    throw new ConfigError([(error as Error).message])
  }
}
