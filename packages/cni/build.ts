// Builds the plugins: TypeScript to one bundle, to bytecode, to one static executable that has them loaded.
// node packages/cni/build.ts --out DIR [--arch amd64|arm64]

import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { FEATURES } from '@podroute/agent/features.ts'
import { buildSync } from 'esbuild'
import { type Architecture, machineArchitecture, type Toolchain, toolchain } from './sysroot.ts'

const HERE = import.meta.dirname
const COMPILER_FLAGS = ['-O2', '-Wall', '-Wextra', '-Wno-unused-parameter', '-fno-asynchronous-unwind-tables']

/** What the features need, for `prepare-node`. */
const MODULES = [...new Set(FEATURES.flatMap(({ modules = [] }) => modules))]

/** The plugins as one script without imports. */
function bundle(directory: string): string {
  const outfile = join(directory, 'main.js')
  buildSync({
    entryPoints: [join(HERE, 'entry/main.ts')],
    outfile,
    bundle: true,
    // Names in a function's scope: QuickJS searches for global ones by their text at every use.
    format: 'iife',
    platform: 'neutral',
    target: 'es2022',
    minify: true,
    define: { PODROUTE_MODULES: JSON.stringify(MODULES) },
    legalComments: 'none',
  })
  return outfile
}

/** The header that native/main.c includes. */
function compileBytecode(tools: Toolchain, directory: string): void {
  const [qjsc, ...args] = tools.qjsc
  const header = join(directory, 'bytecode.h')
  execFileSync(qjsc!, [...args, '-c', '-s', '-N', 'bytecode', '-o', header, bundle(directory)])
}

function link(tools: Toolchain, directory: string): string {
  const executable = join(directory, 'podroute-cni')
  const [cc, ...args] = tools.cc
  const sources = globSync(join(HERE, 'native/*.c')).sort()
  const includes = ['-I', directory, '-I', join(HERE, 'native')]
  execFileSync(
    cc!,
    [...args, ...COMPILER_FLAGS, ...includes, '-s', '-o', executable, ...sources, ...tools.libraries],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  )
  return executable
}

const MARK_LENGTH = 16
const HEAP_LIMIT = 16e6

/** Lets the executable load the plugins and puts its memory, as it is then, into it (native/heap.c). */
function keepHeap(tools: Toolchain, executable: string): void {
  const [program, ...args] = [...tools.run, executable]
  const heap = execFileSync(program!, [...args, 'print-heap'], { maxBuffer: HEAP_LIMIT })
  const bytes = readFileSync(executable)
  const mark = heap.subarray(0, MARK_LENGTH)
  const place = bytes.indexOf(mark)
  if (place < 0 || bytes.indexOf(mark, place + 1) >= 0)
    throw new Error('the place of the heap in the executable was not found')
  heap.copy(bytes, place)
  writeFileSync(executable, bytes)
}

/** Builds into `out` and returns the executable's path. */
export function build(out: string, architecture: Architecture): string {
  mkdirSync(out, { recursive: true })
  const directory = mkdtempSync(join(tmpdir(), 'podroute-cni-'))
  try {
    const tools = toolchain(architecture)
    compileBytecode(tools, directory)
    const built = link(tools, directory)
    keepHeap(tools, built)
    const target = join(out, 'podroute-cni')
    // By way of a name of our own: the directory may be on another file system, and somebody may run the old one.
    const temporary = `${target}.${process.pid}`
    copyFileSync(built, temporary)
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
