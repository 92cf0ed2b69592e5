// Headers that most files of the kernel include, parsed once: a file of 500 lines of its network includes 117,000, and parsing those is most of
// what compiling it takes (12.2 s of 18 files; 7.5 s without a line of code written). Loading what was parsed takes time, too: files outside of
// the network have a smaller set. uml-cc.sh compiles with what this leaves.

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../command.ts'
import { LabError } from '../errors.ts'

const CORE = [
  ...['kconfig', 'compiler_types', 'module', 'kernel', 'init', 'slab', 'fs', 'mm'],
  ...['sched', 'sched/signal', 'sched/mm', 'pagemap', 'proc_fs', 'seq_file', 'syscalls'],
].map((name) => `linux/${name}.h`)

const NETWORK = [
  ...[
    ...['blkdev', 'memcontrol', 'cgroup', 'bpf', 'filter', 'security', 'netdevice', 'etherdevice'],
    ...['inetdevice', 'rtnetlink', 'skbuff', 'netfilter', 'netfilter_ipv4', 'netfilter_ipv6'],
  ].map((name) => `linux/${name}.h`),
  ...[
    ...['net_namespace', 'sock', 'tcp', 'udp', 'ip', 'ipv6', 'route', 'ip6_route', 'addrconf', 'genetlink'],
    ...['pkt_sched', 'ip_vs', 'netfilter/nf_conntrack', 'netfilter/nf_tables'],
  ].map((name) => `net/${name}.h`),
]

/** By the names that uml-cc.sh includes. */
const SETS = { 'podroute-core.h': CORE, 'podroute-network.h': [...CORE, ...NETWORK] }

/** A file that is compiled with nothing but the flags that all have. */
export const PLAIN_OBJECT = 'net/ipv4/route.o'

/** What compiles the kernel's files with them. */
export const COMPILER = join(import.meta.dirname, 'uml-cc.sh')

/** Names that headers use in their macros: while they are precompiled they are something, afterwards every file defines its own. */
const NAMES = {
  KBUILD_MODNAME: '"headers"',
  KBUILD_BASENAME: '"headers"',
  KBUILD_MODFILE: '"headers"',
  __KBUILD_MODNAME: 'headers',
}

function including(headers: readonly string[]): string {
  const names = Object.entries(NAMES)
  return [
    ...names.map(([name, value]) => `#define ${name} ${value}`),
    ...headers.map((name) => `#include <${name}>`),
    ...names.map(([name]) => `#undef ${name}`),
    '',
  ].join('\n')
}

/** How `make` compiled an object: the flags, without what belongs to the one file. */
export function flagsOf(command: string): string {
  const line = /^savedcmd_\S+ := \S+ (.*)$/m.exec(command)?.[1]
  if (line === undefined)
    throw new LabError('command-failed', 'the kernel’s build does not say how it compiled')
  return line
    .replace(/ -c -o .*$/, '')
    .replaceAll(/-include \S+/g, '')
    .replaceAll(/-D(?:__)?KBUILD_[A-Z]+=\S+/g, '')
    .replace(/-Wp,-MMD,\S+/, '')
}

/** PLAIN_OBJECT is there. */
export async function precompileHeaders(source: string): Promise<void> {
  const flags = flagsOf(await readFile(join(source, 'net/ipv4/.route.o.cmd'), 'utf8'))
  for (const [name, headers] of Object.entries(SETS)) await precompileSet(source, flags, name, headers)
}

/** For the kernel and for its modules, which differ by a macro; gcc takes the one that fits. */
async function precompileSet(
  source: string,
  flags: string,
  name: string,
  headers: readonly string[],
): Promise<void> {
  await writeFile(join(source, name), including(headers))
  const made = `${name}.made`
  await mkdir(join(source, made))
  const precompile = (into: string, define: string) =>
    run('sh', ['-c', `gcc ${flags} ${define} -w -O1 -x c-header -c -o ${made}/${into} ${name}`], {
      cwd: source,
    })
  await Promise.all([precompile('kernel', ''), precompile('module', '-DMODULE')])
  await rename(join(source, made), join(source, `${name}.gch`))
  // Where gcc may not take them, for flags that a file has of its own, it is to say so: parsing all of them takes four times what such a file does.
  await writeFile(join(source, name), '#error the precompiled headers do not fit\n')
}
