// Builds the plugins: TypeScript to one bundle a plugin, to bytecode, to one static executable.
// node packages/cni/build.ts --out DIR [--arch amd64|arm64]

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildSync } from 'esbuild'
import { type Architecture, machineArchitecture, type Toolchain, toolchain } from './sysroot.ts'

const HERE = import.meta.dirname
const PROGRAMS = ['bridge', 'host-local', 'loopback', 'portmap', 'install']
const SOURCES = ['main.c', 'files.c', 'network.c', 'process.c', 'sha512.c', 'math.c']

const identifier = (program: string) => `program_${program.replace('-', '_')}`

/** One script without imports; what the bytecode needs no name for has a short one. */
function bundle(program: string, directory: string): string {
  const outfile = join(directory, `${program}.js`)
  buildSync({
    entryPoints: [join(HERE, 'entry', `${program}.ts`)],
    outfile,
    bundle: true,
    // A plain script, since nothing is exported: names of its own scope cost QuickJS a search each, 4 % of an ADD.
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
  })
  return outfile
}

function compileBytecode(tools: Toolchain, program: string, directory: string): void {
  const [qjsc, ...args] = tools.qjsc
  const target = join(directory, `${program}.c`)
  const script = bundle(program, directory)
  execFileSync(qjsc!, [...args, '-c', '-s', '-N', identifier(program), '-o', target, script])
}

/** The table that native/main.c picks from. */
function writeTable(directory: string): void {
  const lines = [
    ...PROGRAMS.map((program) => `#include "${program}.c"`),
    'struct program { const char *name; const uint8_t *code; size_t size; };',
    'static const struct program programs[] = {',
    ...PROGRAMS.map((p) => `    {"${p}", ${identifier(p)}, sizeof(${identifier(p)})},`),
    '};',
  ]
  writeFileSync(join(directory, 'bytecode.h'), `${lines.join('\n')}\n`)
}

function link(tools: Toolchain, directory: string): string {
  const executable = join(directory, 'podroute-cni')
  const [cc, ...args] = tools.cc
  execFileSync(
    cc!,
    [
      ...args,
      ...[
        '-O2',
        '-Wall',
        '-Wextra',
        '-Wno-unused-parameter',
        '-static',
        '-s',
        '-fno-asynchronous-unwind-tables',
      ],
      ...['-I', directory, '-I', join(HERE, 'native')],
      ...SOURCES.map((source) => join(HERE, 'native', source)),
      ...['-o', executable],
      ...tools.libraries,
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  )
  return executable
}

/** Builds into `out` and returns the executable's path. */
export function build(out: string, architecture: Architecture): string {
  mkdirSync(out, { recursive: true })
  const directory = mkdtempSync(join(tmpdir(), 'podroute-cni-'))
  try {
    const tools = toolchain(architecture)
    for (const program of PROGRAMS) compileBytecode(tools, program, directory)
    writeTable(directory)
    const built = link(tools, directory)
    const target = join(out, 'podroute-cni')
    // By way of a name of our own: the directory may be on another file system, and somebody may run the old one.
    const temporary = `${target}.${process.pid}`
    execFileSync('cp', [built, temporary])
    renameSync(temporary, target)
    return target
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: 'string' }, arch: { type: 'string' } } })
  const architecture = (values.arch ?? machineArchitecture()) as Architecture
  if (values.out === undefined || !['amd64', 'arm64'].includes(architecture)) {
    console.error('usage: node packages/cni/build.ts --out DIR [--arch amd64|arm64]')
    process.exit(2)
  }
  const executable = build(resolve(values.out), architecture)
  console.log(`${executable} ${(statSync(executable).size / 1e6).toFixed(2)} MB`)
}
