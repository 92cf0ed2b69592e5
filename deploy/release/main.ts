/** `npm run release -- X.Y.Z`: checks, writes the version, builds, signs, commits and tags. Nothing leaves this machine. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { writeArtifacts, writeChecksums, writeSignatures } from './artifacts.ts'
import { released } from './changelog.ts'
import { checkChangelog, checkContents, checkOptions, checkTree, checkVersion, tagOf } from './checks.ts'
import { output, say, TOP } from './command.ts'
import { buildImages, buildLocalImages, type Images, imagesIn } from './images.ts'
import { nextSteps } from './next-steps.ts'
import { readKey } from './signature.ts'
import { withVersion } from './versions.ts'

const USAGE = `usage: npm run release -- X.Y.Z [OPTION…]
       npm run release -- --check

Makes a version on this machine: checks the tree, writes the version and the day into CHANGELOG.md, the packages and the chart, builds the
images of amd64 and arm64, writes manifest, chart, bills of materials, licences and checksums, signs, commits and tags. It pushes nothing:
the last lines say how.

  --dry-run        the checks, and what would be done; changes nothing
  --check          only what does not need a version: lint, types, licences, npm audit
  --image NAME     name of the image in a registry, without version (default: localhost/podroute)
  --images FOLDER  the images are there: what \`npm run images\` writes, built elsewhere
  --local          asks no registry of images for them: base and Node.js are of Debian's packages and npm's; as root
  --build OPTION   of \`buildah build\`, such as --build=--build-arg=RUNTIME_IMAGE=NAME; may be given more than once
  --key FILE       signs with this key (PEM, ECDSA; the password of an encrypted one is $COSIGN_PASSWORD)
  --out FOLDER     where the files go (default: dist/release/X.Y.Z), which has to be empty or not there
  --help
`

const { values, positionals } = parseArgs({
  options: {
    'dry-run': { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    image: { type: 'string', default: 'localhost/podroute' },
    images: { type: 'string' },
    local: { type: 'boolean', default: false },
    build: { type: 'string', multiple: true, default: [] },
    key: { type: 'string' },
    out: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
  allowPositionals: true,
})

/** The files with the version in them, by their paths. */
function changedFiles(version: string, now: Date): Readonly<Record<string, string>> {
  const changelog = readFileSync(join(TOP, 'CHANGELOG.md'), 'utf8')
  const day = now.toISOString().slice(0, 10)
  return { ...withVersion(TOP, version), 'CHANGELOG.md': released(changelog, version, day) }
}

/** Puts the files back and empties the folder where what comes after them fails, so that the command can be given again. */
async function withFiles(
  files: Readonly<Record<string, string>>,
  out: string,
  work: () => Promise<void>,
): Promise<void> {
  // Ctrl-C ends the program that runs, too: that is the failure.
  const wait = () => say('interrupted: putting all back')
  process.on('SIGINT', wait)
  try {
    for (const [path, text] of Object.entries(files)) writeFileSync(join(TOP, path), text)
    await work()
  } catch (error) {
    output('git', 'reset', '-q', '--', ...Object.keys(files))
    output('git', 'checkout', '-q', '--', ...Object.keys(files))
    for (const name of readdirSync(out)) rmSync(join(out, name), { recursive: true })
    rmSync(builtIn(out), { recursive: true, force: true })
    say('nothing is committed or tagged, all files are as before')
    throw error
  } finally {
    process.off('SIGINT', wait)
  }
}

function emptyFolder(path: string): string {
  mkdirSync(path, { recursive: true })
  if (readdirSync(path).length > 0) throw new Error(`${path} is not empty: delete it, or give another --out`)
  return path
}

async function images(version: string, out: string): Promise<Images> {
  if (values.images !== undefined) return imagesIn(resolve(values.images))
  say('building the images of amd64 and arm64: minutes the first time')
  const { build, image } = values
  const options = { name: `${image}:${version}`, out: builtIn(out) }
  if (values.local) return buildLocalImages(options.name, options.out)
  return buildImages({ ...options, build, buildah: [] })
}

/** Where images are built, until they are among the files of the release. */
const builtIn = (out: string) => `${out}.images`

function commitAndTag(version: string, files: readonly string[]): void {
  output('git', 'add', '--', ...files)
  // Where the version was in all files already, the changelog has changed.
  output('git', 'commit', '-q', '-m', `Release ${version}`)
  try {
    output('git', 'tag', '-a', tagOf(version), '-m', `podroute ${version}`)
  } catch (error) {
    output('git', 'reset', '-q', '--soft', 'HEAD~')
    throw error
  }
}

async function make(version: string): Promise<void> {
  const now = new Date()
  const key = values.key === undefined ? undefined : readKey(values.key, process.env.COSIGN_PASSWORD)
  const out = emptyFolder(resolve(values.out ?? join(TOP, 'dist/release', version)))
  const files = changedFiles(version, now)
  await withFiles(files, out, async () => {
    const release = { version, image: values.image, images: await images(version, out), out, created: now }
    await writeArtifacts(release)
    rmSync(builtIn(out), { recursive: true, force: true })
    writeChecksums(out)
    if (key !== undefined) writeSignatures(release, key)
    commitAndTag(version, Object.keys(files))
    say(
      `${version} is in ${out}, committed and tagged${key === undefined ? ', not signed (--key)' : ''}; next:`,
    )
    process.stdout.write(nextSteps(release, key !== undefined))
  })
}

async function main(): Promise<void> {
  if (values.help) return void process.stdout.write(USAGE)
  if (values.check) return checkContents()
  const [version, ...others] = positionals
  if (version === undefined || others.length > 0) throw new Error(`give one version\n\n${USAGE}`)
  checkOptions(values)
  checkVersion(version)
  checkTree()
  checkChangelog()
  checkContents()
  if (!values['dry-run']) return make(version)
  const files = Object.keys(changedFiles(version, new Date()))
  say(`all checks pass: ${version} would be written into ${files.join(', ')}, built, committed and tagged`)
}

try {
  await main()
} catch (error) {
  say((error as Error).message)
  process.exitCode = 1
}
