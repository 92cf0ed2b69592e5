/** Command-line flags and environment of the agent: they win over the file. */
import { canonicalAddress } from '@podroute/address/address.ts'
import type { Flag, FlagEffect, FlagValues } from '@podroute/feature/flag.ts'
import type { AnySection } from '@podroute/feature/section.ts'
import { ConfigError } from '../errors.ts'
import { type Option, readArguments } from './arguments.ts'
import { KUBE_ROUTER_FLAGS } from './kube-router-flags.ts'

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
  /** Keys of the file that flags set, later ones over those before. */
  readonly overrides: readonly Override[]
  /** Flags of kube-router that have no effect here, and why. */
  readonly notes: readonly FlagNote[]
  readonly help: boolean
  readonly version: boolean
}

export type Override = Extract<FlagEffect, { readonly kind: 'set' | 'edit' }>

export interface FlagNote {
  readonly flag: string
  readonly why: string
}

const DEFAULT_CONFIG_FILE = '/etc/podroute/config.yaml'
const DEFAULT_STATE_DIRECTORY = '/run/podroute'

const OWN: readonly Option[] = [
  { name: 'config', takes: 'text' },
  { name: 'node-name', takes: 'text' },
  { name: 'kubeconfig', takes: 'text' },
  { name: 'state-directory', takes: 'text' },
  { name: 'admin-socket', takes: 'text' },
  { name: 'log-level', takes: 'text' },
  { name: 'strict', takes: 'bool' },
  { name: 'help', letter: 'h', takes: 'bool' },
  { name: 'version', letter: 'V', takes: 'bool' },
]

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
  --version
  --help

Flags of kube-router are understood, too: docs/migrating-from-kube-router.md says what becomes of each.

agent prepare-node [--install-cni=DIRECTORY] OUT KUBECONFIG…, before the agent and with more rights than it has: puts the CNI plugins into the
directory (those of others there under the same names are kept as NAME.before-podroute, and podroute cleanup puts them back), loads the kernel modules of
the features, and writes to the folder OUT a kubeconfig for each with the API server's address and nothing else.

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
  const all = [...sections]
  const switches = switchesOf(all)
  const aliases = kubeRouterFlags(all)
  const options = [...OWN, ...switches.map(([name]): Option => ({ name, takes: 'bool' })), ...aliases]
  const { values, problems } = readArguments(args, options)
  const effects = effectsOf(aliases, values)
  const wrong = [...problems, ...effects.refused]
  const text = (name: string) => values.get(name) as string | undefined
  const done = values.get('help') === true || values.get('version') === true
  const nodeName = text('node-name') ?? text('hostname-override') ?? env.NODE_NAME ?? ''
  if (nodeName === '' && !done) wrong.push('--node-name (or NODE_NAME): the name of this Node is needed')
  if (wrong.length > 0) throw new ConfigError(wrong)
  return {
    configFile: text('config') ?? env.PODROUTE_CONFIG ?? DEFAULT_CONFIG_FILE,
    nodeName,
    nodeAddresses: (env.NODE_IPS ?? '')
      .split(',')
      .filter((address) => canonicalAddress(address) !== undefined),
    kubeconfig: text('kubeconfig') ?? (env.KUBECONFIG || undefined),
    stateDirectory: text('state-directory') ?? DEFAULT_STATE_DIRECTORY,
    strict: values.get('strict') === true,
    overrides: [...effects.overrides, ...ownOverrides(switches, values)],
    notes: effects.notes,
    help: values.get('help') === true,
    version: values.get('version') === true,
  }
}

/** All that are understood, the agent's own and those of its features. */
export function kubeRouterFlags(sections: Iterable<AnySection>): readonly Flag[] {
  return [...KUBE_ROUTER_FLAGS, ...[...sections].flatMap((section) => section.kubeRouterFlags)]
}

function switchesOf(sections: Iterable<AnySection>): (readonly [name: string, path: readonly string[]])[] {
  return [...sections].flatMap(({ switches }) => Object.entries(switches))
}

function ownOverrides(switches: ReturnType<typeof switchesOf>, values: FlagValues): Override[] {
  const own = [...switches, ['log-level', ['log', 'level']], ['admin-socket', ['adminSocket']]] as const
  return own
    .filter(([name]) => values.has(name))
    .map(([name, path]): Override => ({ kind: 'set', path, value: values.get(name) }))
}

function effectsOf(flags: readonly Flag[], values: FlagValues) {
  const overrides: Override[] = []
  const notes: FlagNote[] = []
  const refused: string[] = []
  for (const flag of flags) {
    const value = values.get(flag.name)
    for (const effect of value === undefined ? [] : flag.effects(value, values)) {
      if (effect.kind === 'note') notes.push({ flag: `--${flag.name}`, why: effect.text })
      else if (effect.kind === 'refuse') refused.push(`--${flag.name}: ${effect.text}`)
      else overrides.push(effect)
    }
  }
  return { overrides, notes, refused }
}
