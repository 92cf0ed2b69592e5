/**
 * `node lab/bootstrap.mjs PROGRAM.ts [ARGUMENTS…]`: runs a program of this repository by the project's own Node.js, and installs the
 * npm packages first where they are missing or are not those of package-lock.json. Plain JavaScript that old releases of Node.js
 * read, because this is what a fresh machine has.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { runMain } from 'node:module'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const TOP = fileURLToPath(new URL('..', import.meta.url))
const MODULES = join(TOP, 'node_modules')
const NODE = join(MODULES, 'node', 'bin', 'node')
/** Holds the process that installs, as long as it does. */
const INSTALLING = join(TOP, '.build', 'npm-ci.pid')

/** Programs that build what they need into the cache, and the first arguments with which they do (none: always). */
const BUILDERS = {
  'lab/main.ts': [undefined, 'up', 'prepare', '--keep', '--e2e'],
  'test/run.ts': [],
  'test/e2e/run.ts': [],
  'test/bench/services.ts': [],
}

const say = (text) => process.stderr.write(`podroute: ${text}\n`)

/** Packages of a lock file by folder; undefined where there is no such file, or not a whole one. */
function lockedPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return undefined
  }
}

/**
 * What is the matter with the installed packages, if anything. npm writes its own lock file last, with what it has installed;
 * its time says little, because git sets that of package-lock.json at every change of the branch. Optional packages are
 * those of other machines.
 */
function installProblem() {
  const installed = lockedPackages(join(MODULES, '.package-lock.json'))
  if (installed === undefined || !existsSync(NODE)) return 'missing'
  const locked = Object.entries(lockedPackages(join(TOP, 'package-lock.json')) ?? {})
  const other = locked.some(([folder, { version, integrity, optional }]) => {
    if (folder === '' || (optional && installed[folder] === undefined)) return false
    return installed[folder]?.version !== version || installed[folder]?.integrity !== integrity
  })
  return other ? 'not those of package-lock.json' : undefined
}

/** The paths that npm adds for its scripts lead to a Node.js that `npm ci` deletes. */
function pathWithoutModules() {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((path) => !path.includes('node_modules'))
    .join(delimiter)
}

/** Process that installs the packages, where another command was started at the same time; undefined where it has ended. */
function otherInstaller() {
  try {
    const pid = Number(readFileSync(INSTALLING, 'utf8'))
    process.kill(pid, 0)
    return pid
  } catch {
    return undefined
  }
}

/** Runs `work` once no other command of this repository does. */
function alone(work) {
  mkdirSync(dirname(INSTALLING), { recursive: true })
  for (let told = false; ; ) {
    try {
      writeFileSync(INSTALLING, String(process.pid), { flag: 'wx' })
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const other = otherInstaller()
    if (other === undefined) rmSync(INSTALLING, { force: true })
    else if (!told) say(`another command (process ${other}) installs the npm packages: waiting for it`)
    told ||= other !== undefined
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
  }
  process.on('exit', () => rmSync(INSTALLING, { force: true }))
  work()
  rmSync(INSTALLING, { force: true })
}

function install() {
  const problem = installProblem()
  if (problem === undefined) return
  say(
    `the npm packages are ${problem}: npm ci installs them into node_modules (about a minute the first time)`,
  )
  // The programs are among the development packages, which NODE_ENV=production leaves out.
  const { status, error } = spawnSync(
    'npm',
    ['ci', '--prefer-offline', '--include=dev', '--loglevel=error'],
    {
      cwd: TOP,
      env: { ...process.env, PATH: pathWithoutModules() },
      // Standard output is the program's.
      stdio: ['ignore', 2, 2],
    },
  )
  if (status === 0 && existsSync(NODE)) return
  if (error) say(`npm cannot be started (${error.message}): install npm, or put it into PATH`)
  else say('npm ci failed, as said above: when the registry can be reached, run the command again')
  process.exit(1)
}

/** Whether the cache has something of a kind; what was interrupted begins with a dot. */
function hasEntry(folder) {
  return existsSync(folder) && readdirSync(folder).some((name) => !name.startsWith('.'))
}

/** Says what the first time takes, and where it is kept, before anything is done; whether this is the first time. */
function announceFirstRun(program, args) {
  const firsts = BUILDERS[program]
  if (firsts === undefined || args.includes('--help') || args.includes('-h')) return false
  if (firsts.length > 0 && !firsts.includes(args[0])) return false
  const cache = process.env.PODROUTE_CACHE || join(homedir(), '.cache', 'podroute')
  if (hasEntry(join(cache, 'kubernetes'))) return false
  say(
    'the first run takes about 8 minutes on two cores, later ones half a minute; Debian packages are installed by apt, ' +
      `what is built (Kubernetes, the nodes’ kernel, images) is kept in ${cache} (some 2 GB) and in Go’s own caches (some 4 GB)`,
  )
  return true
}

/** Has Go download the sources of Kubernetes while npm installs. What fails is told when they are built. */
function downloadKubernetes() {
  const child = spawn('go', ['mod', 'download'], {
    cwd: join(TOP, 'lab', 'control-plane'),
    env: { ...process.env, PATH: [process.env.PATH ?? '', '/usr/local/go/bin'].join(delimiter) },
    stdio: 'ignore',
    detached: true,
  })
  child.on('error', () => {})
  child.unref()
}

/** Runs the program in a process of its own, which gets the signals that this one gets. */
function runByOwnNode(path, args) {
  const env = { ...process.env, PATH: [join(MODULES, '.bin'), pathWithoutModules()].join(delimiter) }
  const child = spawn(NODE, [path, ...args], { env, stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    say(`${NODE} cannot be started (${error.message}): delete node_modules, and run the command again`)
    process.exit(1)
  })
  child.on('close', (code) => process.exit(code ?? 1))
}

const [program, ...args] = process.argv.slice(2)
if (program === undefined) {
  say('usage: node lab/bootstrap.mjs PROGRAM.ts [ARGUMENTS…]')
  process.exit(2)
}
const first = announceFirstRun(program, args)
const problem = installProblem()
if (problem !== undefined) {
  if (first) downloadKubernetes()
  alone(install)
}
const path = join(TOP, program)
if (problem === undefined && process.execPath === NODE) {
  // A process less: the program does not see that it was started from here.
  process.argv.splice(1, 2, path)
  runMain()
} else runByOwnNode(path, args)
