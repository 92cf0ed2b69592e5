/** What one node has to show: the agent's pages, dumps of its kernel, its files; without secrets. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { VERSION } from '@podroute/agent/version.ts'
import { ask, askPages, askTables } from '../client.ts'
import { CliError } from '../errors.ts'
import { table } from '../format.ts'
import type { BundleFile } from './archive.ts'
import { cleanFile, formsOf, withoutSecrets } from './secrets.ts'

export interface NodePlaces {
  readonly socket: string
  /** Where the node's files are. */
  readonly root: string
  /** Folders whose files are secrets. Nothing of them is in an archive. */
  readonly secrets: readonly string[]
}

/** Of the agent's pod. */
export const SECRETS = ['/etc/podroute-secrets', '/var/run/secrets/kubernetes.io/serviceaccount']
const OWN_FILES = ['/etc/podroute', '/etc/cni/net.d']
/** Of them names and sizes only: what agents leave for the next one may hold passwords. */
const LISTED = ['/run/podroute', '/run/podroute-node', '/opt/podroute']
const PROC = [
  ...[
    'net/ip_vs',
    'net/ip_vs_conn_sync',
    'net/ip_vs_stats',
    'net/dev',
    'net/snmp',
    'net/snmp6',
    'net/netstat',
  ],
  ...['net/softnet_stat', 'net/sockstat', 'net/arp', 'net/nf_conntrack_stat', 'net/stat/nf_conntrack'],
  ...['modules', 'meminfo', 'loadavg', 'uptime', 'version', 'sys/net/netfilter/nf_conntrack_count'],
  ...['sys/net/netfilter/nf_conntrack_max', 'sys/net/ipv4/ip_forward', 'sys/net/ipv6/conf/all/forwarding'],
  ...['sys/net/ipv4/conf/all/rp_filter', 'sys/net/ipv4/vs/conntrack', 'sys/net/ipv4/vs/expire_nodest_conn'],
]
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  'ip-address': ['ip', 'address'],
  'ip-link-statistics': ['ip', '-s', 'link'],
  'ip-rule': ['ip', 'rule'],
  'ip-rule-6': ['ip', '-6', 'rule'],
  'ip-route': ['ip', 'route', 'show', 'table', 'all'],
  'ip-route-6': ['ip', '-6', 'route', 'show', 'table', 'all'],
  'ip-neighbour': ['ip', 'neigh'],
  nft: ['nft', 'list', 'ruleset'],
}
/** Pages that want to be asked something. */
const ASKED = ['explain']
/** Characters of one file: the end of it counts. */
const LONGEST = 4_000_000
/** Milliseconds of one command. */
const PATIENCE = 20_000

export async function nodeFiles(places: NodePlaces): Promise<readonly BundleFile[]> {
  const forms = formsOf(places.secrets.flatMap((folder) => filesIn(folder)).flatMap(readText))
  const files = [
    { name: 'versions.txt', text: versions() },
    ...(await pages(places.socket)),
    ...(await commands()),
    ...PROC.flatMap((name) => fileOf(`proc/${name}`, join('/proc', name))),
    ...OWN_FILES.flatMap((folder) => filesIn(join(places.root, folder))).flatMap((path) =>
      fileOf(`files${path}`, path),
    ),
    {
      name: 'files/list.txt',
      text: LISTED.flatMap((folder) => listed(join(places.root, folder))).join('\n'),
    },
  ]
  return files.map(({ name, text }) => ({ name, text: cleanFile(text.slice(-LONGEST), forms) }))
}

/** @param path `-`: standard output. @throws CliError where it cannot be written */
export function writeBundle(path: string, archive: Buffer): void {
  try {
    writeFileSync(path === '-' ? 1 : path, archive, { mode: 0o600 })
  } catch (cause) {
    throw new CliError('answer', `the archive cannot be written: ${(cause as Error).message}`, { cause })
  }
}

function versions(): string {
  return `podroute ${VERSION}\nNode.js ${process.version}\nLinux ${release()} ${process.arch}\n`
}

async function pages(socket: string): Promise<readonly BundleFile[]> {
  const own = ['status', 'plan'].map((name) => json(socket, name))
  try {
    const names = (await askPages(socket)).pages
      .map(({ name }) => name)
      .filter((name) => !ASKED.includes(name))
    return await Promise.all([
      ...own,
      ...names.flatMap((name) => [json(socket, name), forPeople(socket, name)]),
    ])
  } catch (error) {
    return [{ name: 'agent.txt', text: (error as Error).message }]
  }
}

async function json(socket: string, name: string): Promise<BundleFile> {
  const said = await ask(socket, `/${name}`).catch((error: Error) => ({ error: error.message }))
  return { name: `pages/${name}.json`, text: JSON.stringify(withoutSecrets(said), null, 2) }
}

async function forPeople(socket: string, name: string): Promise<BundleFile> {
  const text = await askTables(socket, name).then(
    ({ tables }) =>
      tables.map(({ columns, rows, empty }) => (rows.length > 0 ? table(columns, rows) : empty)).join('\n\n'),
    (error: Error) => error.message,
  )
  return { name: `pages/${name}.txt`, text }
}

function commands(): Promise<readonly BundleFile[]> {
  return Promise.all(
    Object.entries(COMMANDS).map(async ([name, command]) => ({
      name: `kernel/${name}.txt`,
      text: await outputOf(command),
    })),
  )
}

/** With why it failed. */
function outputOf([program = '', ...args]: readonly string[]): Promise<string> {
  const options = { timeout: PATIENCE, maxBuffer: 64 * LONGEST }
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) =>
      resolve(`${stdout}${stderr}${error ? `\n${error.message}\n` : ''}`),
    )
  })
}

function fileOf(name: string, path: string): readonly BundleFile[] {
  return readText(path).map((text) => ({ name, text }))
}

function readText(path: string): readonly string[] {
  try {
    return [readFileSync(path, 'utf8')]
  } catch {
    return []
  }
}

/** Kubernetes puts them behind a link that it replaces: `..data`. */
function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('..'))
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile())
  } catch {
    return []
  }
}

function listed(folder: string): readonly string[] {
  return filesIn(folder).map((path) => `${statSync(path).size} ${path}`)
}
