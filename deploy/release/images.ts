/**
 * The images of both architectures, by one command: `npm run images -- --out FOLDER`. buildah builds them of deploy/Dockerfile; where the
 * machine is of another architecture, its programs are emulated (Debian: qemu-user-static, which registers itself with the kernel).
 * With --local no registry of images is asked: base and Node.js are of Debian's packages and npm's (lab/images).
 * FOLDER gets, beside an archive of each as `docker save` writes it, one of both with their index (OCI), and the index's digest.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ARCHITECTURES, type Architecture, MACHINE } from '../../lab/images/emulated.ts'
import { output, say, shown, TOP } from './command.ts'

export interface Images {
  /** Archives as `docker save` writes them. */
  readonly archives: Readonly<Record<Architecture, string>>
  /** Both, with their index. */
  readonly index: string
  /** `sha256:…`, of the index. */
  readonly digest: string
}

/** Where the images of a folder are. @throws Error where the digest is missing or is none */
export function imagesIn(folder: string): Images {
  const digest = readFileSync(join(folder, 'podroute.digest'), 'utf8').trim()
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw new Error(`${folder}/podroute.digest holds no digest`)
  return { ...paths(folder), digest }
}

export interface ImageOptions {
  /** Name and version. */
  readonly name: string
  readonly out: string
  /** Further options of `buildah build`: base images, storage. */
  readonly build: readonly string[]
  /** Options of buildah itself. */
  readonly buildah: readonly string[]
  /** Holds deploy/Dockerfile; the repository where nothing is said. */
  readonly source?: string
}

export function buildImages({ name, out, build, buildah, source = TOP }: ImageOptions): Images {
  const list = emptyIndex(name, out, buildah)
  const platforms = ARCHITECTURES.map((architecture) => `linux/${architecture}`).join(',')
  const ignored = ['--ignorefile', join(source, '.dockerignore')]
  const args = ['build', '--platform', platforms, '--manifest', list, ...ignored, ...build]
  try {
    shown('buildah', ...buildah, ...args, '-f', join(source, 'deploy/Dockerfile'), source)
  } catch (cause) {
    const hint = 'where no registry of images is reached, --local builds without one'
    throw new Error(`${(cause as Error).message}; ${hint}`, { cause })
  }
  const { archives } = paths(out)
  const { manifests } = JSON.parse(output('buildah', ...buildah, 'manifest', 'inspect', list)) as Index
  for (const architecture of ARCHITECTURES) {
    const found = manifests.find(({ platform }) => platform.architecture === architecture)
    if (found === undefined) throw new Error(`buildah built no image for ${architecture}`)
    const archive = `docker-archive:${archives[architecture]}:${name}`
    output('buildah', ...buildah, 'push', `${list}@${found.digest}`, archive)
  }
  return writeIndex(name, out, buildah)
}

/** Of Debian's packages and npm's: no registry of images is asked. */
export async function buildLocalImages(
  name: string,
  out: string,
  buildah: readonly string[] = [],
): Promise<Images> {
  await checkForLocal()
  const [{ renameImage }, { buildPodrouteImage }, { buildImageFor }] = await Promise.all([
    import('../../lab/images/archive.ts'),
    import('../../lab/images/podroute.ts'),
    import('../../lab/images/other-architecture.ts'),
  ])
  const list = emptyIndex(name, out, buildah)
  output('buildah', ...buildah, 'manifest', 'create', list)
  const { archives } = paths(out)
  for (const architecture of ARCHITECTURES) {
    const built = await (architecture === MACHINE ? buildPodrouteImage() : buildImageFor(architecture))
    await renameImage(built, name, archives[architecture])
    output('buildah', ...buildah, 'manifest', 'add', list, `docker-archive:${archives[architecture]}`)
  }
  return writeIndex(name, out, buildah)
}

/** Debian's packages that make base and image of both architectures. */
const LOCAL_PACKAGES = [
  'buildah',
  'gcc',
  'gcc-aarch64-linux-gnu',
  'libc6-dev',
  'mmdebstrap',
  'qemu-user-static',
]

/** @throws Error that says what to install, before minutes have gone */
async function checkForLocal(): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new Error('--local unpacks packages of Debian into a root file system: run it as root')
  const { missingPackages } = await import('../../lab/prerequisites.ts')
  const missing = await missingPackages(LOCAL_PACKAGES)
  if (missing.length > 0)
    throw new Error(`--local needs more of Debian: apt-get install ${missing.join(' ')}`)
}

const indexName = (name: string) => `${name}-index`

/** Nothing of an earlier build is left in the folder, nor in buildah's list. */
function emptyIndex(name: string, out: string, buildah: readonly string[]): string {
  mkdirSync(out, { recursive: true })
  const { archives, index } = paths(out)
  for (const file of [...Object.values(archives), index]) rmSync(file, { force: true })
  const list = indexName(name)
  if (exists(list, buildah)) output('buildah', ...buildah, 'manifest', 'rm', list)
  return list
}

function writeIndex(name: string, out: string, buildah: readonly string[]): Images {
  const digest = join(out, 'podroute.digest')
  const archive = `oci-archive:${paths(out).index}:${name}`
  output('buildah', ...buildah, 'manifest', 'push', '--all', '--digestfile', digest, indexName(name), archive)
  return imagesIn(out)
}

interface Index {
  readonly manifests: readonly {
    readonly digest: string
    readonly platform: { readonly architecture: string }
  }[]
}

const paths = (folder: string): Pick<Images, 'archives' | 'index'> => ({
  archives: { amd64: join(folder, 'podroute-amd64.tar'), arm64: join(folder, 'podroute-arm64.tar') },
  index: join(folder, 'podroute.oci.tar'),
})

function exists(list: string, buildah: readonly string[]): boolean {
  try {
    output('buildah', ...buildah, 'manifest', 'exists', list)
    return true
  } catch {
    return false
  }
}

const USAGE = `usage: npm run images -- --out FOLDER [--local] [--name NAME:VERSION] [--build OPTION]… [--buildah OPTION]…

  --local           asks no registry of images: base and Node.js are of Debian's packages and npm's; as root
  --build OPTION    of \`buildah build\`, such as --build=--build-arg=RUNTIME_IMAGE=NAME
  --buildah OPTION  of buildah itself, such as --buildah=--root=FOLDER
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      local: { type: 'boolean', default: false },
      name: { type: 'string', default: 'localhost/podroute:dev' },
      build: { type: 'string', multiple: true, default: [] },
      buildah: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.out === undefined || values.help) {
    process.stderr.write(USAGE)
    return values.help ? 0 : 1
  }
  const { name, build, buildah } = values
  const out = resolve(values.out)
  const { digest } = values.local
    ? await buildLocalImages(name, out, buildah)
    : buildImages({ name, out, build, buildah })
  say(`images of ${ARCHITECTURES.join(' and ')}: ${digest}`)
  return 0
}

if (import.meta.main)
  process.exitCode = await main().catch((error: Error) => {
    say(error.message)
    return 1
  })
